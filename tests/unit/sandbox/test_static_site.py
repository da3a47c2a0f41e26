"""The stand-in for Replit's static deployments serves files, pages and rewrites, and lists nothing."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.sandbox.host_publish import steps
from scripts.sandbox.static_site import Site


@contextmanager
def serving(folder: Path, *rules: tuple[str, str]) -> Iterator[Callable[[str], tuple[int, str]]]:
    """A site of this folder on loopback; called with a path, it gives status and text."""
    kind = type("Ruled", (Site,), {"rewrites": rules})
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *given, **named: kind(*given, directory=str(folder), **named)
    )
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def ask(path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(*server.server_address[:2], timeout=5)  # type: ignore[arg-type]
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    try:
        yield ask
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A page, another one, a file, and a folder without a page."""
    (tmp_path / "assets").mkdir()
    for name in ("index.html", "about.html", "version.json", "assets/app.js"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_files_come_before_rewrites(site: Path) -> None:
    """Or the stamp would be the page."""
    with serving(site, ("/*", "/index.html")) as ask:
        assert ask("/version.json") == (200, "version.json")
        assert ask("/about") == (200, "about.html")
        assert ask("/some/page?of=it") == (200, "index.html")


def test_without_a_rewrite_there_is_no_page_for_everything(site: Path) -> None:
    """No folder is listed, and nothing above is served."""
    with serving(site) as ask:
        assert ask("/")[0] == 200
        assert ask("/some/page")[0] == 404
        assert ask("/assets/")[0] == 404
        assert ask("/../../etc/passwd")[0] == 404


def test_a_static_deployment_is_started_by_what_replit_names(tmp_path: Path) -> None:
    """`publicDir` and rewrites, without a command of its own."""
    (tmp_path / ".replit").write_text(
        '[deployment]\ndeploymentTarget = "static"\npublicDir = "web/dist"\n'
        '[[deployment.rewrites]]\nfrom = "/*"\nto = "/index.html"\n'
    )
    build, run = steps(tmp_path)

    assert build is None
    assert run.argv[-2:] == (str(tmp_path / "web/dist"), "/*=/index.html")
