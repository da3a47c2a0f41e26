"""A served site as a visitor's browser gets it: the page, and all that it refers to on the same host."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urldefrag, urljoin, urlsplit

from scripts.errors import Unreachable
from scripts.http import HEADERS, FetchError, Headers, fetch
from scripts.secrets import chunks
from scripts.system.background import submit

LARGEST = 64 * 2**20  # bytes of one file
LARGEST_SITE = 256 * 2**20  # bytes in all
MOST_FILES = 2_000
AT_ONCE = 8
REDIRECTS = 5
# A file whose first references are hardly served lists something else: a source map, a bundle's report.
TRIED = 100
SERVED = 0.05
# files that people publish by mistake; nothing refers to them
PROBES = (".env", ".env.local", ".env.production", ".env.production.local", ".git/config", ".npmrc")
# what names files that are loaded later; often nothing refers to it
MANIFESTS = ("asset-manifest.json", ".vite/manifest.json", "manifest.json", "sw.js", "service-worker.js")
ATTRIBUTE = re.compile(rb"(?:src|href|data-src)\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
SCRIPT = re.compile(rb"<script\b[^>]*?\ssrc\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
IMPORTED = re.compile(rb"(?:\bfrom|\bimport|\bimportScripts)\s*\(?\s*[\"'](https?://[^\"'\s]{1,400})[\"']")
# these differ from answer to answer, and hold nothing
COMMON_HEADERS = ("date", "etag", "last-modified", "content-length", "age", "expires")


@dataclass
class Site:
    """What was read.

    Args:
        files: by their path on the host; `headers of PATH` are those that no file before it had.
        missing: scripts and styles that the page names and the host did not serve.
        elsewhere: scripts that a page or script loads from other hosts, without their queries.
        own_scripts: whether the page loads any script of its own host.
        complete: False when a limit of size, number or time ended the reading.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    own_scripts: bool = False
    complete: bool = True
    _headers: set[bytes] = field(default_factory=set)

    def add(self, response: Response, path: str, page: str) -> None:
        """Take up a file, the headers that came with it, and what it loads from elsewhere."""
        body = response.body or b""
        self.files[path] = body
        fresh = [line for line in response.headers if line not in self._headers]
        self._headers.update(fresh)
        if fresh:
            self.files[f"headers of {path}"] = b"\n".join(fresh)
        for target in _scripts(response):
            own = _same_host(target, page)
            self.own_scripts |= own
            bare = target.partition("?")[0]
            if not own and bare not in self.elsewhere:
                self.elsewhere.append(bare)


@dataclass(frozen=True)
class Response:
    """One answer: the URL after all redirects, and its body; None when there was no good answer.

    Args:
        headers: as `name: value`, those of the redirects too.
    """

    url: str
    body: bytes | None
    is_page: bool = False
    headers: tuple[bytes, ...] = ()


class Waiting:
    """What is still to be asked for, with the file that names it, and how many of a file's are served."""

    def __init__(self, needed: Sequence[str], optional: Sequence[str], seen: Iterable[str]) -> None:
        self.needed = frozenset(needed)
        self.seen = set(seen)
        self._waiting = dict.fromkeys([*needed, *optional], "")
        self._sources: dict[str, str] = {}
        self._served: Counter[str] = Counter()
        self._tried: Counter[str] = Counter()

    def batch(self) -> list[str]:
        """The next ones; [] at the end."""
        self._waiting = {
            target: source
            for target, source in self._waiting.items()
            if target not in self.seen and (target in self.needed or self._is_of_use(source))
        }
        batch = list(self._waiting)[:AT_ONCE]
        self.seen.update(batch)
        self._sources = {target: self._waiting[target] for target in batch}
        return batch

    def count(self, target: str, references: Iterable[str] | None) -> None:
        """Take up what a file refers to; None: the host does not serve it."""
        source = self._sources[target]
        self._tried[source] += 1
        if references is not None:
            self._served[source] += 1
            for reference in references:
                self._waiting.setdefault(reference, target)

    def _is_of_use(self, source: str) -> bool:
        tried = self._tried[source]
        return tried < TRIED or self._served[source] >= tried * SERVED


