"""Which answer a request for a static site gets."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from scripts.replit.launcher.site import IN_MEMORY, Reply, Site, is_hashed, pack_files, path_of

LARGE = bytes(range(256)) * 1_000


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A built site."""
    folder = tmp_path / "dist"
    for name, data in {
        "index.html": b"<h1>front</h1>",
        "assets/app-BMcz4q3E.js": b"x = 1;\n" * 1_000,
        "assets/logo.png": b"png",
        "docs/index.html": b"docs",
        "version.json": b"{}",
        ".env": b"SECRET=1",
        ".well-known/x": b"well",
        "large.bin": LARGE,
        "a b.txt": b"space",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "near.txt").symlink_to(folder / "version.json")
    pack_files(folder)
    return folder


def ask(public: Path, target: str, method: str = "GET", *, spa: bool = True, **fields: str) -> Reply:
    """One request; the names of fields with `_` for `-`."""
    sent = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
    return Site(public, spa=spa).reply(method.encode(), target.encode(), sent, closes=False)


def field(reply: Reply, name: str) -> str | None:
    """A field of an answer."""
    for line in reply.head.decode().split("\r\n")[1:]:
        if line.lower().startswith(f"{name.lower()}: "):
            return line.partition(": ")[2]
    return None


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/", 200, b"<h1>front</h1>"),
        ("/?q=1", 200, b"<h1>front</h1>"),
        ("/index.html", 200, b"<h1>front</h1>"),
        ("/some/page", 200, b"<h1>front</h1>"),
        ("/assets/gone-BMcz4q3E.js", 404, None),
        ("/docs/", 200, b"docs"),
        ("/docs", 301, None),
        ("/a%20b.txt", 200, b"space"),
        ("/.well-known/x", 200, b"well"),
        ("/near.txt", 200, b"{}"),
        ("/.env", 404, None),
        ("/%2eenv", 404, None),
        ("/link.txt", 404, None),
        ("/../outside.txt", 404, None),
        ("/%2e%2e/outside.txt", 404, None),
        ("/assets/..%2f..%2foutside.txt", 404, None),
        ("/assets\\..\\x", 404, None),
        ("//host/x", 404, None),
        ("/%00", 404, None),
        ("/%ff", 404, None),
        ("*", 404, None),
        ("http://host/", 404, None),
    ],
)
def test_paths(public: Path, target: str, status: int, body: bytes | None) -> None:
    """Files, folders and pages are found; nothing outside of the public folder is."""
    reply = ask(public, target)

    assert reply.status == status
    assert body is None or reply.body == body
    assert b"outside" not in reply.body
    assert b"SECRET" not in reply.body


def test_without_a_front_page_for_everything(public: Path) -> None:
    """A page that isn't there is not found; the site's own page for that is shown."""
    assert ask(public, "/some/page", spa=False).status == 404
    (public / "404.html").write_text("own")
    own = ask(public, "/some/page", spa=False)
    assert (own.status, own.body) == (404, b"own")


def test_caching(public: Path) -> None:
    """What has a hash in its name for ever; pages are asked for again; the stamp is not kept."""
    kept = {path: field(ask(public, path), "Cache-Control") for path in ("/", "/assets/logo.png")}
    hashed, stamp = ask(public, "/assets/app-BMcz4q3E.js"), ask(public, "/version.json")

    assert set(kept.values()) == {"no-cache"}
    assert field(hashed, "Cache-Control") == "public, max-age=31536000, immutable"
    assert field(stamp, "Cache-Control") == "no-store"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("assets/index-DiwrgTda.js", True),
        ("assets/style.4f3a2b1c.css", True),
        ("_next/static/chunks/main-0123456789abcdef.js", True),
        ("assets/my-component.js", False),
        ("assets/photo-20240101.png", False),
        ("assets/logo.png", False),
        ("report-version2final.pdf", False),
        ("index.html", False),
    ],
)
def test_hashed_names(name: str, expected: bool) -> None:
    """Only in a bundler's folder, and only what can't be a word or a date."""
    assert is_hashed(name) is expected


def test_compression(public: Path) -> None:
    """The copy that was made beforehand, for those who take it; with a tag of its own."""
    plain = ask(public, "/assets/app-BMcz4q3E.js")
    packed = ask(public, "/assets/app-BMcz4q3E.js", accept_encoding="br, gzip")

    assert (field(packed, "Content-Encoding"), field(packed, "Vary")) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(packed.body) == plain.body
    assert field(packed, "ETag") != field(plain, "ETag")
    assert field(packed, "Content-Type") == field(plain, "Content-Type") == "text/javascript; charset=utf-8"
    assert (
        field(ask(public, "/assets/app-BMcz4q3E.js", accept_encoding="gzip;q=0"), "Content-Encoding")
        is None
    )


def test_not_modified(public: Path) -> None:
    """What the browser has is not sent again."""
    tag = field(ask(public, "/"), "ETag") or ""

    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = ask(public, "/", if_none_match=sent)
        assert (again.status, again.body, field(again, "ETag")) == (304, b"", tag)
    assert ask(public, "/", if_none_match='"other"').status == 200


@pytest.mark.parametrize(
    ("wanted", "status", "first", "length"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=255990-", 206, 255_990, 10),
        ("bytes=-10", 206, 255_990, 10),
        ("bytes=-999999", 206, 0, 256_000),
        ("bytes=255999-999999", 206, 255_999, 1),
        ("bytes=256000-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=9-1", 200, 0, 256_000),
        ("bytes=0-1,5-6", 200, 0, 256_000),
        ("bytes=-", 200, 0, 256_000),
        ("lines=1-2", 200, 0, 256_000),
    ],
)
def test_ranges(public: Path, wanted: str, status: int, first: int, length: int) -> None:
    """One range; several are answered with the whole, which the standard allows."""
    reply = ask(public, "/large.bin", range=wanted)

    assert reply.status == status
    if status == 416:
        assert field(reply, "Content-Range") == "bytes */256000"
    else:
        assert (reply.offset, reply.length, field(reply, "Content-Length")) == (first, length, str(length))
    if status == 206:
        assert field(reply, "Content-Range") == f"bytes {first}-{first + length - 1}/256000"


def test_a_range_of_another_version(public: Path) -> None:
    """The whole file, because what the browser has is of another one."""
    tag = field(ask(public, "/large.bin"), "ETag") or ""

    assert ask(public, "/large.bin", range="bytes=0-9", if_range=tag).status == 206
    assert ask(public, "/large.bin", range="bytes=0-9", if_range='"old"').status == 200
    assert ask(public, "/", range="bytes=1-3").body == b"h1>"
    assert len(LARGE) > IN_MEMORY


def test_head_and_other_methods(public: Path) -> None:
    """HEAD says the same without a body; nothing can be sent here."""
    whole, head = ask(public, "/"), ask(public, "/", "HEAD")

    assert head.body == b""
    assert field(head, "Content-Length") == field(whole, "Content-Length")
    assert field(ask(public, "/", "POST"), "Allow") == "GET, HEAD"
    assert ask(public, "/", "DELETE").status == 405


def test_a_path_that_would_break_a_header(public: Path) -> None:
    """A line break in a path is refused, so none gets into `Location`."""
    assert path_of(b"/docs%0d%0aX:%20y") is None
