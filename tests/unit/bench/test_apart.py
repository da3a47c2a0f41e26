"""A bench that is ended puts everything back, also where its caller is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.bench.plan import abandoned
from tests.support.desks import ROOT
from tests.support.processes import PYTHON, wait_until

WORK = """
import pathlib, sys, time
from tests.bench.apart import run_apart
folder = pathlib.Path(sys.argv[1])

def work():
    try:
        (folder / "begun").touch()
        time.sleep(60)
    finally:
        (folder / "ending").touch()
        while not (folder / "killed").exists():
            time.sleep(0.01)
        (folder / "ended").touch()

run_apart(work)
"""


def test_what_was_begun_is_ended_although_the_group_is_killed(tmp_path: Path) -> None:
    """A second stop signal does not disturb it either."""
    argv = [PYTHON, "-c", WORK, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, start_new_session=True) as child:
        assert wait_until((tmp_path / "begun").exists, 10)
        for _ in range(2):
            os.killpg(child.pid, signal.SIGTERM)
            assert wait_until((tmp_path / "ending").exists, 10)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)
        (tmp_path / "killed").touch()

        assert wait_until((tmp_path / "ended").exists, 10)


@pytest.mark.parametrize("code", [0, 1, 7])
def test_it_ends_as_its_work_does(code: int) -> None:
    """The exit code goes through."""
    text = f"from tests.bench.apart import run_apart; run_apart(lambda: {code})"

    assert subprocess.run([PYTHON, "-c", text], cwd=ROOT, check=False).returncode == code


def test_folders_of_processes_that_are_gone_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of one that runs, and no others."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen(["true"])
    gone.wait()
    for name in (f"x-{os.getpid()}-a", f"x-{gone.pid}-a", f"x-{gone.pid}", "x-other", f"y-{gone.pid}"):
        (tmp_path / name).mkdir()

    assert {each.name for each in abandoned("x-")} == {f"x-{gone.pid}-a", f"x-{gone.pid}"}
