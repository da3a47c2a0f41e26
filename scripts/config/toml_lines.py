# pure
"""On which line of a TOML file a key has its value: `tomllib` does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Path = tuple[str, ...]

PART = r"""(?:[A-Za-z0-9_-]+|"[^"\\]*"|'[^']*')"""
KEY = re.compile(rf"\s*({PART}(?:\s*\.\s*{PART})*)\s*=")
HEADER = re.compile(rf"\s*\[\[?\s*({PART}(?:\s*\.\s*{PART})*)\s*\]\]?")
ONE = re.compile(PART)


def lines_of(text: str, table: Mapping[str, Any]) -> dict[Path, int]:
    """The line of each key and section of the text, from 1.

    Args:
        table: what the text was parsed to: what only looks like a key, within a long text, is none of it.
    """
    found: dict[Path, int] = {}
    section: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        header, key = HEADER.match(line), KEY.match(line)
        if header and _holds(table, _parts(header[1])):
            section = _parts(header[1])
            found.setdefault(section, number)
        elif key and _holds(table, (*section, *_parts(key[1]))):
            found.setdefault((*section, *_parts(key[1])), number)
    return found


def line_of(path: Path, lines: Mapping[Path, int], table: Mapping[str, Any]) -> int | None:
    """The line where a key gets its value (in an inline table, the table's); None: the file has none."""
    if not _holds(table, path):
        return None
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


def _parts(text: str) -> Path:
    return tuple(part.strip("\"'") for part in ONE.findall(text))


def _holds(table: Any, path: Path) -> bool:
    for part in path:
        if isinstance(table, list) and table:
            table = table[-1]
        if not isinstance(table, Mapping) or part not in table:
            return False
        table = table[part]
    return True
