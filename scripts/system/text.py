# pure
"""Texts for people: lists below a message, and untrusted text made inert for terminals and CI systems."""

from __future__ import annotations

import re
from collections.abc import Iterable

COLOUR = re.compile(r"\x1b\[[0-9;:?]*[A-Za-z]")  # and the movements of the cursor
# GitHub's runner obeys `::name::` after white space at the start of a line, and `##[name]` anywhere in
# one; Azure obeys `##vso[`, TeamCity `##teamcity[`
COMMAND = re.compile(r"^(\s*)(?=::)", re.MULTILINE)
MARK = re.compile(r"##(?=\w*\[)")


def listed(lines: Iterable[object], most: int | None = None) -> str:
    """One line each, to follow a message; `most`: only the first ones, and how many more there are."""
    every = list(lines)
    rest = [f"and {len(every) - most} more"] if most is not None and len(every) > most else []
    return "".join(f"\n  | {line}" for line in [*every[:most], *rest])


def printable(text: str) -> str:
    """The text with control, bidirectional and escape characters replaced by U+FFFD; line feeds stay."""
    return "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in text)


def sanitize(text: str) -> str:
    """As `printable`, and with every workflow command of a CI system broken."""
    return MARK.sub("# #", COMMAND.sub(r"\1| ", printable(text)))


def sanitize_output(text: str) -> str:
    """As `sanitize`, for a program's output: no colours or tabs, line feeds for carriage returns."""
    return sanitize(COLOUR.sub("", text).replace("\r\n", "\n").replace("\r", "\n").expandtabs(8))
