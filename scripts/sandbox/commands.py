"""`sandbox.up`: a whole world on this machine, and how to point the tasks at it."""

from __future__ import annotations

from pathlib import Path

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.sandbox.request import SandboxDownRequest, SandboxUpRequest

DEFAULT = DESK / ".sandbox"


def sandbox_up(progress: Progress, request: SandboxUpRequest) -> Outcome:
    """Make the world, or complete the one that is there; with `seed`, production gets so much data."""
    from scripts.sandbox import seed, world

    size = seed.size_of(request.seed) if request.seed else 0.0
    made = world.up(Path(request.dir) if request.dir else DEFAULT, on_step=progress.note)
    planted = {"seeded": seed.plant(made, size, progress.note)} if size else {}
    where = f"export AIRHOST_ENV_DIR={made.env_dir}"
    return Outcome.done(
        f"the sandbox is up in {made.folder}", f"next: `{where}`", **made.describe(), **planted
    )


# `sandbox.down`: end the world, and leave nothing of it.


def sandbox_down(progress: Progress, request: SandboxDownRequest) -> Outcome:
    """Stop every process of the world, then remove its folder."""
    from scripts.sandbox import world

    folder = Path(request.dir) if request.dir else DEFAULT
    if not folder.exists():
        return Outcome.nothing(f"there is no sandbox in {folder}")
    world.down(folder, on_step=progress.note)
    return Outcome.done(f"the sandbox in {folder} is gone")
