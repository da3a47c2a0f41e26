"""The commit-graph makes a long walk short, and gives no other answer than git gives without it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from scripts.errors import CommandFailed
from scripts.git import graph
from scripts.git.merge import MergingGit
from tests.support.repositories import Repository, clone, seeded

LONG = 400  # commits
KEPT = Path(".git/release-desk/cache/graph/info/commit-graph")


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A person's clone with a history, in which every walk counts as a long one."""
    monkeypatch.setattr(graph, "SLOW", 0.0)
    monkeypatch.setattr(graph, "_tried", set())
    origin = seeded(tmp_path)[0]
    lines = list[str]()
    for number in range(1, LONG + 1):
        lines += ["commit refs/heads/long", f"committer Ada <a@example.org> {number} +0000", "data 1", "c"]
    origin.git("fast-import", "--quiet", stdin="\n".join([*lines, ""]))
    return clone(origin, tmp_path / "a: clone")


def answers(git: MergingGit, person: Repository) -> list[object]:
    """Questions of ancestry, by the first and the last commit, and by a stranger."""
    names = ("origin/long~399", "origin/long", "origin/develop")
    commits = [person.git("rev-parse", name) for name in names]
    pairs = [(one, other) for one in commits for other in commits]
    return [
        [git.is_ancestor(*pair) for pair in pairs],
        [git.commits_between(*pair) for pair in pairs[:3]],
        [[each.id for each in git.log(commits[1], without)] for without in (None, *commits)],
        git.history(commits[1], commits[0]),
        git.first_parents_between(commits[0], commits[1]),
    ]


def few(git: MergingGit, person: Repository) -> list[object]:
    """Two of these questions."""
    first, last = (person.git("rev-parse", name) for name in ("origin/long~399", "origin/long"))
    return [git.is_ancestor(first, last), len(git.commits_between(first, last))]


def looks(file: Path) -> tuple[int, int]:
    """Which file it is."""
    return file.stat().st_ino, file.stat().st_mtime_ns


def test_a_long_walk_makes_a_graph_once(person: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the desk's cache: the checkout's objects and configuration stay as they are."""
    git, config = MergingGit(person.folder, "origin"), person.git("config", "--local", "--list")
    monkeypatch.setattr(graph, "SLOW", 1e6)
    fresh = answers(git, person)
    assert not (person.folder / KEPT).exists()

    monkeypatch.setattr(graph, "SLOW", 0.0)
    assert answers(git, person) == fresh
    made = looks(person.folder / KEPT)
    assert answers(git, person) == fresh
    assert looks(person.folder / KEPT) == made
    assert person.git("config", "--local", "--list") == config
    assert not [*(person.folder / ".git/objects/info").glob("commit-graph*")]


def test_a_damaged_graph_is_not_believed(person: Repository) -> None:
    """Git itself would: it looks at the sum of a graph only where it is asked to verify it."""
    git, file = MergingGit(person.folder, "origin"), person.folder / KEPT
    fresh = few(git, person)
    whole = file.read_bytes()
    places = (9, len(whole) // 3, len(whole) // 2, len(whole) - 700, len(whole) - 1)
    changed = (whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in places)
    for content in (bytes(5000), b"CGPH", b"", *changed):
        file.unlink()
        file.write_bytes(content)

        assert few(git, person) == fresh


def test_a_commit_that_nobody_has_is_an_error_with_or_without(person: Repository) -> None:
    """And the graph stays."""
    git = MergingGit(person.folder, "origin")
    few(git, person)
    made = looks(person.folder / KEPT)

    with pytest.raises(CommandFailed):
        git.is_ancestor("1" * 40, person.git("rev-parse", "origin/long"))
    assert looks(person.folder / KEPT) == made


def test_a_graph_that_can_not_be_made_is_no_error(
    person: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run makes it, or was killed while it did: its lock is removed when it is old."""
    git = MergingGit(person.folder, "origin")
    (person.folder / KEPT).parent.mkdir(parents=True)
    lock = Path(f"{person.folder / KEPT}.lock")
    lock.touch()
    few(git, person)
    assert not (person.folder / KEPT).exists()

    monkeypatch.setattr(graph, "_tried", set())
    os.utime(lock, (time.time() - 2 * graph.AGE,) * 2)
    few(git, person)
    assert (person.folder / KEPT).exists()


def test_a_checkout_with_a_graph_of_its_own_gets_no_other(person: Repository) -> None:
    """Git would not read it."""
    person.git("commit-graph", "write", "--reachable")
    few(MergingGit(person.folder, "origin"), person)

    assert not (person.folder / KEPT).exists()
