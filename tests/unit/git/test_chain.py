"""Chains of JSON in commits, read by real git, whatever somebody pushed there by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.git.chain import LARGEST, Link
from scripts.git.merge import MergingGit
from tests.support.repositories import Repository, seeded

FILE, REF = "event.json", "refs/heads/deploy-ledger"


@pytest.fixture
def person(tmp_path: Path) -> Repository:
    """A person's clone of an app."""
    return seeded(tmp_path)[1]


@pytest.fixture
def git(person: Repository) -> MergingGit:
    """The desk's git in that clone."""
    return MergingGit(person.folder, "origin")


def by_hand(person: Repository, parent: str | None, *entries: str) -> str:
    """A commit with these entries of a tree, as `git mktree` reads them."""
    tree = person.git("mktree", stdin="".join(f"{entry}\n" for entry in entries))
    return person.git("commit-tree", tree, *(["-p", parent] if parent else []), "-m", "by hand")


def blob(person: Repository, text: str) -> str:
    """An entry of a tree: the file of an event with this text."""
    return f"100644 blob {person.git('hash-object', '-w', '--stdin', stdin=text)}\t{FILE}"


def test_events_are_read_oldest_first(git: MergingGit) -> None:
    """Every commit of the ledger gives its document."""
    tip = None
    for number in range(4):
        tip = git.commit_json(FILE, {"number": number, "text": "é\n\x1b"}, "event", tip)

    assert tip
    assert [{"number": n, "text": "é\n\x1b"} for n in range(4)] == [
        link.document for link in git.chain(tip, FILE)
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is no JSON"),
        ("", "is no JSON"),
        ("\x00", "is no JSON"),
        ("1", "is no JSON object"),
        ('"text"', "is no JSON object"),
        ("null", "is no JSON object"),
        ("[1,2]", "is no JSON object"),
        ("[" * 200_000, "is no JSON"),
        ("9" * 5000, "is no JSON"),
        (f'"{"x" * LARGEST}"', f"has {LARGEST + 2:,} bytes"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_is_no_document_is_named_and_stops_nothing(
    git: MergingGit, person: Repository, text: str, fault: str
) -> None:
    """The events before and after it are read."""
    first = git.commit_json(FILE, {"n": 1}, "event", None)
    broken = by_hand(person, first, blob(person, text))
    links = git.chain(git.commit_json(FILE, {"n": 3}, "event", broken), FILE)

    assert [link.document for link in links] == [{"n": 1}, {}, {"n": 3}]
    assert links[1] == Link(broken, (first,), fault=f"its `{FILE}` {fault}")


def test_a_commit_without_the_file_is_named(git: MergingGit, person: Repository) -> None:
    """An empty one, one with a folder of that name, a submodule, or another file."""
    file = blob(person, "{}").split()[2]
    folder = person.git("mktree", stdin=f"100644 blob {file}\tinside\n")
    tip = by_hand(person, None)
    for entry in (
        f"040000 tree {folder}\t{FILE}",
        f"160000 commit {'1' * 40}\t{FILE}",
        f"100644 blob {file}\tother.json",
    ):
        tip = by_hand(person, tip, entry)

    assert [link.fault for link in git.chain(tip, FILE)] == [f"it holds no file `{FILE}`"] * 4


def test_an_event_that_is_repeated_is_none(git: MergingGit, person: Repository) -> None:
    """A commit with one more file keeps the event of its parent; a revert has that of an earlier one."""
    first = git.commit_json(FILE, {"n": 1}, "event", None)
    second = git.commit_json(FILE, {"n": 2}, "event", first)
    entries = person.git("ls-tree", second), person.git("ls-tree", first)
    third = by_hand(person, second, entries[0], entries[0].replace(FILE, "notes.txt"))
    links = git.chain(by_hand(person, third, entries[1]), FILE)

    assert [link.document.get("n") for link in links] == [1, 2, None, None]
    assert {link.fault for link in links[2:]} == {f"its `{FILE}` is that of an earlier commit"}


def test_a_chain_that_is_too_large_in_all_is_read_without_the_largest(
    git: MergingGit, person: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small events are read whatever was pushed between them."""
    monkeypatch.setattr("scripts.git.chain.MOST", 3 * LARGEST // 2)
    tip = git.commit_json(FILE, {"n": 1}, "event", None)
    for number in range(3):
        tip = by_hand(person, tip, blob(person, f'{{"n": {number}, "x": "{"x" * (LARGEST - 100)}"}}'))
    links = git.chain(git.commit_json(FILE, {"n": 9}, "event", tip), FILE)

    assert [link.document.get("n") for link in links] == [1, None, None, None, 9]
    assert all("bytes" in link.fault for link in links[1:4])


def test_a_document_of_whatever_a_ref_names(git: MergingGit, person: Repository) -> None:
    """A blob, an unknown id and a tree are no commits; none of them is a traceback."""
    good = git.commit_json("lock.json", {"run": "r"}, "lock", None)
    loose = person.git("hash-object", "-w", "--stdin", stdin="{not json")
    broken = by_hand(person, None, blob(person, "{not json"))

    assert git.document(good, "lock.json").document == {"run": "r"}
    for name in (loose, "1" * 40, f"{good}^{{tree}}x"):
        assert git.document(name, "lock.json") == Link(name, fault="it holds no readable file `lock.json`")
    assert git.document(broken, FILE).fault == f"its `{FILE}` is no JSON"


def test_a_plain_fetch_has_seen_the_ledger(git: MergingGit, person: Repository) -> None:
    """A clone in which no desk ran yet trusts what `git fetch` brought; the desk's own mark goes first."""
    tip = git.commit_json(FILE, {"n": 1}, "event", None)
    assert git.trusted(REF) is None
    person.git("update-ref", "refs/remotes/origin/deploy-ledger", tip)
    assert git.trusted(REF) == tip
    new = git.commit_json(FILE, {"n": 2}, "event", tip)
    git.trust(REF, new)

    assert git.trusted(REF) == new
