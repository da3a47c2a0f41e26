"""What a killed run left behind is ended; what belongs to others is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.system import temporary
from tests.support.processes import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_session_that_names_the_folder_ends(tmp_path: Path) -> None:
    """Ours leads a session; a process of a person's session, or of another folder, stays."""
    mine, other = tmp_path / "mine-x7", tmp_path / "other"
    ours = subprocess.Popen([*SLEEP, f"--workdir={mine}/inner"], start_new_session=True)
    persons = subprocess.Popen([*SLEEP, str(mine)])
    elsewhere = subprocess.Popen([*SLEEP, str(other)], start_new_session=True)
    try:
        temporary.end_in(mine)

        assert wait_until(lambda: ours.poll() is not None)
        assert (None, None) == (persons.poll(), elsewhere.poll())
    finally:
        for each in (ours, persons, elsewhere):
            each.kill()
            each.wait()


def test_nobody_is_there(tmp_path: Path) -> None:
    """Nothing to end is no error."""
    temporary.end_in(tmp_path / "empty")
