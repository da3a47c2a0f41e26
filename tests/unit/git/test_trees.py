"""Files of commits, each read once, with the real git."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.errors import DeskError
from scripts.git.client import Git
from scripts.git.files import Objects
from scripts.git.trees import read_file, read_tree
from scripts.system.background import submit
from tests.support.repositories import Repository, seeded


@pytest.fixture
def person(tmp_path: Path) -> Repository:
    """The person's clone."""
    return seeded(tmp_path)[1]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that git starts, by their first words."""
    started: list[str] = []
    kept = Objects._local

    def local(git: Objects, *arguments: str, **more: object) -> object:
        started.append(arguments[0])
        return kept(git, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Objects, "_local", local)
    return started


def test_a_commit_is_read_once_by_all_that_ask_for_it(person: Repository, asked: list[str]) -> None:
    """At the same time or later; another folder is another question."""
    (person.folder / "m").mkdir()
    (person.folder / "m" / "one.sql").write_text("select 1;")
    commit, git = person.commit("one"), Git(person.folder, "origin")
    texts = [submit(read_tree, git, commit, "m") for _ in range(6)]

    assert {each.result()[0].text for each in texts} == {"select 1;"}
    before = len(asked)
    assert read_tree(git, commit, "m")[0].name == "one.sql"
    assert [read_file(git, commit, "m/one.sql") for _ in range(2)] == ["select 1;"] * 2
    assert read_tree(git, commit, "nowhere") == ()
    assert asked[:before].count("ls-tree") == 2  # where the folder is, and what is in it
    assert asked[before:].count("cat-file") == 2  # where the file is, and what is in it


def test_what_can_change_is_read_each_time(person: Repository) -> None:
    """A branch, and a commit that this clone lacks until it is fetched."""
    git = Git(person.folder, "origin")
    (person.folder / "one").write_text("1")
    person.commit("one")
    assert read_file(git, "HEAD", "one") == "1"
    (person.folder / "one").write_text("2")
    commit = person.commit("two")
    assert (read_file(git, "HEAD", "one"), read_file(git, commit, "one")) == ("2", "2")
    for _ in range(2):
        with pytest.raises(DeskError):
            read_tree(git, "0" * 40, "m")
