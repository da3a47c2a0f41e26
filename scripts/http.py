"""The public URL, asked as a visitor would: what it says that it is, and whether its pages work."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from scripts.errors import ConfigError, Unreachable
from scripts.system.background import submit
from scripts.system.secret import Secret

if TYPE_CHECKING:
    import requests


LARGEST = 65_536  # bytes of a version stamp that are read; a real one has 200
LONGEST = 100  # characters of one of its values
GRACE = 0.5  # seconds over the time-out of a request after which nobody waits for it any more
REDIRECTS = 3
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {"Cache-Control": "no-cache", "Pragma": "no-cache", "User-Agent": "release-desk"}

T = TypeVar("T")
Stamp = tuple[int | None, dict[str, str], str | None]  # status, what the stamp says, why not


@dataclass(frozen=True)
class Look:
    """What one round of requests gave; plain values for `replit.live.Answer`."""

    status: int | None
    stamp: dict[str, str]
    pages: tuple[tuple[str, int | None], ...]
    error: str | None


def look(url: str, version_path: str, pages: Sequence[str], timeout: float) -> Look:
    """Ask for the version stamp and the pages, all at once; never longer than `timeout` seconds or so.

    A server that answers byte by byte would outlive any time-out of a request, so nobody waits for
    the threads: what has not come by then is no answer.
    """
    base, deadline = url.rstrip("/"), time.monotonic() + timeout + GRACE
    stamp = submit(_stamp, base + version_path, timeout)
    seen = [(path, submit(_status, base + path, timeout)) for path in pages]
    status, found, error = _wait(stamp, deadline, (None, {}, "timed out"))
    return Look(status, found, tuple((path, _wait(each, deadline, None)) for path, each in seen), error)


def _wait(answer: Future[T], deadline: float, late: T) -> T:
    try:
        return answer.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return late


def _stamp(url: str, timeout: float) -> Stamp:
    try:
        with _get(url, timeout) as response:
            raw = response.raw.read(LARGEST, decode_content=True)
            if response.status_code != 200:
                return response.status_code, {}, f"it answers {response.status_code}"
    except _faults() as fault:
        return None, {}, in_short(fault)
    return 200, *_read(raw)


def _read(raw: bytes) -> tuple[dict[str, str], str | None]:
    """The stamp's texts; an untrusted answer, so every shape but the right one is an error."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}, "it is no JSON"
    if not isinstance(document, dict):
        return {}, "it is no JSON object"
    values = {key: document.get(key) for key in ("commit", "environment", "schema")}
    stamp = {key: value for key, value in values.items() if isinstance(value, str)}
    if not re.fullmatch(r"[0-9a-f]{40}", stamp.get("commit", "")):
        return {}, "it has no `commit` of 40 hex digits"
    if any(len(value) > LONGEST or not value.isprintable() for value in stamp.values()):
        return {}, "its values are no plain text"
    return stamp, None


def _status(url: str, timeout: float) -> int | None:
    """The status of a page; a redirect is followed on the same host only."""
    try:
        for _ in range(REDIRECTS):
            with _get(url, timeout) as response:
                target = _redirect(response, url)
                if target is None:
                    return response.status_code
                url = target
    except _faults():
        return None
    return 310  # too many redirects: never a page that works


def _get(url: str, timeout: float) -> requests.Response:
    import requests

    return requests.get(url, timeout=timeout, headers=HEADERS, allow_redirects=False, stream=True)


def _redirect(response: requests.Response, url: str) -> str | None:
    if not response.is_redirect:
        return None
    target = urljoin(url, response.headers["location"])
    return target if urlsplit(target).netloc == urlsplit(url).netloc else None


def _faults() -> tuple[type[Exception], ...]:
    """All that a server can do to a reader: urllib3's own errors come through when the body breaks."""
    import requests
    import urllib3

    return (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


def in_short(fault: Exception) -> str:
    """The kind of failure in a few words; the library's own text is long and names objects."""
    import requests

    if isinstance(fault, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(fault, requests.Timeout):
        return "timed out"
    if isinstance(fault, requests.ConnectionError):
        return "can't connect"
    return f"its answer broke off ({type(fault).__name__})"


def get_json(
    url: str, token: Secret, timeout: float, headers: Mapping[str, str] | None = None
) -> tuple[int, Any, Mapping[str, str]]:
    """Status, JSON document and headers of an API's answer; the document is None where there is none.

    Raises:
        ConfigError: the token would travel unencrypted.
        Unreachable: no answer, or a good one that is no JSON.
    """
    import requests

    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and host not in LOOPBACK:
        raise ConfigError(f"the API at `{host}` has no https address: a token would travel unencrypted")
    sent = {"Accept": "application/json", "User-Agent": HEADERS["User-Agent"], **(headers or {})}
    sent["Authorization"] = f"Bearer {token.reveal()}"
    try:
        response = requests.get(url, headers=sent, timeout=timeout, allow_redirects=False)
        document = response.json() if response.content else None
    except ValueError as fault:  # `requests` raises its own kind of it for a body that is no JSON
        if response.status_code == 200:
            raise Unreachable(f"the API at `{host}` gave no JSON ({type(fault).__name__})") from None
        document = None
    except _faults() as fault:
        raise Unreachable(f"the API at `{host}` gave no answer ({type(fault).__name__})") from None
    return response.status_code, document, response.headers
