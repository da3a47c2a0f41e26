# pure
"""A notice as the JSON that Slack and Discord take, within every limit that they have. Pure.

The limits (research `load-monitor.md`, section 8); what would be over one is cut, and says so:

    Slack    header 150, section text 3,000, field 2,000 and 10 of them, 50 blocks, about 13,200 in all
    Discord  content 2,000, embed title 256, description 4,096, 25 fields of 256 / 1,024, footer 2,048,
             6,000 over the whole embed
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from scripts.notify.events import WHERE, Fact, Notice

SLACK_HEADER, SLACK_SECTION, SLACK_FIELD, SLACK_FIELDS, SLACK_ALL = 150, 3_000, 2_000, 10, 12_000
SLACK_BLOCKS = 50 - 4  # beside header, fields, what was left out, and the next command
DISCORD_CONTENT, DISCORD_DESCRIPTION, DISCORD_ALL = 2_000, 4_096, 5_900
DISCORD_NAME, DISCORD_VALUE, DISCORD_FIELDS = 256, 1_024, 25
HINT = 900  # the next command always has its place, whatever else is long
SHORT = 120  # facts up to here stand side by side
LEAST = 100  # with less room than this, a fact is left out

ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[\w./~-]*)?")
MARKS = {
    "start": "▶",
    "success": "✅",
    "failure": "❌",
    "rollback": "↩",
    "hold": "✋",
    "freeze": "❄",
    "drill": "🧪",
    "restore": "⏪",
}
COLOURS = {
    "start": 0x5865F2,
    "success": 0x2EB67D,
    "failure": 0xE01E5A,
    "rollback": 0xECB22E,
    "hold": 0xECB22E,
    "freeze": 0x36C5F0,
    "drill": 0x8E44AD,
    "restore": 0xECB22E,
}


def slack(notice: Notice) -> dict[str, Any]:
    """The payload for an incoming webhook: `{"text", "blocks", "unfurl_links", "unfurl_media"}`."""
    title = f"{MARKS[notice.kind]} {notice.title}"
    header = {"type": "header", "text": _plain(fit(title, SLACK_HEADER, for_slack_plain))}
    hint = _section(f"*next:* {fit(notice.hint, HINT, for_slack)}") if notice.hint else None
    room = SLACK_ALL - SLACK_HEADER - SLACK_SECTION - HINT
    beside: list[dict[str, Any]] = []
    blocks: list[dict[str, Any]] = []
    left_out = 0
    for fact in notice.facts:
        most = min(room, SLACK_SECTION if _long(fact) else SLACK_FIELD) - LEAST
        if most < LEAST or len(blocks) == SLACK_BLOCKS:
            left_out += 1
            continue
        label = fit(fact[0], LEAST - 10, for_slack)
        text = f"*{label}*\n{_slack_value(fact, most)}"
        room -= units(text)
        if _long(fact) or len(beside) == SLACK_FIELDS:
            blocks.append(_section(text))
        else:
            beside.append(_marked(text))
    facts = [{"type": "section", "fields": beside}, *blocks] if beside else blocks
    more = [_section(f"and {left_out} more facts")] if left_out else []
    return {
        "text": fit(f"{title}. {notice.hint}", SLACK_SECTION, for_slack),  # what a phone shows
        "blocks": [header, *facts, *more, *([hint] if hint else [])],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def discord(notice: Notice) -> dict[str, Any]:
    """The payload for a webhook: `{"content", "embeds": [one], "allowed_mentions"}`; it pings nobody."""
    title = f"{MARKS[notice.kind]} {notice.title}"
    long = "\n\n".join(f"{label}:\n{text}" for label, text in filter(_long, notice.facts))
    description = fit(long, DISCORD_DESCRIPTION - 1_000, for_discord) if long else ""
    room = DISCORD_ALL - units(description) - HINT - LEAST
    fields: list[dict[str, Any]] = []
    left_out = 0
    for fact in (each for each in notice.facts if not _long(each)):
        name = fit(fact[0], LEAST, for_discord_own)
        most = min(DISCORD_VALUE, room - units(name))
        if most < LEAST or len(fields) == DISCORD_FIELDS - 2:
            left_out += 1
            continue
        value = fact[1] if _is_address(fact) else fit(fact[1], most, for_discord)
        fields.append({"name": name, "value": value, "inline": True})
        room -= units(name) + units(value)
    if left_out:
        fields.append({"name": "and", "value": f"{left_out} more facts", "inline": False})
    if notice.hint:
        hint = fit(notice.hint, HINT, for_discord_own)
        fields.append({"name": "next", "value": hint, "inline": False})
    embed = {"color": COLOURS[notice.kind], "timestamp": notice.at, "fields": fields}
    return {
        "content": fit(title, DISCORD_CONTENT, for_discord_own),
        "embeds": [{"description": description, **embed} if description else embed],
        "allowed_mentions": {"parse": []},
    }


def _long(fact: Fact) -> bool:
    return "\n" in fact[1].strip() or len(fact[1]) > SHORT


def _is_address(fact: Fact) -> bool:
    return fact[0] == WHERE and len(fact[1]) <= SHORT and bool(ADDRESS.fullmatch(fact[1]))


def _slack_value(fact: Fact, most: int) -> str:
    return f"<{fact[1]}>" if _is_address(fact) else fit(fact[1], most, for_slack)


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _marked(text: str) -> dict[str, Any]:
    """`verbatim`: Slack itself makes no links and mentions of bare words."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _marked(text)}


# Untrusted text, made harmless and short enough for somebody else's message format. Pure.


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
