"""What is installed on this machine and in the app: programs, versions, file modes."""

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
    """The version that a program prints; None if it is not installed."""
    path = shutil.which(name)
    if path is None:
        return None
    answer = attempt(Command((path, *(question or ("--version",))), timeout=TIMEOUT))
    number = re.search(r"(\d+(?:\.\d+)+|\d+)", answer.text + answer.errors)
    return tuple(int(part) for part in number[1].split(".")) if number else None


def ssh_target(host: str, config: str | None) -> dict[str, str]:
    """What `ssh -G` resolves an alias to: hostname, user, port; {} if it does not answer."""
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
    """The permission bits of a file; None if it does not exist."""
    try:
        return stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return None


def document(file: Path) -> dict[str, Any]:
    """The object in a JSON file; {} if there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def pinned_cli(package: dict[str, Any]) -> str | None:
    """The version of the Supabase CLI that a `package.json` asks for."""
    for kind in ("devDependencies", "dependencies"):
        asked = package.get(kind)
        version = asked.get("supabase") if isinstance(asked, dict) else None
        if isinstance(version, str):
            return version
    return None


def installed_cli(app: Path) -> str | None:
    """The version of the Supabase CLI in the `node_modules` of the app or of a folder above it."""
    for folder in (app, *app.parents):
        version = document(folder / "node_modules" / "supabase" / "package.json").get("version")
        if isinstance(version, str):
            return version
    return None
