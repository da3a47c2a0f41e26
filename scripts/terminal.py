"""What a terminal can do: its width, its colours, and lines that no word of which is broken."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from datetime import datetime
from pathlib import Path
from typing import TextIO

COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}
# how a line begins -> its colour; what follows the mark stays as it is
MARKS = (
    ("error:", "red"), ("hint:", "cyan"), ("next:", "cyan"), ("warning:", "yellow"), ("MISSING", "red"),
    ("erreur :", "red"), ("conseil :", "cyan"), ("suite :", "cyan"), ("attention :", "yellow"),
    ("MANQUE", "red"),
)  # fmt: skip
MARK = re.compile(
    r"^(\s*(?:\| )?(?:gate |condition )?)(" + "|".join(word for word, _ in MARKS) + r")", re.MULTILINE
)
SPAN = re.compile(r"`[^`\n]+`")  # what is typed is never broken
INDENT = re.compile(r" *(?:\| )?")
PAGE = re.compile(r"`(/[^`\n]+\.html)`")  # as a `file://` link, which terminals let people click
BEFORE_SIGN = re.compile(r" (?=[:;!?](?: |$))")  # as in French, where no line begins with such a sign
MOMENT = re.compile(r"(?<![`\w])\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00(?![`\w])")
KEPT = "\u00a0"  # in place of a blank within a span


def colours(stream: TextIO) -> bool:
    """Whether the stream gets colours: https://no-color.org, https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return _rewrites(stream)


def live_width(stream: TextIO) -> int:
    """The columns of a terminal in which a line can be rewritten; 0 where none can."""
    return shutil.get_terminal_size().columns if _rewrites(stream) and not os.environ.get("CI") else 0


def _rewrites(stream: TextIO) -> bool:
    try:
        return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    except ValueError:  # it was closed
        return False


def paint(text: str, colour: str, stream: TextIO) -> str:
    """The text in a colour of `COLOURS`, where the stream gets colours."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if colours(stream) else text


def painted(text: str, stream: TextIO) -> str:
    """The text with its marks (`error:`, `hint:`) in colour, where the stream gets colours."""
    if not colours(stream):
        return text
    of = dict(MARKS)
    return MARK.sub(lambda found: f"{found[1]}\x1b[{COLOURS[of[found[2]]]}m{found[2]}\x1b[0m", text)


def with_local_times(text: str, form: str) -> str:
    """The text with each moment of a ledger (UTC, ISO 8601) by this machine's clock, with its zone.

    One in backticks is to be pasted, and stays. `form`: as for `strftime`.
    """
    return MOMENT.sub(lambda found: _local(found[0], form), text)


def _local(moment: str, form: str) -> str:
    try:
        return f"{datetime.fromisoformat(moment).astimezone():{form} %Z}".rstrip()
    except (ValueError, OverflowError):
        return moment


def wrapped(text: str, stream: TextIO) -> str:
    """The text in lines that fit the terminal; neither a word nor what stands in backticks is broken."""
    if not _rewrites(stream):
        return text
    text = PAGE.sub(lambda page: f"`{Path(page[1]).as_uri()}`", text)
    width = shutil.get_terminal_size().columns
    return "\n".join(_wrapped(line, width) for line in text.split("\n"))


def _wrapped(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    indent = INDENT.match(line)
    begin = indent[0] if indent else ""
    body = SPAN.sub(lambda span: span[0].replace(" ", KEPT), BEFORE_SIGN.sub(KEPT, line[len(begin) :]))
    lines = textwrap.wrap(
        body,
        max(20, width),
        initial_indent=begin,
        subsequent_indent=begin if "|" in begin else f"{begin}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(KEPT, " ")
