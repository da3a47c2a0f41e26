"""`sandbox.up`: a whole world on this machine, and how to point the tasks at it."""

from __future__ import annotations

from pathlib import Path

from scripts import DESK
from scripts.domain.outcome import Outcome
from scripts.workflows.toolbox import Progress

DEFAULT = DESK / ".sandbox"


def run(progress: Progress, *, dir: str | None, seed: str | None = None) -> Outcome:  # noqa: A002 - the option's name
    """Make the world, or complete the one that is there; with `seed`, production gets so much data."""
    from scripts.sandbox import seed as seeds
    from scripts.sandbox import world

    size = seeds.size_of(seed) if seed else 0.0
    made = world.up(Path(dir) if dir else DEFAULT, on_step=progress.note)
    planted = {"seeded": seeds.plant(made, size, progress.note)} if size else {}
    where = f"export AIRHOST_ENV_DIR={made.env_dir}"
    return Outcome.done(
        f"the sandbox is up in {made.folder}", f"next: `{where}`", **made.describe(), **planted
    )
