# pure
"""What Slack's and Discord's webhooks refuse.

From the vendors' documents and from reports of their users (research `load-monitor.md`, section 8).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

SLACK_TOTAL = 13_200  # characters over all blocks, as users report
PINGS = re.compile(r"<!(channel|here|everyone)|<@[UW]|<!subteam")


def slack_error(payload: Any) -> str | None:
    """Slack's word for what is wrong with a payload; None if it would be shown."""
    if not isinstance(payload, dict):
        return "invalid_payload"
    text, blocks = payload.get("text"), payload.get("blocks", [])
    if not text and not blocks:
        return "no_text"
    if not isinstance(text, str) or not isinstance(blocks, list) or len(blocks) > 50:
        return "invalid_payload"
    if not all(map(_is_slack_block, blocks)):
        return "invalid_payload"
    total = sum(len(text) for block in blocks for text in _texts(block))
    return "invalid_payload" if total > SLACK_TOTAL or len(text) > 40_000 else None


def _is_slack_block(block: Any) -> bool:
    """A header, or a section with a text, or with fields."""
    if not isinstance(block, dict):
        return False
    if block.get("type") == "header":
        return _is_slack_text(block.get("text"), 150, "plain_text")
    if block.get("type") != "section" or not ("text" in block or "fields" in block):
        return False
    fields = block.get("fields", [{"type": "mrkdwn", "text": "-"}])
    return (
        ("text" not in block or _is_slack_text(block["text"], 3_000))
        and isinstance(fields, list)
        and 1 <= len(fields) <= 10
        and all(_is_slack_text(field, 2_000) for field in fields)
    )


def _is_slack_text(value: Any, most: int, kind: str | None = None) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return False
    kinds = (kind,) if kind else ("plain_text", "mrkdwn")
    return value.get("type") in kinds and 1 <= len(value["text"]) <= most


def slack_pings(payload: Any) -> bool:
    """Whether a payload would notify people: in `mrkdwn` text, angle brackets are commands."""
    return any(map(PINGS.search, _texts(payload)))


def _texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from _texts(part)


def discord_error(payload: Any) -> dict[str, Any] | None:
    """Discord's JSON for what is wrong with a payload; None if it would be shown."""
    if not isinstance(payload, dict):
        return {"message": "The request body contains invalid JSON.", "code": 50109}
    content, embeds = payload.get("content", ""), payload.get("embeds", [])
    if not content and not embeds:
        return {"message": "Cannot send an empty message", "code": 50006}
    if not _fits(content, 2_000, least=0) or not isinstance(embeds, list) or len(embeds) > 10:
        return _invalid("content")
    if not all(map(_is_embed, embeds)):
        return _invalid("embeds")
    return _invalid("embeds") if sum(map(_embed_size, embeds)) > 6_000 else None


def discord_pings(payload: Any) -> bool:
    """Whether a payload would notify people: only its content can, within `allowed_mentions`."""
    allowed = payload.get("allowed_mentions", {}).get("parse", ["everyone", "users", "roles"])
    return bool(allowed) and bool(re.search(r"@everyone|@here|<@", payload.get("content", "")))


def _is_embed(embed: Any) -> bool:
    if not isinstance(embed, dict):
        return False
    fields = embed.get("fields", [])
    return (
        _fits(embed.get("title", ""), 256, least=0)
        and _fits(embed.get("description", ""), 4_096, least=0)
        and _fits(embed.get("footer", {}).get("text", ""), 2_048, least=0)
        and isinstance(fields, list)
        and len(fields) <= 25
        and all(_fits(field.get("name"), 256) and _fits(field.get("value"), 1_024) for field in fields)
        and _is_time(embed.get("timestamp", "2030-01-01"))
    )


def _embed_size(embed: dict[str, Any]) -> int:
    """The characters that count towards the 6,000."""
    fields = [text for field in embed.get("fields", []) for text in (field["name"], field["value"])]
    footer = embed.get("footer", {}).get("text", "")
    return sum(map(_size, (embed.get("title", ""), embed.get("description", ""), footer, *fields)))


def _fits(text: Any, most: float = math.inf, *, least: int = 1) -> bool:
    return isinstance(text, str) and least <= _size(text) <= most


def _size(text: str) -> int:
    """The length in UTF-16 units, the stricter way to count."""
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
