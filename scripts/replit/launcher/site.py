"""A static site: which answer a request gets. The bytes on the socket are `site_server`'s matter."""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
import os
import re
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from scripts.replit.launcher.files import walk_files

IN_MEMORY = 65_536  # bytes of a file that is kept in memory, and answered in one piece
MOST_NAMES = 4_096  # of files that are known to be there
MOST_CACHED = 24_000_000  # bytes of all of them
HASHED_FOLDERS = re.compile(
    r"(?:^|/)(?:assets|_astro|_next/static|_app/immutable|static/(?:js|css|media)|chunks|build)/"
)
HASH = re.compile(r"[.\-_]([A-Za-z0-9_-]{8,})(?:\.[a-z0-9]{1,8}){1,2}$")
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))  # those that are there, the better one first
WORTH_PACKING = 1_024  # bytes
PACKED_TYPES = re.compile(
    r"text/|application/(?:json|javascript|xml|manifest\+json|wasm)|image/svg\+xml|font/ttf"
)
RANGE = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})")
TYPES = mimetypes.MimeTypes(filenames=())
for _type, _ending in (
    *(("text/javascript", ".js"), ("text/javascript", ".mjs"), ("application/wasm", ".wasm")),
    *(
        ("application/manifest+json", ".webmanifest"),
        ("application/json", ".map"),
        ("font/woff2", ".woff2"),
    ),
    *(("font/woff", ".woff"), ("font/ttf", ".ttf"), ("image/avif", ".avif"), ("image/webp", ".webp")),
    *(("image/svg+xml", ".svg"), ("image/x-icon", ".ico"), ("text/markdown", ".md")),
):
    TYPES.add_type(_type, _ending)


class Reply(NamedTuple):
    """What is sent: the head, then `body`, or `length` bytes of the file `path` from `offset` on."""

    status: int
    head: bytes
    body: bytes = b""
    path: str = ""
    offset: int = 0
    length: int = 0


class Entry(NamedTuple):
    """One file in one encoding; `body` is None if it is too large for the memory."""

    path: str
    size: int
    etag: bytes
    body: bytes | None


def is_hashed(name: str) -> bool:
    """Whether a file's name holds a hash of its content, as bundlers give: such a file never changes.

    Only in the folders of bundlers, and only what looks like a hash: letters with digits, or of both cases.
    """
    found = HASH.search(name)
    if not found or not HASHED_FOLDERS.search(name):
        return False
    word = found[1]
    digits, lower = any(c.isdigit() for c in word), any(c.islower() for c in word)
    upper = any(c.isupper() for c in word[1:])
    return (digits and (lower or upper)) or (lower and upper)


def content_type(name: str) -> str:
    """The type by the name's ending; text is UTF-8."""
    kind = TYPES.guess_type(name, strict=False)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind == "application/json" else kind


def pack_files(public: Path) -> None:
    """A compressed copy beside each file that is worth it, once, so that no request has to wait for it."""
    for path in list(walk_files(public)):
        packed = path.with_name(f"{path.name}.gz")
        if path.is_symlink() or packed.exists() or not PACKED_TYPES.match(content_type(path.name)):
            continue
        data = path.read_bytes()
        small = gzip.compress(data, 9, mtime=0) if len(data) >= WORTH_PACKING else data
        if len(small) < 0.9 * len(data):
            packed.write_bytes(small)


