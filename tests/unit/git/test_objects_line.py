"""The objects of a clone, read by one program: as git gives them, and without it where it has no answer."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.errors import CommandFailed, Refused
from scripts.git import objects_line
from scripts.git.command import git_command
from scripts.git.merge import MergingGit
from scripts.git.objects_line import LONGEST, Answers, entries
from scripts.system import process
from tests.support.repositories import Repository, clone


@pytest.fixture
def mine(origin: Repository, tmp_path: Path) -> Repository:
    """A clone with folders, a link, an executable file and names that are hard to read."""
    made = clone(origin, tmp_path / "mine", "--branch=develop")
    for name in ("db/b/2.sql", "db/b.sql", "db/a/1.sql", "db/é\n.sql", "db/run", "other/x"):
        file = made.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode() + b"\xff\0\n")
    (made.folder / "db/run").chmod(0o755)
    (made.folder / "db/link").symlink_to("../other/x")
    (made.folder / "linked").symlink_to("db")
    made.git("add", "-A")
    made.commit("files")
    return made


@pytest.fixture
def held(mine: Repository) -> Iterator[MergingGit]:
    """The desk's git for it, with the program."""
    git = MergingGit(mine.folder, "origin")
    git.hold_objects()
    yield git
    objects_line.drop(mine.folder)


def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What git is called for from now on, the program itself too."""
    known, start = list[str](), process._start

    def started(command: Any, stderr: Any) -> Any:
        known.append(next(word for word in command.argv if word in VERBS))
        return start(command, stderr)

    monkeypatch.setattr(process, "_start", started)
    return known


VERBS = ("cat-file", "ls-tree", "unpack-objects", "config", "rev-parse")


def test_it_gives_what_git_gives(held: MergingGit, mine: Repository) -> None:
    """Files below a folder, through links; sizes, trees, and what is not there."""
    head, alone = mine.git("rev-parse", "HEAD"), MergingGit(mine.folder / ".", "origin")
    asks: list[Callable[[MergingGit], object]] = [
        lambda git: git.read_tree(head, "db"),
        lambda git: git.read_tree(head, "linked"),
        lambda git: git.read_tree(head, "db/a/"),
        lambda git: git.read_tree(head, "nothing/there"),
        lambda git: git.read_tree(head, "db/run"),
        lambda git: git.read_file(head, "db/b.sql"),
        lambda git: git.read_file(head, "db/none"),
        lambda git: git.trees([head, "1" * 40]),
        lambda git: git.document(head, "db/run"),
        lambda git: git.blob("1" * 40),
    ]
    by_program = [ask(held) for ask in asks]
    objects_line.drop(mine.folder)

    assert by_program == [ask(alone) for ask in asks]
    assert [file.name for file in held.read_tree(head, "db")] == [
        "a/1.sql", "b.sql", "b/2.sql", "link", "run", "é\n.sql",
    ]  # fmt: skip


def test_a_commit_that_is_not_here_is_a_fault(held: MergingGit) -> None:
    """As without the program."""
    with pytest.raises(CommandFailed):
        held.read_tree("1" * 40, "db")


def test_a_submodule_is_refused(held: MergingGit, mine: Repository) -> None:
    """What is in it is not in the commit."""
    mine.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    mine.git("commit", "-q", "-m", "a submodule")
    head = mine.git("rev-parse", "HEAD")

    with pytest.raises(Refused, match="`sub` is a submodule"):
        held.read_tree(head, "sub/migrations")


def test_one_program_reads_all_and_sees_what_comes_later(
    held: MergingGit, mine: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit of this task, and one that was fetched."""
    head = mine.git("rev-parse", "HEAD")
    held.read_tree(head, "db")
    known = calls(monkeypatch)

    made = held.commit_json("a.json", {"n": 1}, "made", head)
    found = held.document(made, "a.json").document
    held.read_tree(head, "other")

    assert found == {"n": 1}
    assert known == ["unpack-objects"]


