"""Processes that a killed run left behind are ended; those of other people are not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.errors import CommandFailed
from scripts.system import leftovers
from tests.support.processes import alive, descendants, wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "GRACE", 0.2)


@contextlib.contextmanager
def started(*argv: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own, killed with its descendants at the end."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True, **options)  # type: ignore[call-overload]
    try:
        # `Popen` returns when the program is loaded; the kernel shows its command line a moment later
        assert wait_until(Path(f"/proc/{process.pid}/cmdline").read_bytes)
        yield process
    finally:
        for pid in [*descendants(process.pid), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def test_a_session_that_names_the_folder_ends(tmp_path: Path) -> None:
    """Ours leads a session; a process of a person's session, or of another folder, stays."""
    mine, other = tmp_path / "mine-x7", tmp_path / "other"
    persons = subprocess.Popen([*SLEEP, str(mine)])
    try:
        with started(*SLEEP, f"--workdir={mine}/in") as ours, started(*SLEEP, str(other)) as elsewhere:
            leftovers.end_in(mine)

            assert wait_until(lambda: ours.poll() is not None)
            assert (persons.poll(), elsewhere.poll()) == (None, None)
    finally:
        persons.kill()
        persons.wait()


def test_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    """Nothing to end is no error."""
    leftovers.end_in(tmp_path / "empty")


def test_a_daemon_ends_with_its_children() -> None:
    """It is known by its command line; its children by their parent, in whatever session they are."""
    with started(sys.executable, "-c", PARENT, "mark-q1") as daemon, started(*SLEEP, "mark-q1") as other:
        assert daemon.stdout
        child = int(daemon.stdout.readline())
        leftovers.end_daemon(["-c", PARENT, "mark-q1"])

        assert not alive(daemon.pid)
        assert not alive(child)
        assert other.poll() is None


def test_children_of_a_dead_daemon_are_found_by_their_folder(tmp_path: Path) -> None:
    """A stopped child can't notice that its parent is gone."""
    with started(sys.executable, "-c", PARENT, cwd=tmp_path) as daemon:
        assert daemon.stdout
        child = int(daemon.stdout.readline())
        os.kill(child, signal.SIGSTOP)
        daemon.kill()
        daemon.wait()
        leftovers.end_daemon(["no", "such", "command"], workdir=tmp_path)

        assert not alive(child)


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    """After the grace period; the call returns when it is gone."""
    with started(sys.executable, "-c", STUBBORN) as stubborn:
        assert stubborn.stdout
        stubborn.stdout.readline()
        leftovers.end_daemon(["-c", STUBBORN])

        assert stubborn.wait(0.5) == -signal.SIGKILL


def test_a_daemon_that_can_not_be_ended_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named: a new one beside it would fail for a reason that nobody sees."""
    monkeypatch.setattr(leftovers, "KILL_LIMIT", 0.1)
    monkeypatch.setattr(leftovers, "_signal", lambda _pid, _number: None)
    with started(*SLEEP, "mark-q2") as daemon, pytest.raises(CommandFailed, match=str(daemon.pid)):
        leftovers.end_daemon([*SLEEP, "mark-q2"])


def test_programs_of_a_world_are_known_by_their_environment(tmp_path: Path) -> None:
    """Another world's programs stay, and so do this world's daemons."""
    here, there = tmp_path / "here", tmp_path / "there"
    program = {**os.environ, leftovers.WORK: str(here)}
    foreign = {**os.environ, leftovers.WORK: str(there)}
    daemon = {**os.environ, leftovers.WORLD: str(here / "api")}
    with (
        started(*SLEEP, env=program) as git,
        started(*SLEEP, env=foreign) as other,
        started(*SLEEP, env=daemon) as gateway,
    ):
        leftovers.end_work(here)

        assert git.wait(0.5) == -signal.SIGTERM
        assert (other.poll(), gateway.poll()) == (None, None)


def test_the_end_of_a_world_ends_all_of_it(tmp_path: Path) -> None:
    """Daemons by their mark, strays by the folder they work in; another world's daemon stays."""
    world, workdir = tmp_path / "world", tmp_path / "world" / "hosts"
    workdir.mkdir(parents=True)
    mine = {**os.environ, leftovers.WORLD: str(world / "api")}
    other = {**os.environ, leftovers.WORLD: f"{world}-2/api"}
    with (
        started(*SLEEP, env=mine) as gateway,
        started(*SLEEP, cwd=workdir) as stray,
        started(*SLEEP, env=other) as elsewhere,
    ):
        leftovers.end_all(world, [workdir])

        assert (gateway.wait(0.5), stray.wait(0.5)) == (-signal.SIGTERM, -signal.SIGTERM)
        assert elsewhere.poll() is None
