"""What is read from folders, archives, sites and hosts; whatever can't be read is never taken for clean."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.errors import CommandFailed, ConfigError, Refused, Unreachable
from scripts.replit.workspace import _apart
from scripts.secrets import bundle, hosted, load, site
from scripts.system.secret import Secret


@contextmanager
def serving(pages: Mapping[str, tuple[int, str, bytes]]) -> Iterator[str]:
    """A server on loopback that has these paths, and 404 for all others."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path
            status, kind, body = pages.get(path) or pages.get("*") or (404, "text/plain", b"no")
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


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
        seen = site.read(url, 5)

    assert {"assets/a.js", "assets/b.js", "assets/c.js", "w.js", "assets/a.js.map"} < set(seen.files)
    assert ([], True) == (seen.missing, seen.whole)


def test_a_page_for_everything_is_no_file() -> None:
    """A single-page app answers its page for every path: neither an `.env` nor a script."""
    start = page('<script src="/a.js"></script>')
    with serving({"*": start}) as url:
        seen = site.read(url, 5)

    assert (["a.js"], 1) == (seen.missing, len(seen.files))


def test_a_published_env_file_is_found() -> None:
    """Nothing refers to it, and everybody tries it."""
    with serving({"/": page("hello"), "/.env": (200, "text/plain", b"A=b")}) as url:
        assert b"A=b" == site.read(url, 5).files[".env"]


def test_a_site_that_does_not_answer_is_not_clean() -> None:
    """An error page, or nobody."""
    with serving({"/": (500, "text/html", b"x")}) as url, pytest.raises(Unreachable):
        site.read(url, 5)
    with pytest.raises(Unreachable):
        site.read("http://127.0.0.1:9", 1)


def test_a_folder_is_read_as_it_lies_there(tmp_path: Path) -> None:
    """Dotfiles and links too; a missing folder and a dead link are no clean bundle."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".env").write_text("x")
    (tmp_path / "secret").write_text("y")
    (tmp_path / "out" / "link").symlink_to(tmp_path / "secret")

    assert {".env": b"x", "link": b"y"} == bundle.folder(tmp_path / "out")
    (tmp_path / "out" / "dead").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "out", tmp_path / "none"):
        with pytest.raises(Refused):
            bundle.folder(path)


def test_an_archive_comes_through_whole_or_not_at_all() -> None:
    """Between its two lines stands whatever bytes there are; a broken one is refused."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("./a.js")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"hello"))
    data = packed.getvalue()
    out = b"banner\n\nMARK\n" + data + b'\nMARK\n{"desk":"ready"}\n'
    said, found = _apart(out, b"MARK")

    assert (data, True) == (found, said.endswith(b'{"desk":"ready"}\n'))
    assert {"a.js": b"hello"} == bundle.archive(found, "the workspace")
    assert b"" == _apart(out.replace(b"\nMARK\n{", b"\n{"), b"MARK")[1]
    for broken in (b"", data[:-20], b"no archive"):
        with pytest.raises(Refused):
            bundle.archive(broken, "the workspace")


def test_hosts_are_asked_for_names_and_digests() -> None:
    """Supabase tells SHA-256 digests, GitHub names alone, page by page."""
    digest = hashlib.sha256(b"value").hexdigest()
    names = [{"name": f"N{number}"} for number in range(101)]
    place = "/repos/o/r/environments/staging/secrets?per_page=100&page="
    pages = {
        "/v1/projects/abc/secrets": (
            200,
            "application/json",
            json.dumps([{"name": "K", "value": digest}]).encode(),
        ),
        f"{place}1": (200, "application/json", json.dumps({"secrets": names[:100]}).encode()),
        f"{place}2": (200, "application/json", json.dumps({"secrets": names[100:]}).encode()),
        "/v1/projects/odd/secrets": (200, "application/json", b'{"message": "hello"}'),
        "/v1/projects/shut/secrets": (401, "application/json", b"{}"),
    }
    token = Secret("sbp_not-a-real-token")
    with serving(pages) as url:
        assert {"K": digest} == hosted.supabase(url, "abc", token)
        assert [each["name"] for each in names] == hosted.github(url, "o/r", "staging", token)
        for project in ("odd", "shut", "none"):
            with pytest.raises(CommandFailed):
                hosted.supabase(url, project, token)


@pytest.mark.parametrize(
    ("remote", "repository"),
    [
        ("https://github.com/o/r.git", "o/r"),
        ("git@github.com:o/r.git", "o/r"),
        ("ssh://git@github.com/o/r", "o/r"),
        ("/srv/origin.git", None),
    ],
)
def test_the_repository_of_a_remote(remote: str, repository: str | None) -> None:
    """From every form that GitHub shows."""
    assert repository == hosted.repository_of(remote)


def test_sops_decrypts_in_memory_or_says_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain file under the name of an encrypted one is refused; without `sops` that is said."""
    file = load.file_of(tmp_path, "staging", "sops")
    assert (None, ".env.staging.sops") == (load.text(file, "sops"), file.name)
    file.write_text("A=b\n")
    with pytest.raises(ConfigError, match="is not encrypted"):
        load.text(file, "sops")
    file.write_text("A=ENC[x]\nsops_mac=ENC[y]\n")
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(ConfigError, match="which is not installed"):
        load.text(file, "sops")
    assert [file.name] == [each.name for each in tmp_path.iterdir()]
