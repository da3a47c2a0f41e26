"""A served site as a visitor's browser gets it: the page, and all that it refers to on the same host."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin, urlsplit

from scripts.errors import Unreachable
from scripts.http import HEADERS
from scripts.system.background import submit

if TYPE_CHECKING:
    import requests


LARGEST = 64 * 2**20  # bytes of one file
MOST = 256 * 2**20  # bytes in all
FILES = 2_000
AT_ONCE = 8
REDIRECTS = 5
# files that people publish by mistake; nothing refers to them
PROBES = (".env", ".env.local", ".env.production", ".env.production.local", ".git/config", ".npmrc")
ATTRIBUTE = re.compile(rb"(?:src|href|data-src)\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
IN_SCRIPT = re.compile(
    rb"[\"'`(]((?:\.{0,2}/)?[A-Za-z0-9_@./~-]{1,200}\.(?:m?js|css|json|wasm|map|html))[\"'`)?]"
)
SOURCE_MAP = re.compile(rb"[#@]\s*sourceMappingURL=([^\s*\"']{1,400})")


@dataclass
class Site:
    """What was read: files by their path on the host, and what should have been there and was not."""

    files: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    whole: bool = True


@dataclass(frozen=True)
class Answer:
    """One answer: where it came from in the end, and its body; None when there was none."""

    url: str
    body: bytes | None
    page: bool = False


def read(url: str, timeout: float, *, deadline: float = 120.0) -> Site:
    """The page at `url` and everything on its host that it refers to, directly or not.

    Raises:
        Unreachable: the page itself gives no good answer.
    """
    until = time.monotonic() + deadline
    start = _fetch(url, timeout)
    if start.body is None:
        raise Unreachable(f"{url} gave no page to scan", f"`curl -i {url}` shows what it answers")
    site = Site({_name(start.url) or "index.html": start.body})
    waiting = dict.fromkeys(_needed(start), True) | dict.fromkeys(
        [ref for ref in _guessed(start) if ref not in set(_needed(start))], False
    )
    waiting |= dict.fromkeys([urljoin(start.url, probe) for probe in PROBES], False)
    seen = {start.url, url}
    while waiting:
        batch = [each for each in list(waiting) if each not in seen][:AT_ONCE]
        needed = {each: waiting[each] for each in batch}
        waiting = {each: must for each, must in waiting.items() if each not in seen and each not in needed}
        seen.update(batch)
        for asked, answer in [(each, submit(_fetch, each, timeout)) for each in batch]:
            waiting |= _taken(site, start, asked, answer.result(), must=needed[asked], seen=seen)
        if not _within(site, seen, until):
            site.whole = False
            break
    return site


def _within(site: Site, seen: set[str], until: float) -> bool:
    size = sum(len(body) for body in site.files.values())
    return len(seen) < FILES and size < MOST and time.monotonic() < until


def _taken(
    site: Site, start: Answer, asked: str, answer: Answer, *, must: bool, seen: set[str]
) -> dict[str, bool]:
    """Keep an answer, and tell what it refers to. The page of the site itself stands for `not found`."""
    fallback = answer.page and (answer.body == start.body or not _name(asked).endswith(".html"))
    if answer.body is None or fallback:
        if must:
            site.missing.append(_name(asked))
        return {}
    site.files[_name(answer.url) or _name(asked)] = answer.body
    more = [*_guessed(answer), *(urljoin(start.url, ref) for ref in _texts(answer.body))]
    return {each: False for each in more if each not in seen and _same(each, start.url)}


def _needed(answer: Answer) -> Iterator[str]:
    """What the page itself names as scripts and styles."""
    for match in ATTRIBUTE.finditer(answer.body or b""):
        target = urldefrag(urljoin(answer.url, match[1].decode("utf-8", "replace"))).url
        if _same(target, answer.url) and re.search(r"\.(m?js|css)(\?|$)", target):
            yield target


def _guessed(answer: Answer) -> Iterator[str]:
    """What its texts may refer to: chunks, workers, source maps."""
    body = answer.body or b""
    found = [match[1] for match in ATTRIBUTE.finditer(body)] if answer.page else []
    found += [match[1] for match in SOURCE_MAP.finditer(body) if not match[1].startswith(b"data:")]
    texts = [text.decode("utf-8", "replace") for text in found] + list(_texts(body))
    for text in texts:
        target = urldefrag(urljoin(answer.url, text)).url
        if _same(target, answer.url):
            yield target


def _texts(body: bytes) -> Iterator[str]:
    for match in IN_SCRIPT.finditer(body):
        yield match[1].decode("ascii")


def _same(url: str, other: str) -> bool:
    try:
        one, two = urlsplit(url), urlsplit(other)
    except ValueError:
        return False
    return one.scheme in ("http", "https") and one.netloc == two.netloc


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _fetch(url: str, timeout: float) -> Answer:
    """One file, redirects followed on the same host; anything but a whole good answer is none."""
    import requests
    import urllib3

    try:
        for _ in range(REDIRECTS):
            with requests.get(
                url, timeout=timeout, headers=HEADERS, allow_redirects=False, stream=True
            ) as response:
                if not response.is_redirect:
                    return _whole(url, response)
                target = urljoin(url, response.headers["location"])
            if not _same(target, url):
                break
            url = target
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
        pass
    return Answer(url, None)


def _whole(url: str, response: requests.Response) -> Answer:
    if response.status_code != 200:
        return Answer(url, None)
    body = bytes(response.raw.read(LARGEST + 1, decode_content=True))
    if len(body) > LARGEST:
        return Answer(url, None)
    return Answer(url, body, "html" in response.headers.get("content-type", ""))
