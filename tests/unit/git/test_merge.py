"""Merging without a checkout, against real repositories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.errors import CommandFailed, Refused
from scripts.git.merge import MergingGit, export_folder
from tests.support.repositories import Repository, seeded


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the tester's own git configuration changes no test."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def person(tmp_path: Path) -> Repository:
    """A clone on `develop` with two commits."""
    return seeded(tmp_path)[1]


@pytest.fixture
def desk(person: Repository) -> MergingGit:
    """The clone, as the desk sees it."""
    return MergingGit(person.folder, "origin")


@pytest.fixture
def fork(person: Repository) -> tuple[str, str]:
    """Two branches that have each changed a file of their own; gives their heads."""
    person.git("branch", "other")
    ours = person.commit("ours", ours="1")
    person.git("switch", "-q", "other")
    return ours, person.commit("theirs", theirs="1")


def soiled(person: Repository) -> dict[str, str]:
    """Working tree, index, branches and HEAD of a person in the midst of something."""
    (person.folder / "file").write_text("changed")
    (person.folder / "new").write_text("untracked")
    (person.folder / "staged").write_text("staged")
    person.git("add", "staged")
    return state(person)


def state(person: Repository) -> dict[str, str]:
    """The same, as it is now."""
    return {
        **person.refs(),
        "status": person.git("status", "--porcelain=v2", "--branch"),
        "index": (person.folder / ".git" / "index").read_bytes().hex(),
        "tree": "".join(sorted(f"{f.name}{f.read_text()}" for f in person.folder.iterdir() if f.is_file())),
    }


def test_a_clean_merge_is_the_one_that_git_merge_makes(
    desk: MergingGit, person: Repository, fork: tuple[str, str]
) -> None:
    """The same tree, two parents in their order, and nothing of the person's was touched."""
    ours, theirs = fork
    before = soiled(person)
    merged = desk.merge_tree(ours, theirs)
    commit = desk.merge_commit(merged.tree, ours, theirs, "Merge it\n\nbecause\n")

    assert before == state(person)
    assert merged.conflicts == ()
    assert f"{ours} {theirs}" == person.git("log", "-1", "--format=%P", commit)
    assert person.git("log", "-1", "--format=%B", commit) == "Merge it\n\nbecause"
    person.git("reset", "-q", "--hard")
    person.git("switch", "-q", "develop")
    person.git("merge", "-q", "--no-edit", "other")
    assert merged.tree == desk.tree_id(commit) == desk.tree_id("HEAD")


def test_conflicts_name_their_files(desk: MergingGit, person: Repository) -> None:
    """Each file once, whatever its name is; a file that merges is not among them."""
    person.git("branch", "other")
    ours = person.commit("ours", **{"file": "a", "naïve file": "a", "fine": "1"})
    person.git("switch", "-q", "other")
    theirs = person.commit("theirs", **{"file": "b", "naïve file": "b"})

    assert desk.merge_tree(ours, theirs).conflicts == ("file", "naïve file")


def test_histories_without_a_common_commit_are_not_merged(desk: MergingGit, person: Repository) -> None:
    """Git's own words are shown."""
    here = person.git("rev-parse", "HEAD")
    person.git("switch", "-q", "--orphan", "alien")

    with pytest.raises(CommandFailed, match="unrelated"):
        desk.merge_tree(here, person.commit("alien"))


@pytest.mark.parametrize(
    ("known", "name"), [(("Berta", "berta@example.org"), "Berta"), (("Berta", ""), "release desk")]
)
def test_a_merge_is_by_the_person_whom_git_knows(
    desk: MergingGit, person: Repository, fork: tuple[str, str], known: tuple[str, str], name: str
) -> None:
    """A name without an address is nobody; then it is the desk's."""
    for key, value in zip(("name", "email"), known, strict=True):
        if value:
            person.git("config", f"user.{key}", value)
    commit = desk.merge_commit(desk.tree_id(fork[0]), *fork, "x")

    assert f"{name} {name}" == person.git("log", "-1", "--format=%an %cn", commit)


