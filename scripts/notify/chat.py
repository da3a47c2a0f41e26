"""A notice as the JSON that Slack and Discord accept, within their limits. What is cut off is counted.

Limits (research `load-monitor.md`, section 8), in UTF-16 code units:

    Slack    header 150, section text 3,000, field 2,000 and 10 of them, 50 blocks, about 13,200 in all
    Discord  content 2,000, embed title 256, description 4,096, 25 fields of 256 / 1,024, footer 2,048,
             6,000 over the whole embed
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.language import translate
from scripts.notify.events import Fact, Kind, Notice

SLACK_HEADER, SLACK_SECTION, SLACK_FIELD, SLACK_FIELDS, SLACK_TOTAL = 150, 3_000, 2_000, 10, 12_000
SLACK_BLOCKS = 50 - 4  # header, fields, "and n more facts" and hint are the other four
DISCORD_CONTENT, DISCORD_DESCRIPTION, DISCORD_TOTAL = 2_000, 4_096, 5_900
DISCORD_VALUE, DISCORD_FIELDS = 1_024, 25 - 2  # "and n more facts" and the hint are the other two
MAX_HINT = 900  # reserved, so that the next command is always shown
MAX_LABEL = 100
MIN_VALUE = 100  # with less space than this, a fact is left out
SHORT = 120  # facts up to this length are shown side by side
CUT_NOTE = 30  # characters reserved for "… [n more characters]"

URL = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[\w./~-]*)?")
PIECE = re.compile(r"://|.", re.DOTALL)
MARKDOWN = frozenset("\\*_~`|>#-[]()")
BREAK = "\u200b"  # zero width: people read the same text, but no parser sees a mention or a link in it
STYLES: Mapping[Kind, tuple[str, int]] = {  # mark before the title, colour of Discord's embed
    "start": ("▶", 0x5865F2),
    "success": ("✅", 0x2EB67D),
    "failure": ("❌", 0xE01E5A),
    "rollback": ("↩", 0xECB22E),
    "hold": ("✋", 0xECB22E),
    "freeze": ("❄", 0x36C5F0),
    "drill": ("🧪", 0x8E44AD),
    "restore": ("⏪", 0xECB22E),
    "approval": ("🙋", 0x36C5F0),
    "down": ("🔴", 0xE01E5A),
    "up": ("🟢", 0x2EB67D),
    "preview": ("🔎", 0x36C5F0),
}


def slack(notice: Notice) -> dict[str, Any]:
    """The payload of an incoming webhook: `{"text", "blocks", "unfurl_links", "unfurl_media"}`."""
    title = f"{STYLES[notice.kind][0]} {notice.title}"
    left = SLACK_TOTAL - SLACK_HEADER - SLACK_SECTION - MAX_HINT
    fields: list[dict[str, Any]] = []
    sections: list[dict[str, Any]] = []
    omitted = 0
    for fact in notice.facts:
        limit = min(left, SLACK_SECTION if _is_long(fact) else SLACK_FIELD) - MAX_LABEL
        if limit < MIN_VALUE or len(sections) == SLACK_BLOCKS:
            omitted += 1
            continue
        value = f"<{fact.text}>" if _is_link(fact) else fit(fact.text, limit, for_slack)
        text = f"*{fit(fact.label, MAX_LABEL - 10, for_slack)}*\n{value}"
        left -= units(text)
        if _is_long(fact) or len(fields) == SLACK_FIELDS:
            sections.append(_section(text))
        else:
            fields.append(_mrkdwn(text))
    if fields:
        sections.insert(0, {"type": "section", "fields": fields})
    if omitted:
        sections.append(_section(translate(f"and {omitted} more facts")))
    if notice.hint:
        sections.append(_section(f"*{translate('next:')}* {fit(notice.hint, MAX_HINT, for_slack)}"))
    header = {"type": "plain_text", "text": fit(title, SLACK_HEADER, for_slack_plain), "emoji": False}
    return {
        "text": fit(f"{title}. {notice.hint}", SLACK_SECTION, for_slack),  # what a phone shows
        "blocks": [{"type": "header", "text": header}, *sections],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _mrkdwn(text: str) -> dict[str, Any]:
    """`verbatim`: Slack makes no links or mentions of bare words."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def discord(notice: Notice) -> dict[str, Any]:
    """The payload of a webhook: `{"content", "embeds": [one], "allowed_mentions"}`. It pings nobody."""
    mark, colour = STYLES[notice.kind]
    long = "\n\n".join(f"{fact.label}:\n{fact.text}" for fact in notice.facts if _is_long(fact))
    description = fit(long, DISCORD_DESCRIPTION - 1_000, for_discord) if long else ""
    left = DISCORD_TOTAL - units(description) - MAX_HINT - MIN_VALUE
    fields: list[dict[str, Any]] = []
    omitted = 0
    for fact in notice.facts:
        if _is_long(fact):
            continue
        name = fit(fact.label, MAX_LABEL, for_discord_plain)
        limit = min(DISCORD_VALUE, left - units(name))
        if limit < MIN_VALUE or len(fields) == DISCORD_FIELDS:
            omitted += 1
            continue
        value = fact.text if _is_link(fact) else fit(fact.text, limit, for_discord)
        fields.append({"name": name, "value": value, "inline": True})
        left -= units(name) + units(value)
    if omitted:
        fields.append({"name": "…", "value": translate(f"and {omitted} more facts"), "inline": False})
    if notice.hint:
        hint = fit(notice.hint, MAX_HINT, for_discord_plain)
        fields.append({"name": translate("next"), "value": hint, "inline": False})
    embed = {"color": colour, "timestamp": notice.at, "fields": fields}
    return {
        "content": fit(f"{mark} {notice.title}", DISCORD_CONTENT, for_discord_plain),
        "embeds": [{"description": description, **embed} if description else embed],
        "allowed_mentions": {"parse": []},
    }


