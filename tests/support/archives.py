"""Archives without rows, byte by byte as `pg_dump` writes their table of contents."""

from __future__ import annotations

from scripts.database.backups import toc
from scripts.database.postgres.archive_toc import Entry


def archive_of(listing: str, minor: int = 16) -> bytes:
    """An archive with the entries of a listing, as `pg_restore -l` prints it; format 1.`minor`."""
    return archive(*(fields(each) for each in toc.parse_listing(listing)), minor=minor)


def fields(entry: Entry) -> tuple[str, str, str, str, str]:
    """What an entry stores."""
    return entry.kind, entry.schema, entry.tag, entry.owner, entry.sql


def archive(*entries: tuple[str, str, str, str, str], minor: int = 16) -> bytes:
    """An archive with these entries: kind, schema, tag, owner, statement."""
    head = b"PGDMP" + bytes([1, minor, 0, 4, 8, 1]) + (b"\x01" if minor > 14 else _number(-1))
    head += b"".join(_number(each) for each in (0, 1, 2, 3, 4, 126, 0))
    head += b"".join(_text(each) for each in ("app", "17.1", "17.1")) + _number(len(entries))
    for place, (kind, schema, tag, owner, sql) in enumerate(entries, 1):
        head += _number(place) + _number(0) + b"".join(map(_text, ("1259", "16400", tag, kind)))
        head += _number(2) + b"".join(map(_text, (sql, "", "", schema, "", "heap")))
        head += _number(ord("r")) if minor > 15 else b""
        head += _text(owner) + _text("false") + _text("1") + _text(None) + b"\x03" + bytes(8)
    return head


def _number(value: int) -> bytes:
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def _text(value: str | None) -> bytes:
    return _number(-1) if value is None else _number(len(value.encode())) + value.encode()
