"""Reads `pipeline.toml` and the `.env` files; nothing of them enters our own environment."""

from __future__ import annotations

import io
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from scripts.errors import ConfigError

# The subset on which python-dotenv, Vite 5 to 8 and bash agree (facts: secrets.md, section 3.1).
LINE = re.compile(
    r"""(?:export\ )?[A-Za-z_][A-Za-z0-9_]*=
    (?: (?: "[^"\\$`]*" | '[^'\\$`]*' | [A-Za-z0-9_./:@%+,=^?-]+ ) (?:\ +\#[^"']*)? )?\ *""",
    re.VERBOSE,
)
LARGEST = 256 * 1024


def toml(file: Path) -> dict[str, Any]:
    """The table of a TOML file.

    Raises:
        ConfigError: it is not there, or it is no TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no `{file}`", "`AIRHOST_ENV_DIR` names the folder with `pipeline.toml`"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"`{file}` can't be read: {fault}") from None


def dotenv(file: Path) -> dict[str, str]:
    """The values of a `.env` file; empty when there is none. No expansion, no value in a message.

    Raises:
        ConfigError: a line that not all parsers read alike.
    """
    try:
        text = file.read_bytes().decode("utf-8")  # line ends as they are
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(f"`{file}` can't be read: {type(fault).__name__}") from None
    if len(text) > LARGEST:
        raise ConfigError(f"`{file}` is larger than {LARGEST // 1024} KiB: that is no `.env` file")
    faults = [
        number
        for number, line in enumerate(text.split("\n"), 1)
        if not _is_remark(line) and not (LINE.fullmatch(line) and line.isprintable())
    ]
    if faults:
        lines = ", ".join(str(number) for number in faults[:10])
        raise ConfigError(
            f"`{file}`, line {lines}: not a line that all parsers read alike",
            'write NAME="value" without `\\`, `$`, backticks or tabs in the value',
        )
    from dotenv import dotenv_values

    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}


def _is_remark(line: str) -> bool:
    """Nothing, or a comment; control characters and odd line ends make it neither."""
    return line.isprintable() and (not line.strip(" ") or line.lstrip(" ").startswith("#"))


def readable_by_others(file: Path) -> bool:
    """Whether somebody else on this machine may read the file."""
    try:
        return bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except FileNotFoundError:
        return False


def from_process(environment: str) -> dict[str, str]:
    """What the process says about one environment: `STAGING_DATABASE_URL`, without the prefix."""
    prefix = environment.upper().replace("-", "_") + "_"
    return {
        name.removeprefix(prefix): value for name, value in os.environ.items() if name.startswith(prefix)
    }
