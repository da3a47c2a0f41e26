"""What code that came with a commit (journeys, load, a build) must not see on this machine."""

from __future__ import annotations

from pathlib import Path

from scripts import DESK
from scripts.config.desk import Desk
from scripts.system import confinement

EXAMPLES = (".example", ".sample", ".template")


def hidden(desk: Desk) -> tuple[Path, ...]:
    """The values of environments, what the desk keeps, and the checkout's git folder with CI's token."""
    folders = dict.fromkeys((desk.config_folder, desk.git.folder, DESK, DESK / "env"))
    values = [
        file
        for folder in folders
        for file in folder.glob(".env*")
        if not file.name.endswith(EXAMPLES) and not file.is_symlink()
    ]
    return (*values, *(file.resolve() for file in values), desk.state_folder, desk.git.folder / ".git")


def warn(desk: Desk) -> None:
    """Say it where journeys and load run as the desk's user."""
    why = confinement.why_not()
    if why:
        desk.progress.note(
            f"warning: what the commit brings along runs as this user ({why}): it could read the `.env`"
            " files here. Run it on a machine or in a CI job without production's values"
        )
