"""What Linux alone has is not needed: `/proc`, CLOCK_BOOTTIME, namespaces are taken away, as on macOS."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.quality.load import locust
from scripts.system import background, confinement, daemon, leftovers


@pytest.fixture
def no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """`/proc` is not there for these modules."""

    def path(*parts: str) -> Path:
        return Path(*(str(part).replace("/proc", "/there-is-no-proc") for part in parts))

    for module in (daemon, background, leftovers, locust):
        monkeypatch.setattr(module, "Path", path)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process, not waited for."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.usefixtures("no_proc")
def test_a_process_has_the_same_start_for_every_caller(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks in another language or time zone must not take it for another process."""
    start = daemon.start_time(child.pid)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")

    assert start
    assert daemon.start_time(child.pid) == start


@pytest.mark.usefixtures("no_proc")
def test_a_process_that_ended_has_no_start(child: subprocess.Popen[bytes]) -> None:
    """Also one that nobody has waited for: it runs nothing any more."""
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert daemon.start_time(child.pid) is None
    child.wait()
    assert daemon.start_time(child.pid) is None


@pytest.mark.usefixtures("no_proc")
def test_processes_are_found_by_their_command_line(child: subprocess.Popen[bytes]) -> None:
    """By `ps`."""
    lines = dict(leftovers._command_lines())

    assert b"input()" in lines[child.pid]


@pytest.mark.usefixtures("no_proc")
def test_time_goes_on_without_the_clock_of_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that can't tell when it was typed counts from now."""
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    before = background.boottime()

    assert before <= background.process_start() <= background.boottime()


def test_nothing_is_confined_where_there_are_no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """`doctor` says so."""
    confinement.why_not.cache_clear()
    monkeypatch.setattr(sys, "platform", "darwin")

    assert confinement.why_not() == "this is no Linux"
    confinement.why_not.cache_clear()


@pytest.mark.usefixtures("no_proc")
def test_a_machine_has_a_name_for_reports() -> None:
    """By the platform, where no file has the model of the processor."""
    assert locust.machine().endswith(f", {os.cpu_count()} cores")
