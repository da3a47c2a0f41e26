"""The public URL, asked as a visitor would: what it says that it is, and whether its pages work."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import requests

LARGEST = 65_536  # bytes of a version stamp that are read; a real one has 200
REDIRECTS = 3
HEADERS = {"Cache-Control": "no-cache", "Pragma": "no-cache", "User-Agent": "release-desk"}


@dataclass(frozen=True)
class Look:
    """What one round of requests gave; plain values for `domain.live.Answer`."""

    status: int | None
    stamp: dict[str, str]
    pages: tuple[tuple[str, int | None], ...]
    error: str | None


def look(url: str, version_path: str, pages: Sequence[str], timeout: float) -> Look:
    """Ask for the version stamp and the pages, all at once; `timeout` seconds each."""
    with ThreadPoolExecutor(max_workers=len(pages) + 1) as pool:
        stamp = pool.submit(_stamp, url.rstrip("/") + version_path, timeout)
        seen = [(path, pool.submit(_status, url.rstrip("/") + path, timeout)) for path in pages]
        status, found, error = stamp.result()
        return Look(status, found, tuple((path, each.result()) for path, each in seen), error)


def _stamp(url: str, timeout: float) -> tuple[int | None, dict[str, str], str | None]:
    import requests

    try:
        with requests.get(
            url, timeout=timeout, headers=HEADERS, allow_redirects=False, stream=True
        ) as response:
            raw = response.raw.read(LARGEST, decode_content=True)
            if response.status_code != 200:
                return response.status_code, {}, f"it answers {response.status_code}"
    except (requests.RequestException, OSError) as fault:
        return None, {}, _short(fault)
    return 200, *_read(raw)


def _read(raw: bytes) -> tuple[dict[str, str], str | None]:
    """The stamp's texts; an untrusted answer, so every shape but the right one is an error."""
    try:
        document = json.loads(raw)
    except ValueError:
        return {}, "it is no JSON"
    if not isinstance(document, dict):
        return {}, "it is no JSON object"
    stamp = {key: value for key, value in document.items() if isinstance(value, str)}
    if not re.fullmatch(r"[0-9a-f]{40}", stamp.get("commit", "")):
        return {}, "it has no `commit` of 40 hex digits"
    return stamp, None


def _status(url: str, timeout: float) -> int | None:
    """The status of a page; a redirect is followed on the same host only."""
    import requests

    try:
        for _ in range(REDIRECTS):
            with requests.get(
                url, timeout=timeout, headers=HEADERS, allow_redirects=False, stream=True
            ) as response:
                target = _redirect(response, url)
                if target is None:
                    return response.status_code
                url = target
    except (requests.RequestException, OSError):
        return None
    return 310  # too many redirects: never a page that works


def _redirect(response: requests.Response, url: str) -> str | None:
    if not response.is_redirect:
        return None
    from urllib.parse import urljoin

    target = urljoin(url, response.headers["location"])
    return target if urlsplit(target).netloc == urlsplit(url).netloc else None


def _short(fault: Exception) -> str:
    """The kind of failure in a few words; the library's own text is long and names objects."""
    import requests

    if isinstance(fault, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(fault, requests.Timeout):
        return "timed out"
    if isinstance(fault, requests.ConnectionError):
        return "can't connect"
    return type(fault).__name__