def read_site(
    url: str, timeout: float, *, deadline: float = 120.0, headers: Headers = lambda _url: {}
) -> Site:
    """The page at `url` and everything on its host that it refers to, directly or not.

    Args:
        timeout: seconds for one file; one that takes longer counts as not served.
        headers: what to send to an address beside the usual.
        deadline: seconds after which the reading ends.

    Raises:
        Unreachable: the page itself gives no good answer.
    """
    until = time.monotonic() + deadline
    start = _fetch(url, timeout, headers)
    if start.body is None:
        raise Unreachable(f"{url} gave no page to scan", f"`curl -i {url}` shows what it answers")
    site = Site()
    site.add(start, _path(start.url) or "index.html", start.url)
    optional = [*_references(start), *(urljoin(start.url, probe) for probe in (*PROBES, *MANIFESTS))]
    waiting = Waiting(list(_assets(start)), optional, {start.url, url})
    while batch := waiting.batch():
        seconds = min(timeout, max(0.0, until - time.monotonic()))
        for target, answer in [(target, submit(_fetch, target, seconds, headers)) for target in batch]:
            response = answer.result()
            if _is_file(target, response, start):
                site.add(response, _path(response.url) or _path(target), start.url)
                waiting.count(target, _references(response, start.url))
                continue
            waiting.count(target, None)
            if target in waiting.needed:
                site.missing.append(_path(target))
        if not _within_limits(site, waiting.seen, until):
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
        target = _joined(page.url, match[1])
        if _same_host(target, page.url) and re.search(r"\.(m?js|css)(\?|$)", target):
            yield target


def _references(response: Response, root: str | None = None) -> Iterator[str]:
    """What a file may refer to, relative to itself or to `root`: chunks, workers, source maps."""
    body = response.body or b""
    relative = [match[1] for match in ATTRIBUTE.finditer(body)] if response.is_page else []
    relative += chunks.source_maps(body)
    paths = list(chunks.paths(body))
    targets = [_joined(response.url, path) for path in relative + paths]
    targets += [_joined(root, path) for path in paths if root]
    return (target for target in targets if _same_host(target, root or response.url))


def _scripts(response: Response) -> Iterator[str]:
    """The addresses of the scripts that a page or a script loads, on whatever host."""
    named = SCRIPT.finditer(response.body or b"") if response.is_page else ()
    for match in (*named, *IMPORTED.finditer(response.body or b"")):
        target = _joined(response.url, match[1])
        if target.startswith(("http://", "https://")):
            yield target


def _joined(base: str, path: bytes) -> str:
    """The address that a path on a page means; "" for one that is none."""
    try:
        return urldefrag(urljoin(base, path.decode("utf-8", "replace"))).url
    except ValueError:
        return ""


def _same_host(url: str, other: str) -> bool:
    try:
        one, two = urlsplit(url), urlsplit(other)
    except ValueError:
        return False
    return one.scheme in ("http", "https") and one.netloc == two.netloc


def _path(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _fetch(url: str, seconds: float, more: Headers) -> Response:
    """One file, after redirects on the same host. Only a complete answer of status 200 has a body.

    `seconds` counts for all requests together.
    """
    until = time.monotonic() + seconds
    headers: list[bytes] = []
    with contextlib.suppress(FetchError, ValueError):  # ValueError: a `Location` that is no URL
        for _ in range(REDIRECTS):
            sent = {**HEADERS, **more(url)}
            left = max(0.0, until - time.monotonic())
            answer = fetch(url, seconds=left, most_bytes=LARGEST, headers=sent)
            headers += _lines(answer.headers)
            if answer.status == 200 and answer.complete:
                is_page = "html" in answer.headers.get("content-type", "")
                return Response(url, answer.body, is_page, tuple(headers))
            target = urljoin(url, answer.headers.get("location", url))
            if target == url or not _same_host(target, url):
                break
            url = target
    return Response(url, None)


def _lines(headers: Mapping[str, str]) -> list[bytes]:
    return [
        f"{name}: {value}".encode("utf-8", "surrogateescape")
        for name, value in headers.items()
        if name.lower() not in COMMON_HEADERS
    ]