class Site:
    """The public folder of one release.

    Args:
        spa: a path without an ending that is no file gets the front page.
    """

    def __init__(self, public: Path, *, spa: bool) -> None:
        self._root, self._spa = public.resolve(), spa
        self._entries: dict[str, Entry] = {}
        self._kinds: dict[str, str] = {}
        self._packed: dict[str, tuple[tuple[str, str], ...]] = {}
        self._cached = 0

    def reply(self, method: bytes, target: bytes, fields: dict[bytes, bytes], *, closes: bool) -> Reply:
        """The answer to one request."""
        if method not in (b"GET", b"HEAD"):
            return self._plain(405, closes, "Allow: GET, HEAD\r\n")
        name = path_of(target)
        if name is None:
            return self._plain(404, closes)
        status, found = self._find(name)
        if found is None:
            return self._plain(404, closes)
        if found.endswith("/"):
            return self._plain(301, closes, f"Location: {quote('/' + found)}\r\n")
        return self._serve(status, found, fields, closes=closes, is_head=method == b"HEAD")

    def _find(self, name: str) -> tuple[int, str | None]:
        """The file for a path, with the status; a folder ends with a slash; None: there is nothing."""
        last = name.rpartition("/")[2]
        here = self._kind(name)
        if here == "file":
            return 200, name
        if here == "folder" and self._kind(f"{name}/index.html".lstrip("/")) == "file":
            return (200, f"{name.rstrip('/')}/index.html".lstrip("/")) if not last else (301, f"{name}/")
        if self._spa and "." not in last and self._kind("index.html") == "file":
            return 200, "index.html"
        return (404, "404.html") if self._kind("404.html") == "file" else (404, None)

    def _kind(self, name: str) -> str:
        """`file`, `folder` or "": nothing, or something that a link has outside of the public folder."""
        kind = self._kinds.get(name, "")
        if not kind:
            path = Path(os.path.realpath(self._root / name))
            if path.is_relative_to(self._root):
                kind = "file" if path.is_file() else "folder" if path.is_dir() else ""
            if kind:  # what is not there may come: a release takes over the files of the one before
                if len(self._kinds) >= MOST_NAMES:
                    self._kinds.clear()
                self._kinds[name] = kind
        return kind

    def _serve(
        self, status: int, name: str, fields: dict[bytes, bytes], *, closes: bool, is_head: bool
    ) -> Reply:
        encoding, entry = self._entry(name, fields.get(b"accept-encoding", b""))
        if entry is None:
            return self._plain(404, closes)
        lines = [
            f"Content-Type: {content_type(name)}",
            f"Cache-Control: {caching(name)}",
            f"ETag: {entry.etag.decode()}",
            "X-Content-Type-Options: nosniff",
            *([f"Content-Encoding: {encoding}"] if encoding else []),
            *(["Vary: Accept-Encoding"] if PACKED_TYPES.match(content_type(name)) else []),
        ]
        if status == 200 and is_same(fields.get(b"if-none-match", b""), entry.etag):
            return Reply(304, _head(304, lines, closes=closes))
        first, length = 0, entry.size
        if status == 200 and not encoding:
            lines.append("Accept-Ranges: bytes")
            asked = wanted_range(fields, entry)
            if asked == (0, 0):
                return self._plain(416, closes, f"Content-Range: bytes */{entry.size}\r\n")
            if asked:
                status, (first, length) = 206, asked
                lines.append(f"Content-Range: bytes {first}-{first + length - 1}/{entry.size}")
        head = _head(status, [*lines, f"Content-Length: {length}"], closes=closes)
        if is_head or not length:
            return Reply(status, head)
        if entry.body is not None:
            return Reply(status, head, entry.body[first : first + length])
        return Reply(status, head, path=entry.path, offset=first, length=length)

    def _entry(self, name: str, accepted: bytes) -> tuple[str, Entry | None]:
        """The file in the best encoding that is there and accepted."""
        packed = self._packed.get(name)
        if packed is None:
            packed = tuple(each for each in ENCODINGS if self._kind(name + each[1]) == "file")
            if len(self._packed) >= MOST_NAMES:
                self._packed.clear()
            self._packed[name] = packed
        for encoding, ending in packed:
            if accepts(accepted, encoding.encode()):
                return encoding, self._read(name + ending)
        return "", self._read(name)

    def _read(self, name: str) -> Entry | None:
        entry = self._entries.get(name)
        if entry is None:
            path = self._root / name
            try:
                status = path.stat()
                body = path.read_bytes() if status.st_size <= IN_MEMORY else None
            except OSError:
                return None
            mark = (
                hashlib.sha256(body).hexdigest()[:20]
                if body is not None
                else (f"{status.st_size:x}-{status.st_mtime_ns:x}")
            )
            entry = Entry(
                str(path), status.st_size if body is None else len(body), f'"{mark}"'.encode(), body
            )
            self._cached += len(body or b"") + 1_000
            if self._cached > MOST_CACHED:
                self._entries.clear()
                self._cached = 0
            self._entries[name] = entry
        return entry

    def _plain(self, status: int, closes: bool, fields: str = "") -> Reply:
        body = json.dumps({"error": HTTPStatus(status).phrase.lower()}).encode()
        lines = [
            "Content-Type: application/json",
            "Cache-Control: no-store",
            f"Content-Length: {len(body)}",
        ]
        return Reply(status, _head(status, [*lines, *fields.split("\r\n")[:-1]], closes=closes), body)


def path_of(target: bytes) -> str | None:
    """The decoded path without its first slash; None if it is refused: dot files, `..`, and no text."""
    raw = target.partition(b"?")[0].partition(b"#")[0]
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not path.startswith("/") or "\\" in path or "//" in path or any(ord(c) < 32 for c in path):
        return None
    parts = path[1:].split("/")
    if any(part.startswith(".") and part != ".well-known" for part in parts):
        return None
    return path[1:]


def caching(name: str) -> str:
    """How long a browser may keep a file: one with a hash for ever, any other is asked for again."""
    if is_hashed(name):
        return "public, max-age=31536000, immutable"
    return "no-store" if PurePosixPath(name).name == "version.json" else "no-cache"


def accepts(field: bytes, encoding: bytes) -> bool:
    """Whether a client takes an encoding; one with the weight 0 it does not."""
    for part in field.split(b","):
        name, _, weight = part.strip().partition(b";")
        if name.strip().lower() == encoding:
            return not re.fullmatch(rb"\s*q=0(?:\.0*)?\s*", weight)
    return False


def is_same(field: bytes, etag: bytes) -> bool:
    """Whether If-None-Match names this file."""
    return bool(field) and any(
        part.strip().removeprefix(b"W/") in (etag, b"*") for part in field.split(b",")
    )


def wanted_range(fields: dict[bytes, bytes], entry: Entry) -> tuple[int, int] | None:
    """First byte and length of the one range that is asked for; None: the whole; (0, 0): there is none."""
    found = RANGE.fullmatch(fields.get(b"range", b""))
    condition = fields.get(b"if-range", b"")
    if not found or found.groups() == (b"", b"") or (condition and condition != entry.etag):
        return None
    if not found[1]:
        length = min(int(found[2]), entry.size)
        return (entry.size - length, length) if length else (0, 0)
    first = int(found[1])
    last = min(int(found[2]) if found[2] else entry.size, entry.size - 1)
    if found[2] and int(found[2]) < first:
        return None  # no range at all, by the standard
    return (first, last - first + 1) if first < entry.size else (0, 0)


def _head(status: int, lines: list[str], *, closes: bool) -> bytes:
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    ending = ["Connection: close"] if closes else []
    return ("\r\n".join([first, f"Date: {formatdate(usegmt=True)}", *lines, *ending]) + "\r\n\r\n").encode(
        "latin-1"
    )
