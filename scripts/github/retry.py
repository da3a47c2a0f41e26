# pure
"""Whether a request to GitHub is worth another try, and after how many seconds.

By GitHub's rules: `retry-after`, else the end of the primary limit, else a minute that doubles. A POST is
sent again only where GitHub says that it did not take it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

TRIES = 5
BACKOFF = (1.0, 2.0, 4.0, 8.0)  # seconds after a fault of the network or of the server
REPEATABLE = ("GET", "PUT", "PATCH", "DELETE")  # to ask for the same twice changes nothing more
SECONDARY = 60.0  # seconds after a secondary limit that names none


def after_fault(method: str, tries: int) -> float | None:
    """Seconds until the next try of a request that got no answer, or a 5xx; None: there is none."""
    return BACKOFF[tries] if method in REPEATABLE and tries < len(BACKOFF) else None


def after_limit(
    status: int, headers: Mapping[str, str], document: Any, tries: int, now: float
) -> float | None:
    """Seconds until GitHub takes requests again; None for an answer that is about no limit.

    Args:
        now: seconds since 1970, where the answer has no `Date`.
    """
    if status not in (403, 429):
        return None
    told = named(headers, now)
    if told is not None:
        return told
    if headers.get("x-ratelimit-remaining") == "0":
        reset = _number(headers.get("x-ratelimit-reset"))
        if reset is not None:
            return max(0.0, reset - (_moment(headers.get("Date")) or now)) + 1
    message = str(document.get("message", "")) if isinstance(document, Mapping) else ""
    if status == 429 or "rate limit" in message.lower():
        return float(SECONDARY * 2**tries)
    return None


def named(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that `retry-after` names, as a number or as a date; None if it is not there."""
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return max(0.0, seconds)
    moment = _moment(value)
    return None if moment is None else max(0.0, moment - (_moment(headers.get("Date")) or now))


def _number(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() else None


def _moment(value: str | None) -> float | None:
    try:
        moment: datetime = parsedate_to_datetime(value or "")
    except (TypeError, ValueError):
        return None
    return moment.timestamp()
