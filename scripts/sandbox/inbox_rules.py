"""What Slack and Discord refuse, as far as it is known: the rules of the sandbox's inbox.

From the vendors' documents and from what people met (research `load-monitor.md`, section 8).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

SLACK_TOTAL = 13_200  # over all blocks, as seen by others
PINGS = re.compile(r"<!(channel|here|everyone)|<@[UW]|<!subteam")


def slack_fault(payload: Any) -> str | None:
    """Slack's word for what is wrong with a payload, None when it would be shown."""
    if not isinstance(payload, dict):
        return "invalid_payload"
    text, blocks = payload.get("text"), payload.get("blocks", [])
    if not text and not blocks:
        return "no_text"
    if not isinstance(text, str) or not isinstance(blocks, list) or len(blocks) > 50:
        return "invalid_payload"
    if not all(_slack_block(each) for each in blocks):
        return "invalid_payload"
    total = sum(len(each) for block in blocks for each in _texts(block))
    return "invalid_payload" if total > SLACK_TOTAL or len(text) > 40_000 else None


def _slack_block(block: Any) -> bool:
    """A header, or a section with a text, or with fields."""
    if not isinstance(block, dict):
        return False
    if block.get("type") == "header":
        return _slack_text(block.get("text"), 150, "plain_text")
    if block.get("type") != "section" or not ("text" in block or "fields" in block):
        return False
    fields = block.get("fields", [{"type": "mrkdwn", "text": "-"}])
    return (
        ("text" not in block or _slack_text(block["text"], 3_000))
        and isinstance(fields, list)
        and 1 <= len(fields) <= 10
        and all(_slack_text(each, 2_000) for each in fields)
    )


def _slack_text(found: Any, most: int, kind: str | None = None) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        return False
    kinds = (kind,) if kind else ("plain_text", "mrkdwn")
    return found.get("type") in kinds and 1 <= len(found["text"]) <= most


def slack_pings(payload: Any) -> bool:
    """Whether it would call people: in marked text the brackets are commands."""
    return any(PINGS.search(each) for each in _texts(payload))


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(each)


def discord_fault(payload: Any) -> dict[str, Any] | None:
    """Discord's JSON for what is wrong with a payload, None when it would be shown."""
    if not isinstance(payload, dict):
        return {"message": "The request body contains invalid JSON.", "code": 50109}
    content, embeds = payload.get("content", ""), payload.get("embeds", [])
    if not content and not embeds:
        return {"message": "Cannot send an empty message", "code": 50006}
    if not _fits(content, 2_000, least=0) or not isinstance(embeds, list) or len(embeds) > 10:
        return _invalid("content")
    if not all(_embed(each) for each in embeds):
        return _invalid("embeds")
    return _invalid("embeds") if sum(map(_counted, embeds)) > 6_000 else None


def discord_pings(payload: Any) -> bool:
    """Whether it would call people: only the content does, and only what `allowed_mentions` allows."""
    allowed = payload.get("allowed_mentions", {}).get("parse", ["everyone", "users", "roles"])
    return bool(allowed) and bool(re.search(r"@everyone|@here|<@", payload.get("content", "")))


def _embed(embed: Any) -> bool:
    if not isinstance(embed, dict):
        return False
    fields = embed.get("fields", [])
    return (
        _fits(embed.get("title", ""), 256, least=0)
        and _fits(embed.get("description", ""), 4_096, least=0)
        and _fits(embed.get("footer", {}).get("text", ""), 2_048, least=0)
        and isinstance(fields, list)
        and len(fields) <= 25
        and all(_fits(each.get("name"), 256) and _fits(each.get("value"), 1_024) for each in fields)
        and _is_time(embed.get("timestamp", "2030-01-01"))
    )


def _counted(embed: dict[str, Any]) -> int:
    """What counts towards the 6,000."""
    fields = [text for each in embed.get("fields", []) for text in (each["name"], each["value"])]
    footer = embed.get("footer", {}).get("text", "")
    return sum(map(_size, (embed.get("title", ""), embed.get("description", ""), footer, *fields)))


def _fits(text: Any, most: float = math.inf, *, least: int = 1) -> bool:
    return isinstance(text, str) and least <= _size(text) <= most


def _size(text: str) -> int:
    """Counted the strict way, as JavaScript does."""
    return len(text.encode("utf-16-le")) // 2


def _is_time(text: Any) -> bool:
    try:
        datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return False
    return True


def _invalid(where: str) -> dict[str, Any]:
    errors = {where: {"_errors": [{"code": "BASE_TYPE_BAD_LENGTH"}]}}
    return {"message": "Invalid Form Body", "code": 50035, "errors": errors}
