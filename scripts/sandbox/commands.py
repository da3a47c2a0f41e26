"""`sandbox.up` and `sandbox.down`: make and remove a world on this machine."""

from __future__ import annotations

from pathlib import Path

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.errors import Refused
from scripts.sandbox.request import SandboxDownRequest, SandboxUpRequest

DEFAULT = DESK / ".sandbox"


def sandbox_up(progress: Progress, request: SandboxUpRequest) -> Outcome:
    """Make or complete the world; with `seed`, fill its production with so much data.

    Raises:
        Refused: the seed is of the sample app alone.
    """
    from scripts.sandbox import own_app, seed, world

    size = seed.size_of(request.seed) if request.seed else 0.0
    if size and request.app:
        raise Refused("`--seed` fills the tables of the sample app", "leave out `--seed`, or `--app`")
    driver = checked_driver(request.driver)
    if request.app and driver not in ("", "workspace"):
        raise Refused("the launcher is written into the sample app", "leave out `--driver`, or `--app`")
    private = [name.strip() for name in request.private.split(",") if name.strip()]
    own = own_app.read(Path(request.app), request.app_folder) if request.app else None
    if own and not own.configured:
        progress.note("no configuration in the app: `init` would write this one")
    folder = Path(request.dir) if request.dir else DEFAULT
    made = world.up(folder, on_step=progress.note, own=own, private=private, driver=driver)
    planted = {"seeded": seed.plant(made, size, progress.note)} if size else {}
    where = f"export AIRHOST_ENV_DIR={made.env_dir}"
    return Outcome.done(
        f"the sandbox is up in {made.folder}", f"next: `{where}`", **made.describe(), **planted
    )


def checked_driver(name: str) -> str:
    """The value of `--driver`.

    Raises:
        Refused: there is no such one.
    """
    from scripts.sandbox.world_facts import DRIVERS

    if name not in ("", *DRIVERS):
        raise Refused(
            f"there is no driver `{name}`", f"`--driver` {', '.join(f'`{each}`' for each in DRIVERS)}"
        )
    return name


def sandbox_down(progress: Progress, request: SandboxDownRequest) -> Outcome:
    """Stop every process of the world, then remove its folder."""
    from scripts.sandbox import world

    folder = Path(request.dir) if request.dir else DEFAULT
    if not folder.exists():
        return Outcome.nothing(f"there is no sandbox in {folder}")
    world.down(folder, on_step=progress.note)
    return Outcome.done(f"the sandbox in {folder} is gone")
