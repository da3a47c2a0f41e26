"""A temporary folder goes with its run, or with the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import DESK
from scripts.system import daemon, guardian, signals, temporary
from tests.support.processes import wait_until

WRITER = """import pathlib, sys, time
while True:
    pathlib.Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    time.sleep(0.001)
"""


def killed_run(place: Path) -> Path:
    """What a run leaves whose owner is dead."""
    left = place / f"{temporary.PREFIX}left"
    left.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        daemon.record(left / "owner", owner.pid)
        owner.kill()
    return left


def test_ours_alone_and_gone_afterwards(tmp_path: Path) -> None:
    """0700, whatever it holds."""
    with temporary.folder(tmp_path) as made:
        (made / "deep" / "er").mkdir(parents=True)
        assert made.stat().st_mode & 0o777 == 0o700

    assert list(tmp_path.iterdir()) == []


def test_the_next_run_clears(tmp_path: Path) -> None:
    """Also when a child of the killed one goes on writing there."""
    left = killed_run(tmp_path)
    argv = [sys.executable, "-c", WRITER, str(left / "home")]
    writer = subprocess.Popen(argv, start_new_session=True)
    try:
        assert wait_until((left / "home").exists)
        with temporary.folder(tmp_path) as made:
            assert [made] == list(tmp_path.iterdir())
        assert wait_until(lambda: writer.poll() is not None)
    finally:
        writer.kill()
        writer.wait()


def test_what_is_used_stays(tmp_path: Path) -> None:
    """A living owner's, one just being made, a link; an old one without an owner goes."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    young, old, link = (tmp_path / f"{temporary.PREFIX}{name}" for name in ("young", "old", "link"))
    young.mkdir()
    old.mkdir()
    link.symlink_to(elsewhere)
    before = time.time() - 2 * temporary.YOUNG
    os.utime(old, (before, before))
    with temporary.folder(tmp_path) as living:
        temporary.clear_abandoned(tmp_path)

        assert {living, young, link, elsewhere} == set(tmp_path.iterdir())


def test_a_prefix_has_folders_of_its_own(tmp_path: Path) -> None:
    """Backups use one of theirs beside the backups; the label is for people."""
    left = killed_run(tmp_path)
    with temporary.folder(tmp_path, ".partial-", "backup-1-") as folder:
        assert folder.name.startswith(".partial-backup-1-")
        assert left.exists()
        assert temporary.clear_abandoned(tmp_path, ".partial-") == []

    assert temporary.clear_abandoned(tmp_path) == [left.name]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_has_vanished_is_not_old(tmp_path: Path) -> None:
    assert not temporary.is_old(tmp_path / "gone")
    assert not temporary.is_old(tmp_path)


OWNER = """import pathlib, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from scripts.system import temporary
with temporary.folder(pathlib.Path(sys.argv[2])) as folder:
    idle = "import time; time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", idle, str(folder)], start_new_session=True)
    print(folder, child.pid, flush=True)
    time.sleep(600)
"""


def owner(place: Path) -> tuple[subprocess.Popen[str], Path, int]:
    """A run with a folder, and a process that works in it in a session of its own: folder and pid."""
    argv = [sys.executable, "-c", OWNER, str(DESK), str(place)]
    run = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert run.stdout is not None
    folder, pid = run.stdout.readline().split()
    return run, Path(folder), int(pid)


def test_what_a_killed_run_leaves_ends_with_it(tmp_path: Path) -> None:
    """Folder and process, without a next run; not while the owner is only stopped."""
    run, folder, pid = owner(tmp_path)
    with run:
        os.kill(run.pid, signal.SIGSTOP)
        time.sleep(0.5)
        assert folder.exists()
        assert daemon.start_time(pid)
        os.killpg(run.pid, signal.SIGKILL)

        assert wait_until(lambda: not folder.exists() and daemon.start_time(pid) is None)


def test_a_folder_whose_owner_lives_is_never_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one that was removed in order, and whose name somebody else has by now."""
    monkeypatch.setattr(temporary, "LAST_BREATH", 0.1)
    monkeypatch.setattr(signals, "ignore", lambda: None)
    living = tmp_path / f"{temporary.PREFIX}living"
    living.mkdir()
    daemon.record(living / "owner", os.getpid())
    gone = killed_run(tmp_path)
    temporary.guard([f"+{living}\n".encode(), f"+{gone}\n".encode(), f"-{gone}\n".encode()])

    assert living.exists()
    assert gone.exists()


def test_a_process_of_its_own_removes_what_others_left(tmp_path: Path) -> None:
    """It does not end with who asked for it."""
    left = killed_run(tmp_path)

    assert temporary.abandoned(tmp_path) == [left]
    guardian.remove([left])

    assert wait_until(lambda: not left.exists())
