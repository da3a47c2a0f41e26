# pure
"""Somebody's text where GitHub shows Markdown: it mentions nobody, closes no issue, and is no markup."""

from __future__ import annotations

import re

LONGEST = 200  # characters of one line
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!-])")


def code(text: str) -> str:
    """As code, on one line."""
    line = _line(text).replace("`", "'")
    return f"`{line}`" if line else "` `"


def plain(text: str) -> str:
    """As text, on one line."""
    return SPECIAL.sub(r"\\\1", _line(text)).replace("@", "@\u200b")


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST]
