"""Untrusted text, made harmless and short enough for somebody else's message format. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

BREAK = "\u200b"  # no width: people read the same text, but a parser finds no mention and no link in it
PIECE = re.compile(r"://|.", re.DOTALL)
MARK = 30  # characters that are kept free for saying how much was cut off
MARKDOWN = frozenset("\\*_~`|>#-[]()")


def units(text: str) -> int:
    """How long a vendor counts it at most: UTF-16 code units, as JavaScript does."""
    return len(text) + sum(character > "\uffff" for character in text)


def clean(text: str) -> str:
    """Without control, escape and bidirectional characters; line ends stay."""
    return "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in text.expandtabs(2))


def fit(text: str, limit: int, escape: Callable[[str], str]) -> str:
    """The text, escaped piece by piece, in at most `limit` characters; a cut is said."""
    pieces = PIECE.findall(clean(text.strip()))
    kept: list[str] = []
    length, fits = 0, 0
    for piece in pieces:
        safe = escape(piece)
        length += units(safe)
        if length > limit:
            break
        kept.append(safe)
        fits += length <= limit - MARK
    if length <= limit:
        return "".join(kept) or "-"
    left = sum(map(len, pieces)) - sum(map(len, pieces[:fits]))
    return f"{''.join(kept[:fits])}… [{left} more characters]"


def for_slack(piece: str) -> str:
    """Slack's three characters, so that `<!channel>` is text; no `@` before a name, no link."""
    return {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "@": f"@{BREAK}",
        "://": f":{BREAK}//",
    }.get(piece, piece)


def for_slack_plain(piece: str) -> str:
    """For `plain_text`, which knows no entities: look-alikes in place of the brackets."""
    return {"<": "\u2039", ">": "\u203a", "@": f"@{BREAK}", "://": f":{BREAK}//"}.get(piece, piece)


def for_discord(piece: str) -> str:
    """No mention (`@everyone`, `<@1>`), no link, and no markdown."""
    return f"\\{piece}" if piece in MARKDOWN else for_discord_own(piece)


def for_discord_own(piece: str) -> str:
    """The same for our own words, whose backticks are meant."""
    return {"<": f"<{BREAK}", "@": f"@{BREAK}", "://": f":{BREAK}//"}.get(piece, piece)