def test_the_commits_that_one_side_lacks(desk: MergingGit, person: Repository) -> None:
    """All, and those made on the branch itself."""
    base = person.git("rev-parse", "HEAD")
    person.git("switch", "-q", "-c", "other")
    work = person.commit("work", work="1")
    person.git("commit", "-q", "--allow-empty", "-m", "empty")
    empty = person.git("rev-parse", "HEAD")
    person.git("switch", "-q", "develop")
    person.git("merge", "-q", "--no-ff", "-m", "Merge pull request #1", "other")
    merge = person.git("rev-parse", "HEAD")

    assert {merge, empty, work} == set(desk.commits_between(base, merge))
    assert [merge] == desk.first_parents_between(base, merge)
    assert desk.commits_between(merge, base) == []


def test_changes_name_the_files(desk: MergingGit, person: Repository) -> None:
    """Added, changed and deleted files of two trees, none when they are the same."""
    old = person.commit("a", gone="1", kept="1", changed="1")
    person.git("rm", "-q", "gone")
    new = person.commit("b", changed="2", added="1")

    assert desk.name_status(old, new) == ["A added", "M changed", "D gone"]
    assert desk.name_status(old, desk.tree_id(old)) == []


@pytest.mark.parametrize(
    ("version", "can"),
    [("2.34.1", False), ("2.37.9", False), ("2.38.0", True), ("2.39.5 (Apple)", True), ("3.0", True)],
)
def test_an_old_git_is_refused(
    desk: MergingGit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, can: bool
) -> None:
    """Before anything else, with the version that is needed."""
    shim = tmp_path / "bin" / "git"
    shim.parent.mkdir()
    shim.write_text(f"#!/bin/sh\necho 'git version {version}'\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    if can:
        desk.require_merge_tree()
        return
    with pytest.raises(Refused, match=r"2\.38 or newer") as caught:
        desk.require_merge_tree()

    assert version in caught.value.message


def test_a_commit_of_one_file_disturbs_nothing(desk: MergingGit, person: Repository) -> None:
    """The file is new or replaced, all others stay; no branch, index or file of the person changes."""
    parent = person.commit("base", kept="1", changed="1")
    before = soiled(person)

    commit = desk.commit_file(parent, "deep/er/é.txt", "new\n", "a subject\n\nbody")
    replaced = desk.commit_file(commit, "changed", "2", "again")

    assert state(person) == before
    assert desk.name_status(parent, commit) == ["A deep/er/é.txt"]
    assert desk.name_status(commit, replaced) == ["M changed"]
    assert person.git("show", f"{commit}:deep/er/é.txt") == "new"
    assert person.git("log", "-1", "--format=%P %s", commit) == f"{parent} a subject"


def test_a_folder_of_a_commit_is_written_elsewhere(
    desk: MergingGit, person: Repository, tmp_path: Path
) -> None:
    """Its files as the commit has them, whatever the working tree holds; a missing folder is refused."""
    (person.folder / "tests" / "e2e").mkdir(parents=True)
    (person.folder / "tests" / "e2e" / "test_a.py").write_text("a")
    commit = person.commit("tests")
    (person.folder / "tests" / "e2e" / "test_a.py").write_text("changed")

    written = export_folder(desk, commit, "tests/e2e", tmp_path / "out")

    assert written == tmp_path / "out" / "tests" / "e2e"
    assert {file.name: file.read_text() for file in written.iterdir()} == {"test_a.py": "a"}
    with pytest.raises(Refused, match="has no folder `nowhere`"):
        export_folder(desk, commit, "nowhere", tmp_path / "out")


def test_a_whole_commit_is_written_without_touching_the_checkout(
    desk: MergingGit, person: Repository, tmp_path: Path
) -> None:
    """Also what `export-ignore` leaves out of archives, such as tests."""
    (person.folder / "tests").mkdir()
    (person.folder / "tests" / "a.test.js").write_text("a")
    (person.folder / ".gitattributes").write_text("tests export-ignore\n")
    person.git("add", "tests", ".gitattributes")
    commit = person.commit("tests")
    before = soiled(person)

    desk.write_files(commit, tmp_path / "out")

    assert (tmp_path / "out" / "tests" / "a.test.js").read_text() == "a"
    assert not (tmp_path / "out" / ".git").exists()
    assert not (tmp_path / "out" / "new").exists()
    assert state(person) == before
