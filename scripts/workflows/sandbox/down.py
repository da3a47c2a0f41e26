"""`sandbox.down`: end the world, and leave nothing of it."""

from __future__ import annotations

from pathlib import Path

from scripts.domain.outcome import Outcome
from scripts.workflows.sandbox.up import DEFAULT
from scripts.workflows.toolbox import Progress


def run(progress: Progress, *, dir: str | None) -> Outcome:  # noqa: A002 - the option's name
    """Stop every process of the world, then remove its folder."""
    from scripts.sandbox import world

    folder = Path(dir) if dir else DEFAULT
    if not folder.exists():
        return Outcome.nothing(f"there is no sandbox in {folder}")
    world.down(folder, on_step=progress.note)
    return Outcome.done(f"the sandbox in {folder} is gone")
