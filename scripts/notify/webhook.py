"""Posts one JSON payload to a chat webhook within a time budget; returns every outcome as a value.

The libraries that were measured wait wrongly after a 429, or not at all (research `load-monitor.md`,
section 8). The URL is itself the secret: nothing that this file returns shows it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from scripts.http import FetchError, Response, fetch
from scripts.system.documents import parse_json
from scripts.system.secret import Secret, redact, remember

CONNECT_TIMEOUT = 2.0  # seconds; the whole request may take what is left of the budget
MIN_PAUSE = 0.5  # seconds before the second try, whatever the vendor asked for; doubles with each try
MAX_BODY = 4_096  # bytes of an answer that are read
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {"User-Agent": "release-desk", "Content-Type": "application/json"}
RETRYABLE = (408, 425, 429)  # the 4xx that do not mean "never"


@dataclass(frozen=True)
class Delivery:
    """The outcome of a post.

    Args:
        state: `later`: the same payload may pass another time; `refused`: this payload or URL never will.
        why: in a few words, without the URL.
        seconds: how long the vendor asked us to wait, for `later`; None where it did not say.
    """

    state: Literal["delivered", "later", "refused"]
    why: str = ""
    seconds: float | None = None


def post(
    url: Secret,
    payload: Mapping[str, Any],
    budget: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> Delivery:
    """Retry until it is delivered or refused, or until the next try would exceed `budget` seconds.

    Never raises. `now` is the time of day, for a Retry-After that is a date.
    """
    problem = _url_problem(url)
    if problem:
        return Delivery("refused", problem)
    deadline, pause = clock() + budget, MIN_PAUSE
    delivery = Delivery("later", "there was no time left")
    while deadline > clock():
        delivery = _try(url, payload, deadline - clock(), now)
        if delivery.state != "later":
            return delivery
        wait = max(delivery.seconds or 0.0, pause)
        if clock() + wait >= deadline:
            return delivery
        sleep(wait)
        pause *= 2
    return delivery


def _url_problem(url: Secret) -> str | None:
    """Why nothing is sent to this URL. A secret in a URL is not sent unencrypted either."""
    try:
        parts = urlsplit(url.reveal())
        host = parts.hostname
        _ = parts.port  # raises for a number that is no port
    except ValueError:
        return "its address is no web address"
    if len(parts.path) > 8:
        remember(parts.path)  # libraries show the path without the host
    if parts.scheme not in ("http", "https") or not host:
        return "its address is no web address"
    return "its address is not https" if parts.scheme == "http" and host not in LOOPBACK else None


def _try(url: Secret, payload: Mapping[str, Any], left: float, now: Callable[[], float]) -> Delivery:
    """One request. Redirects are not followed: no webhook redirects, but a network's sign-in page does."""
    try:
        body = json.dumps(payload).encode()
        response = fetch(
            url.reveal(), seconds=left, most_bytes=MAX_BODY, method="POST", headers=HEADERS, body=body,
            connect_seconds=CONNECT_TIMEOUT, wants_body=lambda head: not 200 <= head.status < 300,
        )  # fmt: skip
    except FetchError as fault:
        if fault.head is None:
            return Delivery("later", fault.why)
        response = fault.head  # the status counts even when the body does not arrive
    except Exception as fault:  # noqa: BLE001 - a notice never ends a release, whatever a library raises
        return Delivery("later", f"it could not be sent ({type(fault).__name__})")
    return _delivery(response, now())


def _delivery(response: Response, now: float) -> Delivery:
    status = response.status
    if 200 <= status < 300:
        if "html" in response.headers.get("content-type", ""):  # a hotel's or a proxy's sign-in page
            return Delivery("later", f"a web page answered (HTTP {status})")
        return Delivery("delivered")
    if status in RETRYABLE or status >= 500 or status < 400:
        seconds = requested_wait(response.headers, response.body, now)
        asked = f", and asks to wait {seconds:.4g} s" if seconds is not None else ""
        return Delivery("later", f"HTTP {status}{asked}", seconds)
    reason = " ".join(redact(response.body.decode("utf-8", "replace")).split())[:120]
    return Delivery("refused", f"HTTP {status}{': ' if reason else ''}{reason}")


def requested_wait(headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """The seconds that the vendor asks us to wait: the longest of all readable requests.

    Reads Retry-After in seconds, with a fraction or as a date, Discord's `retry_after` in JSON, and
    X-RateLimit-Reset-After. Garbage and negative numbers are ignored.
    """
    retry_after = headers.get("Retry-After", "")
    waits = [
        _seconds(retry_after),
        _seconds_until(retry_after, now),
        _seconds(headers.get("X-RateLimit-Reset-After", "")),
    ]
    try:
        document = parse_json(body)
    except ValueError:
        document = None
    if isinstance(document, dict):
        waits.append(_seconds(document.get("retry_after")))
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        return None
    return seconds if seconds >= 0 else None  # NaN is not >= 0 either


def _seconds_until(text: str, now: float) -> float | None:
    """The three forms of an HTTP date, or ISO 8601; 0 for a time that is over."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
            return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now)
        except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
            continue
    return None
