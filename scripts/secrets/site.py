"""A served site as a visitor's browser gets it: the page, and all that it refers to on the same host."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urldefrag, urljoin, urlsplit

from scripts import http
from scripts.errors import Unreachable
from scripts.http import HEADERS, FetchError, Headers, Line, fetch
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
GUESSES = (*PROBES, *MANIFESTS)
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
        self._waiting = OrderedDict.fromkeys([*needed, *optional], "")  # with what names it
        self._served: Counter[str] = Counter()
        self._tried: Counter[str] = Counter()

    def next(self) -> tuple[str, str] | None:
        """The next one, and what names it; None where there is none now."""
        while self._waiting:
            target, source = self._waiting.popitem(last=False)
            if target not in self.seen and (target in self.needed or self._is_of_use(source)):
                self.seen.add(target)
                return target, source
        return None

    def count(self, target: str, source: str, references: Iterable[str] | None) -> None:
        """Take up what a file refers to; None: the host does not serve it."""
        self._tried[source] += 1
        if references is not None:
            self._served[source] += 1
            for reference in references:
                self._waiting.setdefault(reference, target)

    def _is_of_use(self, source: str) -> bool:
        tried = self._tried[source]
        return tried < TRIED or self._served[source] >= tried * SERVED


class _Lines:
    """Connections that stay open and send back no cookie: one for each request at the same time."""

    def __init__(self) -> None:
        self._idle: list[Line] = []

    def fetch(self, url: str, seconds: float, headers: Mapping[str, str]) -> http.Response:
        """One answer. A server may have closed an idle connection: then it is asked over a new one."""
        until = time.monotonic() + seconds
        try:
            line = self._idle.pop()
        except IndexError:
            return self._over(_line(), url, seconds, headers)
        try:
            return self._over(line, url, seconds, headers)
        except FetchError as fault:
            left = until - time.monotonic()
            if fault.head or left <= 0:
                raise
            return self._over(_line(), url, left, headers)

    def close(self) -> None:
        """Hang up."""
        while self._idle:
            self._idle.pop().close()

    def _over(self, line: Line, url: str, seconds: float, headers: Mapping[str, str]) -> http.Response:
        try:
            answer = fetch(url, seconds=seconds, most_bytes=LARGEST, headers=headers, line=line)
        except FetchError:
            line.close()
            raise
        self._idle.append(line)
        return answer


def _line() -> Line:
    line = Line()
    line.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return line


def read_site(
    url: str,
    timeout: float,
    *,
    deadline: float = 120.0,
    headers: Headers = lambda _url: {},
    wanted: Callable[[], bool] = lambda: True,
) -> Site:
    """The page at `url` and everything on its host that it refers to, directly or not.

    Args:
        timeout: seconds for one file; one that takes longer counts as not served.
        headers: what to send to an address beside the usual.
        deadline: seconds after which the reading ends.
        wanted: whether anybody still waits for it; if not, it ends.

    Raises:
        Unreachable: the page itself gives no good answer.
    """
    lines = _Lines()
    try:
        return _Reading(url, timeout, time.monotonic() + deadline, headers, wanted, lines).run()
    finally:
        lines.close()


@dataclass
class _Reading:
    """One reading of a site; see `read_site`. `AT_ONCE` files are asked for at the same time."""

    url: str
    timeout: float
    until: float
    headers: Headers
    wanted: Callable[[], bool]
    lines: _Lines
    site: Site = field(default_factory=Site)
    size: int = 0
    asked: deque[tuple[str, str, Future[Response]]] = field(default_factory=deque)

    def run(self) -> Site:
        """Its files."""
        url = self.url
        page = submit(_fetch, url, self.timeout, self.headers, self.lines)
        early = [urljoin(url, path) for path in GUESSES[: AT_ONCE - 1]]
        for target in early:
            self._ask(target, "")
        start = page.result()
        if start.body is None:
            raise Unreachable(f"{url} gave no page to scan", f"`curl -i {url}` shows what it answers")
        self._add(start, _path(start.url) or "index.html", start)
        optional = [*_references(start), *(urljoin(start.url, path) for path in GUESSES)]
        waiting = Waiting(list(_assets(start)), optional, {start.url, url, *early})
        while self._ask_for_more(waiting):
            self._take(waiting, start)
            if not self._may_go_on(waiting):
                self.site.complete = False
                break
        return self.site

    def _ask_for_more(self, waiting: Waiting) -> bool:
        """As many as there may be; whether an answer is awaited."""
        while len(self.asked) < AT_ONCE and (following := waiting.next()):
            self._ask(*following)
        return bool(self.asked)

    def _ask(self, target: str, source: str) -> None:
        seconds = min(self.timeout, max(0.0, self.until - time.monotonic()))
        self.asked.append((target, source, submit(_fetch, target, seconds, self.headers, self.lines)))

    def _take(self, waiting: Waiting, start: Response) -> None:
        """Take up the next answer."""
        target, source, answer = self.asked.popleft()
        response = answer.result()
        if _is_file(target, response, start):
            self._add(response, _path(response.url) or _path(target), start)
            waiting.count(target, source, _references(response, start.url))
            return
        waiting.count(target, source, None)
        if target in waiting.needed:
            self.site.missing.append(_path(target))

    def _add(self, response: Response, path: str, start: Response) -> None:
        self.size += len(response.body or b"")
        self.site.add(response, path, start.url)

    def _may_go_on(self, waiting: Waiting) -> bool:
        within = len(waiting.seen) < MOST_FILES and self.size < LARGEST_SITE
        return within and time.monotonic() < self.until and self.wanted()


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


def _fetch(url: str, seconds: float, more: Headers, lines: _Lines) -> Response:
    """One file, after redirects on the same host. Only a complete answer of status 200 has a body.

    `seconds` counts for all requests together.
    """
    until = time.monotonic() + seconds
    headers: list[bytes] = []
    with contextlib.suppress(FetchError, ValueError):  # ValueError: a `Location` that is no URL
        for _ in range(REDIRECTS):
            sent = {**HEADERS, **more(url)}
            left = max(0.0, until - time.monotonic())
            answer = lines.fetch(url, left, sent)
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
