"""What is packed is opened by its content, whatever its name; what can't be opened is never clean."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
import zlib

import brotli
import pytest

from scripts.secrets import packed
from scripts.secrets.packed import UnopenedError, contents, kind_of

TEXT = b"the text that was packed " * 9


def zipped(data: bytes = TEXT, name: str = "a.txt") -> bytes:
    """A zip archive with one file."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return sink.getvalue()


def tarred() -> bytes:
    """A tar archive with one file."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    return sink.getvalue()


PACKED = [
    ("gzip", "logo.png", gzip.compress(TEXT, mtime=0)),
    ("gzip", "two.gz", gzip.compress(TEXT[:50], mtime=0) + gzip.compress(TEXT[50:], mtime=0)),
    ("zlib", "a.dat", zlib.compress(TEXT)),
    ("brotli", "a.js.br", brotli.compress(TEXT)),
    ("xz", "a.dat", lzma.compress(TEXT)),
    ("bzip2", "a.dat", bz2.compress(TEXT)),
    ("zip", "vendor.bin", zipped()),
    ("zip", "picture.png", b"\x89PNG\r\n" + zipped()),
    ("tar", "a.dat", tarred()),
]


@pytest.mark.parametrize(("kind", "name", "data"), PACKED, ids=[name for _, name, _ in PACKED])
def test_it_is_opened_whatever_its_name(kind: str, name: str, data: bytes) -> None:
    """A zip may even stand behind a picture."""
    assert kind == kind_of(name, data)
    assert TEXT in contents(name, data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.js", b"let a = 1"),
        ("a.gz", b"plain"),
        ("BZh.js", b"BZhello"),
        ("a.js", b'"PK\x05\x06"'),
        ("a.txt", b"x^2 + y^2"),
        ("a", b""),
    ],
)
def test_what_is_not_packed_has_no_contents(name: str, data: bytes) -> None:
    """It is scanned as it is."""
    assert (kind_of(name, data), contents(name, data)) == ("", [])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.br", b"\x0b"),
        ("a.br", brotli.compress(TEXT)[:-3]),
        ("a.zip", b"PK"),
        ("a.gz", gzip.compress(TEXT, mtime=0)[:-9]),
        ("a.xz", lzma.compress(TEXT)[:-9]),
        ("a.dat", zlib.compress(TEXT)[:-9]),
        ("a.tar", b"no archive"),
        ("a.dat", b"7z\xbc\xaf\x27\x1c and more"),
        ("a.js.zst", b"anything"),
        ("a.zip", zipped().replace(b"a.txt", b"a.tx\xff")[:-30]),
    ],
)
def test_what_can_not_be_opened_is_told(name: str, data: bytes) -> None:
    """Cut, broken, or of a kind that nothing here opens."""
    with pytest.raises(UnopenedError):
        contents(name, data)


@pytest.mark.parametrize(("kind", "name", "data"), PACKED, ids=[name for _, name, _ in PACKED])
def test_what_unpacks_to_too_much_is_not_opened(
    kind: str, name: str, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kilobyte may hold a gigabyte."""
    monkeypatch.setattr(packed, "LARGEST_UNPACKED", 99)

    with pytest.raises(UnopenedError):
        contents(name, data)


def test_brotli_without_its_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not looked into is not clean."""
    monkeypatch.setitem(sys.modules, "brotli", None)

    with pytest.raises(UnopenedError):
        contents("a.br", brotli.compress(TEXT))
