"""A folder of a commit, as files on disk; the person's working tree is not touched."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from scripts.adapters.git import Git
from scripts.adapters.git_command import command
from scripts.errors import Refused
from scripts.shell.runner import attempt

LIMIT = 60.0


def unpack(git: Git, commit: str, folder: str, into: Path) -> Path:
    """Write `folder` of the commit below `into`; returns where it lies.

    Raises:
        Refused: the commit has no such folder.
    """
    asked = command(git.folder, ("archive", "--format=tar", commit, "--", folder), LIMIT)
    packed = attempt(asked)
    if packed.code:
        raise Refused(f"`{commit[:12]}` has no folder `{folder}`", "`[e2e] path` in `pipeline.toml`")
    with tarfile.open(fileobj=io.BytesIO(packed.out)) as archive:
        archive.extractall(into, filter="data")
    return into / folder
