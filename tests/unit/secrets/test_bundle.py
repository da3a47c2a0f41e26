"""A bundle's bytes: from a folder or an archive, and what is packed inside; nothing unreadable is clean."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
import zlib
from pathlib import Path

import pytest

from scripts.errors import Refused
from scripts.secrets import bundle
from scripts.secrets.bundle import Part, read_archive, read_folder, unpack, unreadable


def test_a_folder_is_read_with_dotfiles_and_links(tmp_path: Path) -> None:
    """A server follows links, so they count as files."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".env").write_text("x")
    (tmp_path / "secret").write_text("y")
    (tmp_path / "out" / "link").symlink_to(tmp_path / "secret")

    assert read_folder(tmp_path / "out") == {".env": b"x", "link": b"y"}


def test_a_missing_folder_and_a_dead_link_are_refused(tmp_path: Path) -> None:
    """Neither is a clean bundle."""
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")

    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(Refused):
            read_folder(path)


def test_a_folder_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not scanned in part and called clean."""
    monkeypatch.setattr(bundle, "LARGEST_BUNDLE", 9)
    (tmp_path / "a.js").write_bytes(b"x" * 10)

    with pytest.raises(Refused, match="was not scanned"):
        read_folder(tmp_path)


def packed(**files: bytes) -> bytes:
    """A tar archive, gzipped."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}.js")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return sink.getvalue()


def test_an_archive_is_read_without_its_leading_dots() -> None:
    """The names are those of the folder that was packed."""
    assert read_archive(packed(a=b"hello"), "the workspace") == {"a.js": b"hello"}


@pytest.mark.parametrize(
    "data", [b"", packed(a=b"hello" * 99)[:-20], b"no archive"], ids=["empty", "cut", "text"]
)
def test_a_broken_archive_is_refused(data: bytes) -> None:
    """The sender is named."""
    with pytest.raises(Refused, match="the workspace sent"):
        read_archive(data, "the workspace")


def test_an_archive_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the size of its files, not by its own."""
    monkeypatch.setattr(bundle, "LARGEST_BUNDLE", 999)

    with pytest.raises(Refused, match="was not scanned"):
        read_archive(packed(a=b"x" * 1000), "the workspace")


def test_gzip_and_base64_are_unpacked_at_their_offset() -> None:
    """Base64 that is text, and gzip in base64."""
    text = b"a text of more than forty characters, in base64"
    inlined = b"x='" + base64.b64encode(text) + b"'"
    nested = b"y='" + base64.b64encode(gzip.compress(text * 2)) + b"'"

    assert list(unpack({"a.js": inlined})) == [
        Part("a.js", inlined),
        Part("a.js", text, 3, "base64"),
        Part("a.js", b"a.js", 0, "its name"),
    ]
    assert [part.inside for part in unpack({"b.js": nested})] == ["", "base64", "gzip", "its name"]
    assert [part.data for part in unpack({"c.gz": gzip.compress(text)})][1:] == [text, b"c.gz"]
    deflated = base64.b64encode(zlib.compress(text * 9)[2:-4])  # as some libraries for it write
    assert [part.data for part in unpack({"d.js": b"z='" + deflated + b"'"})][1] == text * 9


def test_binary_base64_is_not_unpacked() -> None:
    """An inlined image holds nothing that a search of its base64 would miss."""
    image = b"base64," + base64.b64encode(bytes(range(256)))

    assert [part.inside for part in unpack({"a.css": image})] == ["", "its name"]


def test_what_can_not_be_opened_is_named_with_its_twin() -> None:
    """A `.br` beside a file of that name need not be made from it; broken files are never readable."""
    files = {
        "a.js": b"",
        "a.js.br": b"\x0b",
        "b.js.br": b"\x0b",
        "c.zip": b"PK",
        "d.gz": gzip.compress(b"x" * 100)[:-9],
        "e.gz": gzip.compress(b"x"),
    }

    assert list(unreadable(files)) == [
        ("a.js.br", True),
        ("b.js.br", False),
        ("c.zip", False),
        ("d.gz", False),
    ]
