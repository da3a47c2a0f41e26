"""Text that only says something: it drives no terminal and starts no command of a CI system."""

from __future__ import annotations

import re

COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
# GitHub's runner takes `::name::` after white space, and `##[name]` anywhere in a line; Azure
# `##vso[`, TeamCity `##teamcity[`
COMMAND = re.compile(r"^(\s*)(?=::)", re.MULTILINE)
MARK = re.compile(r"##(?=\w*\[)")


def printable(text: str) -> str:
    """The text without control, bidirectional and escape characters; line ends stay."""
    return "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in text)


def sanitize(text: str) -> str:
    """The same, and no line that a CI system would carry out."""
    return MARK.sub("# #", COMMAND.sub(r"\1| ", printable(text)))


def sanitize_output(text: str) -> str:
    """What a program printed for a terminal, made harmless: no colours, no overwriting, tabs as spaces."""
    return sanitize(COLOUR.sub("", text).replace("\r\n", "\n").replace("\r", "\n").expandtabs(8))