def _is_long(fact: Fact) -> bool:
    return "\n" in fact.text.strip() or len(fact.text) > SHORT


def _is_link(fact: Fact) -> bool:
    return fact.link and not _is_long(fact) and bool(URL.fullmatch(fact.text))


@dataclass(frozen=True)
class Target:
    """One kind of chat: the variable with the webhook's URL, the payload, a query that the URL needs."""

    variable: str
    payload: Callable[[Notice], dict[str, Any]]
    query: str = ""


TARGETS: Mapping[str, Target] = {
    "slack": Target("SLACK_WEBHOOK_URL", slack),
    "discord": Target("DISCORD_WEBHOOK_URL", discord, "wait=true"),  # else its 204 promises nothing
}


def units(text: str) -> int:
    """The length in UTF-16 code units, as JavaScript counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def fit(text: str, limit: int, escape: Callable[[str], str]) -> str:
    """The text, escaped piece by piece, in at most `limit` units; says how many characters were cut."""
    pieces = PIECE.findall(_printable(text.strip()))
    escaped: list[str] = []
    length, fitting = 0, 0
    for piece in pieces:
        safe = escape(piece)
        length += units(safe)
        if length > limit:
            break
        escaped.append(safe)
        fitting += length <= limit - CUT_NOTE
    if length <= limit:
        return "".join(escaped) or "-"
    cut_off = sum(map(len, pieces[fitting:]))
    return f"{''.join(escaped[:fitting])}… [{cut_off} more characters]"


def _printable(text: str) -> str:
    """Replace control, escape and bidirectional characters; keep line ends."""
    return "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in text.expandtabs(2))


def for_slack(piece: str) -> str:
    """Escape Slack's three characters, so that `<!channel>` is text; break mentions and links."""
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": f"@{BREAK}", "://": f":{BREAK}//"}
    return entities.get(piece, piece)


def for_slack_plain(piece: str) -> str:
    """For `plain_text`, which has no entities: look-alikes in place of the brackets."""
    return {"<": "\u2039", ">": "\u203a", "@": f"@{BREAK}", "://": f":{BREAK}//"}.get(piece, piece)


def for_discord(piece: str) -> str:
    """Escape Markdown; break mentions (`@everyone`, `<@1>`) and links."""
    return f"\\{piece}" if piece in MARKDOWN else for_discord_plain(piece)


def for_discord_plain(piece: str) -> str:
    """For our own words, whose backticks are meant as Markdown."""
    return {"<": f"<{BREAK}", "@": f"@{BREAK}", "://": f":{BREAK}//"}.get(piece, piece)
