"""What a visitor's browser would get of a site; what can't be read is never taken for clean."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from scripts.errors import Unreachable
from scripts.sandbox.hang_ups import StandInServer
from scripts.secrets import site
from scripts.secrets.site import read_site

SLOW = "comes byte by byte"


@contextmanager
def serving(pages: Mapping[str, tuple[int, str, bytes]]) -> Iterator[str]:
    """A server on loopback that has these paths (status, type or location, body), else 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path
            status, kind, body = pages.get(path) or pages.get("*") or (404, "text/plain", b"no")
            self.send_response(status)
            self.send_header("location" if status in (301, 302) else "content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            for piece in [body] if body != SLOW.encode() else [b"x"] * len(body):
                self.wfile.write(piece)
                time.sleep(0 if body != SLOW.encode() else 0.1)

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = StandInServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def staying(
    answer: Callable[[BaseHTTPRequestHandler], None],
) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """A server whose connections stay open: its address, and each request's path with the client's port."""
    asked: list[tuple[str, int]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append((self.path, self.client_address[1]))
            answer(self)

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = StandInServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def give(handler: BaseHTTPRequestHandler, status: int, kind: str, body: bytes, **headers: str) -> None:
    """One whole answer."""
    handler.send_response(status)
    for name, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def page(text: str) -> tuple[int, str, bytes]:
    """A good answer."""
    return 200, "text/html", text.encode()


def script(text: str) -> tuple[int, str, bytes]:
    """A good script."""
    return 200, "text/javascript", text.encode()


def test_a_site_is_read_with_all_that_it_refers_to() -> None:
    """Chunks that only a chunk names, workers and source maps; not what another host has."""
    pages = {
        "/": page('<script src="/assets/a.js"></script><script src="https://cdn.example/x.js"></script>'),
        "/assets/a.js": script('import("./b.js");m=["assets/c.js"];//# sourceMappingURL=a.js.map'),
        "/assets/b.js": script("new Worker('/w.js')"),
        "/assets/c.js": script("c"),
        "/w.js": script("w"),
        "/assets/a.js.map": (200, "application/json", b"{}"),
    }
    with serving(pages) as url:
        seen = read_site(url, 5)

    assert {"assets/a.js", "assets/b.js", "assets/c.js", "w.js", "assets/a.js.map"} < set(seen.files)
    assert (seen.missing, seen.complete) == ([], True)
    assert (seen.elsewhere, seen.own_scripts) == (["https://cdn.example/x.js"], True)


def test_names_that_a_bundler_puts_together_are_read() -> None:
    """The chunk of a page that nobody opened yet."""
    main = (
        'u=e=>"static/js/"+e+"."+{12:"ab12cd34",345:"0f1e2d3c"}[e]+".chunk.js";'
        'c=e=>"css/"+({7:"map"}[e]||e)+"."+{7:"aa11"}[e]+".css"'
    )
    pages = {
        "/": page('<script src="/static/js/main.js"></script>'),
        "/static/js/main.js": script(main),
        "/static/js/12.ab12cd34.chunk.js": script("twelve"),
        "/static/js/345.0f1e2d3c.chunk.js": script("more"),
        "/css/map.aa11.css": (200, "text/css", b"a{}"),
        "/asset-manifest.json": (200, "application/json", b'{"files": {"x": "/later.js"}}'),
        "/later.js": script("later"),
    }
    with serving(pages) as url:
        seen = read_site(url, 5)

    assert {path.removeprefix("/") for path in pages if path != "/"} < set(seen.files)


def test_the_headers_that_came_along_are_read_once() -> None:
    """Not those that differ each time and hold nothing."""
    with serving({"/": page("<script src=/a.js></script>"), "/a.js": script("a")}) as url:
        seen = read_site(url, 5)

    assert b"text/html" in seen.files["headers of index.html"]
    assert seen.files["headers of a.js"].lower() == b"content-type: text/javascript"


def test_scripts_of_other_hosts_are_named_without_their_query() -> None:
    """A vendor's key may stand there."""
    pages = {
        "/": page(
            '<script async src="https://maps.example/js?key=AIza1"></script>'
            '<script src=//cdn.example/lib></script><script type=module src="http://[x"></script>'
        ),
        "/a.js": script('import("https://later.example/b.js")'),
    }
    pages["/"] = page(pages["/"][2].decode() + "<link rel=modulepreload href=/a.js>")
    with serving(pages) as url:
        seen = read_site(url, 5)

    assert seen.elsewhere == [
        "https://maps.example/js",
        "http://cdn.example/lib",
        "https://later.example/b.js",
    ]
    assert not seen.own_scripts


def test_a_page_for_everything_is_no_file() -> None:
    """A single-page app answers its page for every path: neither an `.env` nor a script."""
    start = page('<script src="/a.js"></script>')
    with serving({"*": start}) as url:
        seen = read_site(url, 5)

    assert (seen.missing, set(seen.files)) == (["a.js"], {"index.html", "headers of index.html"})


def test_a_published_env_file_is_found() -> None:
    """Nothing refers to it, and everybody tries it."""
    with serving({"/": page("hello"), "/.env": (200, "text/plain", b"A=b")}) as url:
        assert read_site(url, 5).files[".env"] == b"A=b"


def test_a_site_that_does_not_answer_is_not_clean() -> None:
    """An error page, or nobody."""
    with serving({"/": (500, "text/html", b"x")}) as url, pytest.raises(Unreachable):
        read_site(url, 5)
    with pytest.raises(Unreachable):
        read_site("http://127.0.0.1:9", 1)


def test_redirects_are_followed_on_the_same_host_alone() -> None:
    """What another host has is not the site's."""
    with serving({"/": page("<p>"), "/.env": (200, "text/plain", b"A=b")}) as other:
        pages = {
            "/": (302, "/start/", b""),
            "/start/": page('<script src="/away.js"></script><script src="/b.js"></script>'),
            "/away.js": (302, f"{other}/.env", b""),
            "/b.js": (301, "/c.js", b""),
            "/c.js": script("c"),
        }
        with serving(pages) as url:
            seen = read_site(url, 5)

    assert {name for name in seen.files if "headers" not in name} == {"start/", "c.js"}
    assert b"location: /start/" in seen.files["headers of start/"].lower()
    assert seen.missing == ["away.js"]


def test_a_file_over_the_limit_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not looked at."""
    monkeypatch.setattr(site, "LARGEST", 99)
    with serving({"/": page('<script src="/a.js"></script>'), "/a.js": script("x" * 100)}) as url:
        assert read_site(url, 5).missing == ["a.js"]


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 3), ("LARGEST_SITE", 50)])
def test_a_site_over_a_limit_is_not_complete(
    limit: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the number of files, or their bytes."""
    monkeypatch.setattr(site, limit, value)
    with serving({"/": page('<script src="/a.js"></script>'), "/a.js": script("y" * 60)}) as url:
        assert not read_site(url, 5).complete


def test_a_list_of_what_the_host_does_not_serve_is_not_followed_to_its_end() -> None:
    """A source map names the bundler's inputs; the chunks of a script are all read, however many."""
    inputs = ",".join(f'"../node_modules/kit/{number}.js"' for number in range(1_500))
    chunks = ",".join(f'"./chunk-{number}.js"' for number in range(150))
    asked: list[str] = []

    class Pages(dict[str, tuple[int, str, bytes]]):
        def get(self, path: str, default: object = None) -> object:  # type: ignore[override]
            asked.append(path)
            return super().get(path, default)

    pages = Pages(
        {
            "/": page('<script src="/main.js"></script>'),
            "/main.js": script(f"load([{chunks}])\n//# sourceMappingURL=main.js.map"),
            "/main.js.map": script(f'{{"sources":[{inputs}]}}'),
            **{f"/chunk-{number}.js": script(str(number)) for number in range(150)},
        }
    )
    with serving(pages) as url:
        found = read_site(url, 5.0)

    assert found.complete
    assert sum(name.startswith("chunk-") for name in found.files) == 150
    assert len(asked) < 400


def test_a_file_that_comes_byte_by_byte_is_missing() -> None:
    """A scan of such a site once never ended, and held the lock."""
    with serving({"/": page('<script src="/a.js"></script>'), "/a.js": script(SLOW)}) as url:
        started = time.monotonic()
        assert read_site(url, 1.0).missing == ["a.js"]

    assert time.monotonic() - started < 5


def test_many_files_that_come_byte_by_byte_share_the_time_of_the_site() -> None:
    """Each alone would be within its own limit."""
    names = [f"/{number}.js" for number in range(40)]
    pages = {"/": page("".join(f'<script src="{name}"></script>' for name in names))}
    with serving({**pages, **{name: script(SLOW) for name in names}}) as url:
        started = time.monotonic()
        assert not read_site(url, 2, deadline=0.5).complete

    assert time.monotonic() - started < 3


def test_a_site_over_the_time_is_not_complete() -> None:
    """The scan of a release has to end."""
    with serving({"/": page('<script src="/a.js"></script>'), "/a.js": script("y")}) as url:
        assert not read_site(url, 5, deadline=0).complete


SCRIPTS = "".join(f'<script src="/{number}.js"></script>' for number in range(40))


def test_a_site_is_read_over_few_connections() -> None:
    """Each file is asked for once, and no connection is made for it."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        good = handler.path == "/" or handler.path.endswith(".js")
        status, kind, body = (
            (page(SCRIPTS) if handler.path == "/" else script("x")) if good else (404, "", b"")
        )
        give(handler, status, kind, body)

    with staying(answer) as (url, asked):
        seen = read_site(url, 5)

    assert not seen.missing
    assert len(asked) == len({path for path, _ in asked}) == 41 + len(site.GUESSES)
    assert len({port for _, port in asked}) <= site.AT_ONCE


def test_a_connection_that_the_server_has_closed_is_made_anew() -> None:
    """Without a word, while the next request is under way."""
    ports: set[int] = set()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.client_address[1] in ports:  # the second request over it
            handler.close_connection = True
            return
        ports.add(handler.client_address[1])
        give(handler, *(page(SCRIPTS) if handler.path == "/" else script("x")))

    with staying(answer) as (url, _):
        assert not read_site(url, 5).missing


def test_no_cookie_is_sent_back() -> None:
    """Each file is what a new visitor gets."""
    sent: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        sent.append(handler.headers["cookie"])
        give(handler, *page(SCRIPTS if handler.path == "/" else "x"), set_cookie="visits=1; path=/")

    with staying(answer) as (url, _):
        read_site(url, 5)

    assert set(sent) == {None}


def test_what_is_published_by_mistake_is_looked_for_beside_the_page_that_a_redirect_leads_to() -> None:
    """And where the address itself points to."""
    pages = {
        "/": (302, "/start/", b""),
        "/start/": page("<p>"),
        "/start/.env": (200, "text/plain", b"A=b"),
        "/.npmrc": (200, "text/plain", b"c"),
    }
    with serving(pages) as url:
        assert {"start/.env", ".npmrc"} < set(read_site(url, 5).files)


def test_a_reading_that_nobody_waits_for_ends() -> None:
    """What is under way is the last that the host is asked for."""
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        give(handler, *(page(SCRIPTS) if handler.path == "/" else script("x")))

    with staying(answer) as (url, _):
        seen = read_site(url, 5, wanted=lambda: len(asked) < 12)

    assert not seen.complete
    assert len(asked) < 12 + 2 * site.AT_ONCE
