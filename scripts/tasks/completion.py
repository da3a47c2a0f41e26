"""What a shell offers after `--env` and `--to`: environments. Invoke completes tasks and options."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from scripts import DESK

FLAGS = ("--env", "-e", "--to", "-t", "--from")


def environments_for(line: str) -> list[str]:
    """The names and aliases that can stand at the end of the line; [] where none is asked for.

    A shell runs this at each press of a key: what can't be read is nobody's error here.
    """
    try:
        words = shlex.split(line)
    except ValueError:  # within quotes
        return []
    last, before = words[-1:], words[-2:-1]
    partial = "" if last and last[0] in FLAGS else last[0] if before and before[0] in FLAGS else None
    if partial is None:
        return []
    return [name for name in _names() if name.startswith(partial)]


def _names() -> list[str]:
    import tomllib

    folder = Path(os.environ.get("AIRHOST_ENV_DIR") or DESK / "env")
    try:
        table = tomllib.loads((folder / "pipeline.toml").read_text(encoding="utf-8"))
        sections = table.get("environment", {})
        return [
            name for each in table["chain"] for name in (each, *sections.get(each, {}).get("aliases", ()))
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
