"""What is kept of the ledger in a checkout saves reading, and is never more than that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.git.merge import MergingGit
from scripts.state import ledger_cache
from scripts.state.ledger import FILE, REF, Ledger
from scripts.state.ledger_cache import ledger_at
from scripts.state.read_chain import ledger_of
from tests.support.repositories import Repository, seeded
from tests.unit.state.test_event_rules import GOOD

KEPT = Path(".git/release-desk/cache/ledger")


class Watched(MergingGit):
    """Git that counts the commits of a chain that it reads."""

    read = 0

    def _links(self, commits, file):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        type(self).read += len(commits)
        return super()._links(commits, file)


@pytest.fixture
def person(tmp_path: Path) -> Repository:
    """A person's clone of an app."""
    return seeded(tmp_path)[1]


@pytest.fixture
def git(person: Repository) -> MergingGit:
    """The desk's git in that clone."""
    Watched.read = 0
    return Watched(person.folder, "origin")


def append(person: Repository, number: int, after: int = 0, ref: str = REF, who: str = "Ada") -> str:
    """So many releases on a ref of the clone; the tip."""
    lines = list[str]()
    for each in range(after + 1, after + number + 1):
        text = json.dumps({**GOOD, "release": f"v{each}", "run": f"r{each}", "actor": who})
        lines += [f"commit {ref}", f"committer desk <d@example.org> {each} +0000", "data 1", "e"]
        lines += [f"from {ref}^0"] if after and each == after + 1 else []
        lines += [f"M 100644 inline {FILE}", f"data {len(text)}", text, ""]
    person.git("fast-import", "--quiet", "--force", stdin="\n".join(lines))
    return person.git("rev-parse", ref)


def same(git: MergingGit, tip: str) -> bool:
    """Whether the ledger is the one that is read anew."""
    found, fresh = ledger_at(git, tip), ledger_of(tip, git.chain(tip, FILE))
    return (
        [*found.events] == [*fresh.events]
        and [*found.commits] == [*fresh.commits]
        and found.live("staging") == fresh.live("staging")
        and found.next_release("staging") == fresh.next_release("staging")
    )


def read_by(git: MergingGit, tip: str) -> int:
    """How many commits are read for the ledger up to there."""
    before = Watched.read
    ledger_at(git, tip).live("staging")
    return Watched.read - before


def test_only_what_is_new_is_read(git: MergingGit, person: Repository) -> None:
    """And nothing at all for a tip that was read before. The file is its owner's alone."""
    first = append(person, 5)
    assert [read_by(git, first), read_by(git, first)] == [5, 0]
    second = append(person, 2, 5)

    assert [read_by(git, second), read_by(git, second)] == [2, 0]
    assert same(git, second)
    assert (person.folder / KEPT).stat().st_mode & 0o777 == 0o600
    assert person.git("status", "--porcelain") == ""


def damages(file: Path) -> Iterator[str]:
    """Damage it in one way after the other; gives their names."""
    raw = file.read_bytes()
    changed = {
        "empty": b"",
        "cut in the head": raw[:200],
        "cut in the texts": raw[:-50],
        "another tip": raw.replace(b'"tip": "', b'"tip": "0'),
        "another environment": raw.replace(b'"staging"', b'"desting"'),
        "something else": bytes(range(256)) * 10,
    }
    for name, content in changed.items():
        file.write_bytes(content)
        yield name
    file.chmod(0o666)
    yield "writable by others"
    file.unlink()
    file.symlink_to("/dev/zero")
    yield "a link"
    file.unlink()
    os.mkfifo(file)
    yield "a pipe"
    file.unlink()
    file.mkdir()
    yield "a folder"
    file.rmdir()
    file.parent.rmdir()
    file.parent.write_text("a file")
    yield "no folder"


def test_a_damaged_file_is_read_anew_without_a_word(git: MergingGit, person: Repository) -> None:
    """Cut, changed, of another kind, or writable by others."""
    tip = append(person, 4)
    fresh = ledger_of(tip, git.chain(tip, FILE))
    ledger_at(git, tip)
    for name in damages(person.folder / KEPT):
        assert [*ledger_at(git, tip).events] == [*fresh.events], name
    assert same(git, append(person, 1, 4))


def test_a_ledger_that_was_rewritten_is_read_anew(git: MergingGit, person: Repository) -> None:
    """Its tip is no descendant of what was kept: another one, a shorter one, and the first one again."""
    first = append(person, 5)
    ledger_at(git, first)
    forked = append(person, 7, ref="refs/heads/other", who="Mallory")
    before = person.git("rev-parse", f"{first}~2")

    assert all(same(git, tip) for tip in (forked, before, first, forked))
    assert ledger_at(git, forked).events[0].actor == "Mallory"