def test_more_names_than_fit_into_a_pipe_are_asked_for_in_pieces(
    held: MergingGit, mine: Repository
) -> None:
    """Neither side waits for the other."""
    blob = mine.git("rev-parse", "HEAD:other/x")

    texts = held._read_objects([blob, "2" * 40] * LONGEST)

    assert texts == ["other/x\udcff\0\n", None] * LONGEST


def test_a_program_that_was_ended_is_started_again(
    held: MergingGit, mine: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that fails ends all programs, and reads on while it recovers."""
    head = mine.git("rev-parse", "HEAD")
    held.trees([head])
    process.end_all()
    known = calls(monkeypatch)

    assert held.trees([head])
    assert held.trees([head])
    assert known == ["cat-file"]


def test_a_git_that_knows_no_such_program_is_called_each_time(
    held: MergingGit, mine: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One older than 2.36."""
    head = mine.git("rev-parse", "HEAD")
    monkeypatch.setattr(
        objects_line,
        "git_command",
        lambda folder, words, wait: git_command(folder, (words[0], "--no-such"), wait),
    )
    known = calls(monkeypatch)

    assert held.trees([head]) == held.trees([head]) != {}
    assert known == ["cat-file"] * 3


def test_after_a_signal_no_half_answer_is_read(
    held: MergingGit, mine: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next question gets its own."""
    head = mine.git("rev-parse", "HEAD")
    held.trees([head])
    complete = Answers.are_complete
    seen = list[bytes]()

    def stopped(answers: Answers, printed: bytes) -> bool:
        if not seen:
            seen.append(printed)
            raise KeyboardInterrupt
        return complete(answers, printed)

    monkeypatch.setattr(Answers, "are_complete", stopped)
    with pytest.raises(KeyboardInterrupt):
        held.blob(mine.git("rev-parse", "HEAD:other/x"))

    assert list(held.trees([head])) == [head]


def test_a_program_that_hangs_is_given_up(
    held: MergingGit, mine: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the limit; git is called then."""
    head = mine.git("rev-parse", "HEAD")
    held.trees([head])
    monkeypatch.setattr(objects_line, "WAIT", 0.2)
    dialogue = objects_line._lines[held.folder]._dialogue
    assert dialogue is not None
    dialogue._child.send_signal(signal.SIGSTOP)

    assert list(held.trees([head])) == [head]


def test_a_clone_that_may_fetch_what_it_lacks_has_no_program(
    origin: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network would be asked, over and over."""
    origin.git("config", "uploadpack.allowFilter", "true")
    partial = clone(origin, tmp_path / "partial", "--filter=blob:none", "--branch=develop")
    git = MergingGit(partial.folder, "origin")
    git.hold_objects()
    known = calls(monkeypatch)

    git.trees([partial.git("rev-parse", "HEAD")])
    git.trees([partial.git("rev-parse", "HEAD")])

    assert known == ["cat-file", "cat-file"]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_answers_are_read_as_they_come(step: int) -> None:
    """Byte by byte, too; a content may look like an answer."""
    printed = b"%b blob 9\nx missing\nno such thing missing\n%b commit 0\n\n" % (b"1" * 40, b"2" * 40)
    answers = Answers(3, whole=True)
    seen = [answers.are_complete(printed[:end]) for end in range(0, len(printed), step)]

    assert not any(seen)
    assert answers.are_complete(printed)
    assert [each and (each.kind, each.content) for each in answers.found] == [
        ("blob", b"x missing"), None, ("commit", b""),
    ]  # fmt: skip


def test_a_tree_is_read_as_git_writes_it() -> None:
    """Modes with all their digits."""
    content = b"100644 a b\0" + bytes(20) + b"40000 c\0" + b"\x0a" * 20

    assert entries(content) == [("100644", "0" * 40, "a b"), ("040000", "0a" * 20, "c")]
