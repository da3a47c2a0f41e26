"""Reads SQL just far enough to compare two texts: comments, quotes, dollar quotes."""

from __future__ import annotations

import hashlib
import re

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*)
    | (?P<quoted>(?<![\w$])[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*")
    | (?P<dollar>(?<![\w$])\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$)
    """,
    re.VERBOSE | re.DOTALL,
)


# words and single signs: what stands between them never counts, that they are apart does
_BARE = re.compile(r"[\w$]+|[^\w\s;\ufeff]")


def fingerprint(sql: str) -> str:
    """The digest of a text's words and signs: comments, white space and `;` outside of quotes left out.

    So the statements that the Supabase CLI recorded and the file that they came from agree,
    however the CLI cut the file; an edit of anything that runs does not.
    """
    kept: list[str] = []
    place = 0
    while match := _TOKEN.search(sql, place):
        kept += _BARE.findall(sql[place : match.start()])
        place = match.end()
        if match["comment"] == "/*":
            place = _comment_end(sql, place)
        elif match["quoted"]:
            kept.append(match["quoted"])
        elif match["dollar"]:
            end = sql.find(match["dollar"], place)
            end = len(sql) if end < 0 else end + len(match["dollar"])
            kept.append(sql[match.start() : end])
            place = end
    kept += _BARE.findall(sql[place:])
    return hashlib.sha256("\x1f".join(kept).encode("utf-8", "surrogateescape")).hexdigest()


def _comment_end(sql: str, place: int) -> int:
    """Where a `/*` comment ends; PostgreSQL nests them."""
    depth = 1
    while depth:
        mark = re.compile(r"/\*|\*/").search(sql, place)
        if mark is None:
            return len(sql)
        depth += 1 if mark[0] == "/*" else -1
        place = mark.end()
    return place
