"""`sandbox.up` and `sandbox.down`: make and remove a world on this machine."""

from __future__ import annotations

from pathlib import Path

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.sandbox.request import SandboxDownRequest, SandboxUpRequest

DEFAULT = DESK / ".sandbox"


def sandbox_up(progress: Progress, request: SandboxUpRequest) -> Outcome:
    """Make or complete the world; with `seed`, fill its production with so much data."""
    from scripts.sandbox import seed, world

    size = seed.size_of(request.seed) if request.seed else 0.0
    private = [name.strip() for name in request.private.split(",") if name.strip()]
    made = world.up(Path(request.dir) if request.dir else DEFAULT, on_step=progress.note, private=private)
    planted = {"seeded": seed.plant(made, size, progress.note)} if size else {}
    where = f"export AIRHOST_ENV_DIR={made.env_dir}"
    return Outcome.done(
        f"the sandbox is up in {made.folder}", f"next: `{where}`", **made.describe(), **planted
    )


def sandbox_down(progress: Progress, request: SandboxDownRequest) -> Outcome:
    """Stop every process of the world, then remove its folder."""
    from scripts.sandbox import world

    folder = Path(request.dir) if request.dir else DEFAULT
    if not folder.exists():
        return Outcome.nothing(f"there is no sandbox in {folder}")
    world.down(folder, on_step=progress.note)
    return Outcome.done(f"the sandbox in {folder} is gone")
