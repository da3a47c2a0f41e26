"""The programs of this machine, and which versions they are."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path
from typing import Any

from scripts.errors import CommandTimedOut
from scripts.system.command import CREDENTIALS, Command, inherited
from scripts.system.process import attempt

TIMEOUT = 10.0


def version(name: str, *question: str) -> tuple[int, ...] | None:
    """The version that a program names when it is asked; None when it is not there."""
    found = shutil.which(name)
    if found is None:
        return None
    answer = attempt(Command((found, *(question or ("--version",))), timeout=TIMEOUT))
    number = re.search(r"(\d+(?:\.\d+)+|\d+)", answer.text + answer.errors)
    return tuple(int(part) for part in number[1].split(".")) if number else None


def ssh_target(host: str, config: str | None) -> dict[str, str]:
    """What ssh makes of an alias: hostname, user, port; empty when it can't be told."""
    where = ("-F", config) if config else ()
    try:
        answer = attempt(
            Command(("ssh", *where, "-G", "--", host), env=inherited(CREDENTIALS), timeout=TIMEOUT)
        )
    except CommandTimedOut:
        return {}
    pairs = (line.partition(" ") for line in answer.text.splitlines())
    return {key: value for key, _, value in pairs if key in ("hostname", "user", "port")}


def mode(file: Path) -> int | None:
    """The permission bits of a file; None when it is not there."""
    try:
        return stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return None


def document(file: Path) -> dict[str, Any]:
    """A JSON file of the app; empty when it is not there or can't be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def installed_cli(app: Path) -> str | None:
    """The version of the Supabase CLI in the app's `node_modules`, or in those of a folder above."""
    for folder in (app, *app.parents):
        said = document(folder / "node_modules" / "supabase" / "package.json").get("version")
        if isinstance(said, str):
            return said
    return None