def test_what_was_kept_of_another_repository_is_not_used(
    git: MergingGit, person: Repository, tmp_path: Path
) -> None:
    """A folder that was copied with its `.git`, and got another remote."""
    stranger = seeded(tmp_path / "stranger")[1]
    theirs = append(stranger, 9, who="Mallory")
    ledger_at(MergingGit(stranger.folder, "origin"), theirs)
    tip = append(person, 3)
    ledger_at(git, tip)
    (person.folder / KEPT).write_bytes((stranger.folder / KEPT).read_bytes())

    assert same(git, tip)
    assert {each.actor for each in ledger_at(git, tip).events} == {"Ada"}


def test_a_run_that_knows_less_leaves_what_another_has_kept(git: MergingGit, person: Repository) -> None:
    """Two desks at once: the one that read earlier does not undo what the later one kept."""
    last = append(person, 4)
    ledger_at(git, last)

    assert same(git, person.git("rev-parse", f"{last}~1"))
    assert read_by(git, last) == 0


def test_an_event_is_read_while_another_run_replaces_the_file(git: MergingGit, person: Repository) -> None:
    """What was opened before stays right."""
    first = append(person, 4)
    ledger_at(git, first)
    early = ledger_at(git, first)
    ledger_at(git, append(person, 90, 4))
    fresh = ledger_of(first, git.chain(first, FILE))

    assert [*early.events] == [*fresh.events]


def test_without_a_place_nothing_is_kept(
    git: MergingGit, person: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full, or that can only be read."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(ledger_cache, "_sweep", refuse)
    tip = append(person, 3)

    assert [read_by(git, tip), read_by(git, tip)] == [3, 3]
    assert same(git, tip)


def test_a_disk_that_fills_up_leaves_what_was_kept(
    git: MergingGit, person: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no part of a file."""
    first = append(person, 3)
    ledger_at(git, first)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger_cache, "_copy", full)
    second = append(person, 1, 3)

    assert same(git, second)
    assert [read_by(git, second), read_by(git, first)] == [1, 0]
    assert [each.name for each in (person.folder / KEPT).parent.iterdir()] == ["ledger"]


WRITER = """
import sys
from pathlib import Path
from scripts.git.merge import MergingGit
from scripts.state.ledger_cache import ledger_at
git = MergingGit(Path(sys.argv[1]), "origin")
print("begun", flush=True)
for _ in range(1000):
    for tip in sys.argv[2:]:
        (Path(sys.argv[1]) / ".git/release-desk/cache/ledger").unlink(missing_ok=True)
        assert len(ledger_at(git, tip).events) in (40, 60), "another ledger"
"""


def test_runs_that_write_at_once_and_are_killed_leave_a_whole_file(
    git: MergingGit, person: Repository
) -> None:
    """Two desks that write over each other's file until they are killed."""
    first = append(person, 40)
    last = append(person, 20, 40)
    command = [sys.executable, "-c", WRITER, str(person.folder)]
    writers = [
        subprocess.Popen([*command, *tips], cwd=Path.cwd(), stdout=subprocess.PIPE)
        for tips in ((first, last), (last, first))
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == b"begun\n"
    deadline, good = time.monotonic() + 60, 0
    while good < 6 and time.monotonic() < deadline:
        good += same(git, first) and same(git, last)
    assert [writer.poll() for writer in writers] == [None, None]
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()

    assert good == 6
    assert all(same(git, tip) for tip in (first, last))


def test_parts_of_killed_runs_are_removed_whatever_the_clock_says(
    git: MergingGit, person: Repository
) -> None:
    """One that is written now stays; the clock may have gone back since."""
    folder = (person.folder / KEPT).parent
    ledger_at(git, append(person, 1))
    ages = {"old": -2 * ledger_cache.STALE, "new": 0.0, "tomorrow": 24 * 3600.0}
    for name, age in ages.items():
        (folder / f"ledger.{name}.part").write_text("half")
        os.utime(folder / f"ledger.{name}.part", (time.time() + age,) * 2)
    ledger_at(git, append(person, 1, 1))

    assert sorted(each.name for each in folder.iterdir()) == ["ledger", "ledger.new.part"]


def test_a_chain_that_is_too_large_is_not_kept(
    git: MergingGit, person: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of its files are read depends on all of them then."""
    first = append(person, 4)
    ledger_at(git, first)
    size = len(json.dumps(GOOD)) * 6
    monkeypatch.setattr("scripts.git.chain.MOST", size)
    monkeypatch.setattr(ledger_cache, "MOST", size)
    last = append(person, 4, 4)

    assert same(git, last)
    assert isinstance(ledger_at(git, last), Ledger)
    assert read_by(git, last) >= 8


def test_a_worktree_keeps_its_own(git: MergingGit, person: Repository, tmp_path: Path) -> None:
    """And git's own housekeeping takes nothing of it for its own."""
    tip = append(person, 3)
    person.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    other = MergingGit(tmp_path / "tree", "origin")

    assert same(git, tip)
    assert same(other, tip)
    assert other.cache_folder() != git.cache_folder()
    person.git("gc", "--quiet", "--prune=now")
    person.git("fsck", "--strict")
    assert read_by(git, tip) == 0
