"""Processes that outlive a task, with real ones."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.system import daemon
from tests.support.processes import PYTHON, alive, pid_in, wait_until

SLEEP = (PYTHON, "-c", "import time; time.sleep(60)")
FAMILY = """
import subprocess, sys, time
code = ("import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)")
subprocess.Popen([sys.executable, "-c", code, sys.argv[1]])
time.sleep(60)
"""
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(60)
"""


@pytest.fixture
def pid_file(tmp_path: Path) -> Iterator[Path]:
    """A pid file whose process is ended after the test."""
    file = tmp_path / "pid"
    yield file
    daemon.stop(file, grace=0)


def start(pid_file: Path, *argv: str) -> int:
    """A process in the test's folder, its log beside the pid file."""
    folder = pid_file.parent
    return daemon.start(pid_file, argv or SLEEP, cwd=folder, env={"GIVEN": "x"}, log=folder / "log")


def test_a_started_process_is_found_again(pid_file: Path) -> None:
    """The pid file leads to the process for as long as it runs."""
    pid = start(pid_file)

    assert alive(pid)
    assert pid == daemon.running(pid_file)


def test_it_outlives_the_process_that_started_it(pid_file: Path) -> None:
    """The next task, in another process, finds it and can end it."""
    code = (
        "import sys; from pathlib import Path; from scripts.system import daemon;"
        "file = Path(sys.argv[1]);"
        f"daemon.start(file, {SLEEP!r}, cwd=file.parent, env={{}}, log=file.with_name('log'))"
    )
    subprocess.run([PYTHON, "-W", "ignore", "-c", code, str(pid_file)], check=True, cwd=Path.cwd())
    pid = daemon.running(pid_file)

    assert pid is not None

    daemon.stop(pid_file)

    assert not alive(pid)


def test_stop_ends_it_and_forgets_it(pid_file: Path) -> None:
    """After `stop` neither the process nor its pid file is there."""
    pid = start(pid_file)

    daemon.stop(pid_file)

    assert not alive(pid)
    assert not pid_file.exists()


def test_stop_ends_the_whole_group(pid_file: Path, tmp_path: Path) -> None:
    """A grandchild that ignores SIGTERM ends as well."""
    start(pid_file, PYTHON, "-c", FAMILY, str(tmp_path / "grandchild"))
    grandchild = pid_in(tmp_path / "grandchild")

    daemon.stop(pid_file, grace=2)

    assert wait_until(lambda: not alive(grandchild), 2)


def test_stop_does_not_wait_for_the_stubborn(pid_file: Path, tmp_path: Path) -> None:
    """Who ignores the first signal is killed after the grace."""
    pid = start(pid_file, PYTHON, "-c", STUBBORN, str(tmp_path / "ready"))
    pid_in(tmp_path / "ready")

    daemon.stop(pid_file, grace=0.2)

    assert not alive(pid)


def test_stop_begins_with_the_signal_that_was_asked_for(pid_file: Path, tmp_path: Path) -> None:
    """A program that wants SIGINT for a clean end gets SIGINT."""
    code = (
        "import os, signal, sys, time\n"
        "def end(*_):\n    os.write(1, b'clean end\\n'); sys.exit()\n"
        "signal.signal(signal.SIGINT, end)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    start(pid_file, PYTHON, "-c", code)
    wait_until(lambda: "ready" in (tmp_path / "log").read_text())

    daemon.stop(pid_file, first=signal.SIGINT)

    assert (tmp_path / "log").read_text() == "ready\nclean end\n"


def test_a_reused_pid_is_not_ours(pid_file: Path) -> None:
    """A process of the same pid that was born at another time is neither found nor ended."""
    with subprocess.Popen(SLEEP, start_new_session=True) as stranger:
        try:
            pid_file.write_text(json.dumps({"pid": stranger.pid, "born": "1"}))

            assert daemon.running(pid_file) is None

            daemon.stop(pid_file)

            assert stranger.poll() is None
            assert not pid_file.exists()
        finally:
            stranger.kill()


def test_a_process_that_ended_by_itself_is_gone(pid_file: Path) -> None:
    """An ended process is not found, not even while it is a zombie."""
    pid = start(pid_file, "true")

    assert wait_until(lambda: not alive(pid))
    assert daemon.running(pid_file) is None


@pytest.mark.parametrize(
    "content",
    ["", "text", "[]", "null", "{}", '{"pid": 1}', '{"pid": 1, "born": null}', '{"pid": "x", "born": "1"}',
     '{"pid": null, "born": "1"}', '{"pid": -1, "born": "1"}', "\x00\x01"],
)  # fmt: skip
def test_a_pid_file_that_says_nothing_names_nobody(pid_file: Path, content: str) -> None:
    """A broken pid file is as good as none: nothing is ended by it."""
    pid_file.write_text(content)

    assert daemon.running(pid_file) is None

    daemon.stop(pid_file)

    assert not pid_file.exists()


def test_no_pid_file_is_no_process(tmp_path: Path) -> None:
    """Where nothing was started there is nothing to find or to end."""
    assert daemon.running(tmp_path / "none") is None

    daemon.stop(tmp_path / "none")

    assert list(tmp_path.iterdir()) == []


def test_its_environment_is_an_allow_list(
    pid_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It inherits the clean base, and what it is given, and nothing else."""
    monkeypatch.setenv("PRODUCTION_TOKEN", "not for children")

    start(pid_file, "env")

    assert wait_until(lambda: "GIVEN=x" in (tmp_path / "log").read_text())
    assert "PRODUCTION_TOKEN" not in (tmp_path / "log").read_text()


def test_it_leads_a_session_of_its_own(pid_file: Path) -> None:
    """Closing the terminal or pressing Ctrl-C does not reach it."""
    pid = start(pid_file)

    assert (pid, pid) == (os.getpgid(pid), os.getsid(pid))
    assert os.getsid(0) != os.getsid(pid)
    assert sys.executable == PYTHON


def test_the_log_is_continued(pid_file: Path, tmp_path: Path) -> None:
    """A second start adds to the log and keeps the first one's words."""
    for word in ("one", "two"):
        start(pid_file, "echo", word)
        wait_until(lambda: daemon.running(pid_file) is None)

    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_a_piped_child_talks_and_is_found_by_its_pid_file(tmp_path: Path) -> None:
    """Its streams are piped to us, and `daemon.stop` ends it by the pid file."""

    async def talk() -> tuple[bytes, int | None, int, int]:
        child = await daemon.start_piped(tmp_path / "pid", ("cat",), cwd=tmp_path, env={})
        assert child.stdin
        assert child.stdout
        child.stdin.write(b"hello\n")
        line = await child.stdout.readline()
        pid = daemon.running(tmp_path / "pid")
        await asyncio.to_thread(daemon.stop, tmp_path / "pid")
        return line, pid, child.pid, await child.wait()

    line, recorded, pid, code = asyncio.run(talk())

    assert (line, recorded) == (b"hello\n", pid)
    assert code < 0
    assert not alive(pid)


def test_a_missing_program_is_an_os_error(tmp_path: Path) -> None:
    """The caller gets the error, and no pid file is left."""
    with pytest.raises(FileNotFoundError):
        asyncio.run(daemon.start_piped(tmp_path / "pid", ("no-such-program",), cwd=tmp_path, env={}))

    assert not (tmp_path / "pid").exists()
