"""A lock whose file goes with it: one owner at a time, also where the file is removed meanwhile."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scripts.system.file_lock import acquire, release

HOLD = """
import sys, time
from pathlib import Path
from scripts.system.file_lock import acquire
assert acquire(Path(sys.argv[1])) is not None
print("held", flush=True)
time.sleep(60)
"""


def test_one_owner_at_a_time_and_no_file_after_him(tmp_path: Path) -> None:
    """The file is there only while it is held, and only its owner may read it."""
    file = tmp_path / "x.lock"
    first = acquire(file)
    assert first is not None
    assert (acquire(file), file.stat().st_mode & 0o777) == (None, 0o600)
    release(file, first)
    assert [*tmp_path.iterdir()] == []
    second = acquire(file)
    assert second is not None
    release(file, second)


def test_a_killed_owner_blocks_nobody(tmp_path: Path) -> None:
    """His file is left, and the next one's."""
    file = tmp_path / "x.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        assert acquire(file) is None
        owner.kill()
    handle = acquire(file)
    assert handle is not None
    release(file, handle)
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_was_removed_between_open_and_lock_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next owner has made it anew: the lock of the nameless file would be free."""
    file = tmp_path / "x.lock"
    first = acquire(file)
    assert first is not None
    others: list[int | None] = []
    lock = fcntl.flock

    def late(handle: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        release(file, first)
        others.append(acquire(file))
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)

    assert acquire(file) is None
    assert others[0] is not None
    release(file, others[0])


def test_many_at_once_are_inside_one_after_the_other(tmp_path: Path) -> None:
    """Each opens, removes and makes the file of the others."""
    file, inside, most, turns = tmp_path / "x.lock", [0], [0], [0]

    def work() -> None:
        for _ in range(100):
            while (handle := acquire(file)) is None:
                pass
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            turns[0] += 1
            inside[0] -= 1
            release(file, handle)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)

    assert (most[0], turns[0], [*tmp_path.iterdir()]) == (1, 400, [])


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Nobody else decides which file is locked and removed."""
    (tmp_path / "x.lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic"):
        acquire(tmp_path / "x.lock")
    assert not (tmp_path / "other").exists()
