"""Posts one JSON payload to a chat webhook, within a budget; whatever happens is a value.

The libraries that were measured wait wrongly after a 429 or do not wait at all (research
`load-monitor.md`, section 8). The address is itself the secret: no answer of this file shows it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from scripts.http import in_short
from scripts.system.secret import Secret, redact, remember

if TYPE_CHECKING:
    import requests


CONNECT = 2.0  # seconds for a connection; an answer may take what is left of the budget
PAUSE = 0.5  # before the second try; doubles. Also the least that is waited, whatever was asked
LARGEST = 4_096  # bytes of an answer that are read
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {"User-Agent": "release-desk"}
AGAIN = (408, 425, 429)  # the 4xx that do not mean "never"


@dataclass(frozen=True)
class Delivery:
    """What came of a notice.

    Args:
        seconds: how long the vendor asked us to wait, for `later`; None where he said nothing.
        why: in a few words, without the address.
    """

    state: Literal["delivered", "later", "refused"]
    why: str = ""
    seconds: float | None = None


def delivered() -> Delivery:
    """The vendor took it."""
    return Delivery("delivered")


def later(seconds: float | None, why: str) -> Delivery:
    """Not now; the same payload may pass another time."""
    return Delivery("later", why, seconds)


def refused(why: str) -> Delivery:
    """Never: this payload or this address is at fault."""
    return Delivery("refused", why)


def post(
    url: Secret,
    payload: Mapping[str, Any],
    budget: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> Delivery:
    """Try until it is delivered or refused, or until the next try would be beyond `budget` seconds.

    Never raises. `now` is the time of day, for a Retry-After that is a date.
    """
    fault = _address_fault(url)
    if fault:
        return refused(fault)
    end, pause = clock() + budget, PAUSE
    answer = later(None, "there was no time left")
    while end > clock():
        answer = _try(url, payload, end - clock(), now)
        if answer.state != "later":
            return answer
        wait = max(answer.seconds or 0.0, pause)
        if clock() + wait >= end:
            return answer
        sleep(wait)
        pause *= 2
    return answer


def _address_fault(url: Secret) -> str | None:
    """Why nothing is sent there; a secret in an address is not sent through the open either."""
    try:
        parts = urlsplit(url.reveal())
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return "its address is no web address"
    if len(parts.path) > 8:
        remember(parts.path)  # libraries show it without the host
    if parts.scheme not in ("http", "https") or not host:
        return "its address is no web address"
    return "its address is not https" if parts.scheme == "http" and host not in LOOPBACK else None


def _try(url: Secret, payload: Mapping[str, Any], left: float, now: Callable[[], float]) -> Delivery:
    """One request. A redirect is not followed: no webhook redirects, but a network's sign-in page does."""
    try:
        import requests

        with requests.post(
            url.reveal(),
            json=payload,
            headers=HEADERS,
            timeout=(min(CONNECT, left), left),
            allow_redirects=False,
            stream=True,
        ) as response:
            return _judge(response, now())
    except Exception as fault:  # noqa: BLE001 - a notice never ends a release, whatever a library throws
        return later(None, in_short(fault))


def _judge(response: requests.Response, now: float) -> Delivery:
    status = response.status_code
    if 200 <= status < 300:
        if "html" in response.headers.get("content-type", ""):  # a hotel's or a proxy's sign-in page
            return later(None, f"a web page answered (HTTP {status})")
        return delivered()
    body = _body(response)
    if status in AGAIN or status >= 500 or status < 400:
        seconds = asked_wait(response.headers, body, now)
        asked = f", and asks to wait {seconds:.4g} s" if seconds is not None else ""
        return later(seconds, f"HTTP {status}{asked}")
    said = " ".join(redact(body.decode("utf-8", "replace")).split())[:120]
    return refused(f"HTTP {status}{': ' if said else ''}{said}")


def _body(response: requests.Response) -> bytes:
    """The beginning of an answer; the status stands even where the rest does not come."""
    try:
        return bytes(response.raw.read(LARGEST, decode_content=True))
    except Exception:  # noqa: BLE001 - as above
        return b""


def asked_wait(headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """The seconds that the vendor asks us to wait: the longest of all that he says and that can be read.

    Retry-After in seconds, with a fraction or as a date; Discord's `retry_after` in JSON and
    X-RateLimit-Reset-After. Garbage and what lies below 0 say nothing.
    """
    said = headers.get("Retry-After", "")
    found = [_seconds(said), _until(said, now), _seconds(headers.get("X-RateLimit-Reset-After", ""))]
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        found.append(_seconds(document.get("retry_after")))
    return max((each for each in found if each is not None), default=None)


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        return None
    return seconds if seconds >= 0 else None  # also not for NaN, which compares with nothing


def _until(text: str, now: float) -> float | None:
    """The three forms of an HTTP date, or ISO 8601; a time that is over asks for no wait."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(text)
            return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now)
        except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
            continue
    return None
