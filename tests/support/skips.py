"""Why a test is skipped, and the command that gets what it lacks; summed up in the last line of a run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

MARK = "; get it: "
APT = "apt-get install "
PLAYWRIGHT = Path("~/.cache/ms-playwright").expanduser()


def reason(lacking: str, command: str) -> str:
    """The reason of a skip, with the command that gets what is lacking."""
    return f"lacking: {lacking}{MARK}{command}"


# CI has twelve minutes: what is tested in parts elsewhere runs whole only when it is asked for
LONG = pytest.mark.skipif(
    not os.environ.get("DESK_LONG"),
    reason=reason("time, it takes minutes", "DESK_LONG=1 scripts/bootstrap test"),
)


def summary(reasons: Iterable[str]) -> str | None:
    """One line about all skipped tests; None if there are none."""
    skipped = list(reasons)
    if not skipped:
        return None
    commands = dict.fromkeys(text.partition(MARK)[2] for text in skipped if MARK in text)
    packages = {
        word for command in commands if command.startswith(APT) for word in command[len(APT) :].split()
    }
    others = [command for command in commands if not command.startswith(APT)]
    wanted = ([APT + " ".join(sorted(packages))] if packages else []) + others
    line = f"{len(skipped)} tests were skipped"
    return f"{line}; to run them too: {' && '.join(wanted)}" if wanted else f"{line}, for the reasons above"


def browser() -> bool:
    """Whether a browser works here: the system's, or the one that Playwright installs."""
    system = filter(None, map(shutil.which, ("chromium-headless-shell", "chromium")))
    own = map(str, PLAYWRIGHT.glob("chromium_headless_shell-*/*/*headless[-_]shell"))
    return any(_runs(program) for program in (*system, *own))


def _runs(program: str) -> bool:
    """Playwright's browser may be there while the system's libraries that it needs are not."""
    try:
        ended = subprocess.run([program, "--version"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0
