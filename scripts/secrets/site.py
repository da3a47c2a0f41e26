"""A served site as a visitor's browser gets it: the page, and all that it refers to on the same host."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urldefrag, urljoin, urlsplit

from scripts.errors import Unreachable
from scripts.http import FetchError, fetch
from scripts.system.background import submit

LARGEST = 64 * 2**20  # bytes of one file
LARGEST_SITE = 256 * 2**20  # bytes in all
MOST_FILES = 2_000
AT_ONCE = 8
REDIRECTS = 5
# files that people publish by mistake; nothing refers to them
PROBES = (".env", ".env.local", ".env.production", ".env.production.local", ".git/config", ".npmrc")
ATTRIBUTE = re.compile(rb"(?:src|href|data-src)\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
PATH_IN_SCRIPT = re.compile(
    rb"[\"'`(]((?:\.{0,2}/)?[A-Za-z0-9_@./~-]{1,200}\.(?:m?js|css|json|wasm|map|html))[\"'`)?]"
)
SOURCE_MAP = re.compile(rb"[#@]\s*sourceMappingURL=([^\s*\"']{1,400})")


@dataclass
class Site:
    """What was read.

    Args:
        files: by their path on the host.
        missing: scripts and styles that the page names and the host did not serve.
        complete: False when a limit of size, number or time ended the reading.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    complete: bool = True


@dataclass(frozen=True)
class Response:
    """One answer: the URL after all redirects, and its body; None when there was no good answer."""

    url: str
    body: bytes | None
    is_page: bool = False


def read_site(url: str, timeout: float, *, deadline: float = 120.0) -> Site:
    """The page at `url` and everything on its host that it refers to, directly or not.

    Args:
        timeout: seconds for one file; one that takes longer counts as not served.
        deadline: seconds after which the reading ends.

    Raises:
        Unreachable: the page itself gives no good answer.
    """
    until = time.monotonic() + deadline
    start = _fetch(url, timeout)
    if start.body is None:
        raise Unreachable(f"{url} gave no page to scan", f"`curl -i {url}` shows what it answers")
    site = Site({_path(start.url) or "index.html": start.body})
    needed = list(_assets(start))
    optional = [*_references(start), *(urljoin(start.url, probe) for probe in PROBES)]
    waiting = [*needed, *optional]
    seen = {start.url, url}
    while waiting:
        waiting = [target for target in dict.fromkeys(waiting) if target not in seen]
        batch, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        seen.update(batch)
        seconds = min(timeout, max(0.0, until - time.monotonic()))
        for target, answer in [(target, submit(_fetch, target, seconds)) for target in batch]:
            response = answer.result()
            if _is_file(target, response, start):
                site.files[_path(response.url) or _path(target)] = response.body or b""
                waiting += _references(response, start.url)
            elif target in needed:
                site.missing.append(_path(target))
        if not _within_limits(site, seen, until):
            site.complete = False
            break
    return site


def _within_limits(site: Site, seen: set[str], until: float) -> bool:
    size = sum(len(body) for body in site.files.values())
    return len(seen) < MOST_FILES and size < LARGEST_SITE and time.monotonic() < until


def _is_file(target: str, response: Response, start: Response) -> bool:
    """Whether the host has this file. Many answer with the site's own page for what they don't have."""
    fallback = response.is_page and (response.body == start.body or not _path(target).endswith(".html"))
    return response.body is not None and not fallback


def _assets(page: Response) -> Iterator[str]:
    """The scripts and styles of the page."""
    for match in ATTRIBUTE.finditer(page.body or b""):
        target = urldefrag(urljoin(page.url, match[1].decode("utf-8", "replace"))).url
        if _same_host(target, page.url) and re.search(r"\.(m?js|css)(\?|$)", target):
            yield target


def _references(response: Response, root: str | None = None) -> Iterator[str]:
    """What a file may refer to, relative to itself or to `root`: chunks, workers, source maps."""
    body = response.body or b""
    relative = [match[1] for match in ATTRIBUTE.finditer(body)] if response.is_page else []
    relative += [match[1] for match in SOURCE_MAP.finditer(body) if not match[1].startswith(b"data:")]
    paths = [match[1] for match in PATH_IN_SCRIPT.finditer(body)]
    targets = [
        urldefrag(urljoin(response.url, path.decode("utf-8", "replace"))).url for path in relative + paths
    ]
    targets += [urljoin(root, path.decode("ascii")) for path in paths if root]
    return (target for target in targets if _same_host(target, root or response.url))


def _same_host(url: str, other: str) -> bool:
    try:
        one, two = urlsplit(url), urlsplit(other)
    except ValueError:
        return False
    return one.scheme in ("http", "https") and one.netloc == two.netloc


def _path(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _fetch(url: str, seconds: float) -> Response:
    """One file, after redirects on the same host. Only a complete answer of status 200 has a body.

    `seconds` counts for all requests together.
    """
    until = time.monotonic() + seconds
    with contextlib.suppress(FetchError, ValueError):  # ValueError: a `Location` that is no URL
        for _ in range(REDIRECTS):
            answer = fetch(url, seconds=max(0.0, until - time.monotonic()), most_bytes=LARGEST)
            if answer.status == 200 and answer.complete:
                return Response(url, answer.body, "html" in answer.headers.get("content-type", ""))
            target = urljoin(url, answer.headers.get("location", url))
            if target == url or not _same_host(target, url):
                break
            url = target
    return Response(url, None)
