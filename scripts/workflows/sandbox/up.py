"""`sandbox.up`: a whole world on this machine, and how to point the tasks at it."""

from __future__ import annotations

from pathlib import Path

from scripts import DESK
from scripts.domain.outcome import Outcome
from scripts.workflows.toolbox import Progress

DEFAULT = DESK / ".sandbox"


def run(progress: Progress, *, dir: str | None) -> Outcome:  # noqa: A002 - the option's name
    """Make the world, or complete the one that is there."""
    from scripts.sandbox import world

    made = world.up(Path(dir) if dir else DEFAULT, on_step=progress.note)
    where = f"export AIRHOST_ENV_DIR={made.env_dir}"
    return Outcome.done(f"the sandbox is up in {made.folder}", f"next: `{where}`", **made.describe())
