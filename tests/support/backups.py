"""A backup in a process of its own, which a test may kill; it says on its standard output where it is.

`python -m tests.support.backups FOLDER [ID]` takes a backup, or verifies that one.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.database.backups import commands
from scripts.database.backups.request import BackupRequest, VerifyBackupRequest
from scripts.errors import DeskError
from scripts.system import signals
from tests.support import databases

SETUP = "setup.json"


class Aloud(databases.Quiet):
    """Says each note at once."""

    def note(self, text: str) -> None:
        print(text, flush=True)  # noqa: T201 - the test reads it


def prepared(folder: Path, url: str, values: dict[str, str], **setup: Any) -> Desk:
    """The tools, and what another process needs to make them again."""
    (folder / SETUP).write_text(json.dumps({"url": url, "values": values, "setup": setup}))
    return opened(folder)


def opened(folder: Path) -> Desk:
    """The tools of a folder that was prepared."""
    held = json.loads((folder / SETUP).read_text())
    return databases.toolbox(folder, held["url"], held["values"], **held["setup"])


def main(folder: Path, identity: str) -> None:
    """Take one, or verify one; a refusal is an ending like another."""
    tools = dataclasses.replace(opened(folder), progress=Aloud())
    tools.progress.note("begun")
    try:
        if identity:
            commands.verify_backup(tools, VerifyBackupRequest(backup=identity, env="production"))
        else:
            commands.backup(tools, BackupRequest(env="production", kind="manual", proof=True))
    except (DeskError, OSError) as fault:
        known = signals.as_desk_error(fault)
        if known is None:
            raise
        sys.exit(known.message)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
