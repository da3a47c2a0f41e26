"""What a restore would lose: every row that was written since the backup, counted on the live database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.database.backups import toc
from scripts.database.backups.manifest import Manifest
from scripts.database.postgres.content import SnapshotReader, read_snapshot
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.url import Database
from scripts.database.restore import plan
from scripts.database.restore.in_place import Source
from scripts.database.restore.plan import Change, Restoring

if TYPE_CHECKING:
    import psycopg


def look(database: Database, held: Source, *, safety: bool, pace: float | None) -> Restoring:
    """Count what was written since, table by table, in one snapshot of the live database. Reads only."""
    with read_snapshot(database) as reader:
        listed = {each.key: each for each in reader.tables() if toc.is_app_schema(each.schema)}
        known = {key: each for key, each in listed.items() if key in held.lists.tables}
        sums = dict(reader.checksums(list(known.values())))
        entries = [each for each in held.lists.app if each.kind == "TABLE DATA"]
        differ = [each for each in entries if not _same(held.manifest, sums, f"{each.schema}.{each.tag}")]
        people = [each for each in held.lists.users if f"{each.schema}.{each.tag}" == plan.PEOPLE]
        found = dict(since(reader.connection, held.archive, toc.list_text([*differ, *people])))
        new = _new(reader, held, set(listed) - set(known))
    changes = {table: Change(table, **vars(each)) for table, each in found.items()}
    return Restoring(
        manifest=held.manifest,
        people=changes.pop(plan.PEOPLE, None),
        changes=tuple(
            each for each in changes.values() if each.any and not each.table.startswith(plan.HISTORY)
        ),
        new=new,
        seconds=plan.seconds(held.manifest, pace),
        safety=safety,
    )


def _same(manifest: Manifest, sums: Mapping[str, tuple[int, str, int]], table: str) -> bool:
    held = manifest.tables.get(table)
    return held is not None and table in sums and (held.rows, held.checksum) == sums[table][:2]


def _new(reader: SnapshotReader, held: Source, names: set[str]) -> dict[str, int]:
    """Tables that the backup does not have, with their rows; views that hold rows are no loss."""
    views = {f"{each.schema}.{each.tag}" for each in held.lists.app if each.kind.startswith("MATERIALIZED")}
    listed = [each for each in reader.tables() if each.key in names - views]
    return {key: rows for key, (rows, _, _) in reader.checksums(listed)}


# What was written since a backup: its rows beside the live ones, told apart by their primary key.
#
# Both come as PostgreSQL's COPY text, so equal rows are equal lines: no server is needed to compare them.


HEAD = re.compile(rb"COPY (?P<table>.+?) (?:\((?P<columns>.*)\) )?FROM stdin;\n")
PART = re.compile(r'"((?:[^"]|"")*)"|([^",. ]+)')
COLUMNS = """
select a.attname, coalesce(a.attnum = any(i.indkey), false)
from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
order by a.attnum
"""


@dataclass(frozen=True)
class Since:
    """One table: rows in the backup and now, and how they differ.

    Args:
        updated: rows with the same key and other values in the columns that both have; None where
            there is no key: then a changed row counts as one deleted and one inserted.
    """

    before: int
    now: int
    inserted: int
    updated: int | None
    deleted: int


def since(
    connection: psycopg.Connection[Any], archive: Archive, chosen: str
) -> Iterator[tuple[str, Since]]:
    """`schema.table` and what became of it, for the `TABLE DATA` entries that were chosen."""
    with archive.data(chosen) as statements:
        for statement, blocks in statements:
            head = HEAD.fullmatch(statement)
            if head is None:
                continue
            table = ".".join(_names(head["table"]))
            yield (
                table,
                _compare(connection, head["table"].decode(), _names(head["columns"] or b""), blocks),
            )


def _compare(
    connection: psycopg.Connection[Any], table: str, held: Sequence[str], blocks: Iterable[bytes]
) -> Since:
    known: Mapping[str, bool] = dict(connection.execute(COLUMNS, [table]).fetchall())
    common = [name for name in held if name in known]
    key = [place for place, name in enumerate(common) if known[name]]
    keyed = bool(key) and sum(known.values()) == len(key)
    places = [held.index(name) for name in common]
    whole = list(range(len(common)))
    before: dict[bytes, list[int]] = {}
    rows = 0
    for line in _lines(blocks):
        rows += 1
        row = _picked(line, places, len(held))
        before.setdefault(_picked(row, key, len(common)) if keyed else row, []).append(hash(row))
    if not known:
        return Since(rows, 0, 0, 0, rows)
    now = inserted = updated = 0
    for line in _lines(_live(connection, table, common)):
        now += 1
        same = before.get(_picked(line, key, len(common)) if keyed else line)
        if not same:
            inserted += 1
        elif same.pop() != hash(_picked(line, whole, len(common))):
            updated += 1
    return Since(rows, now, inserted, updated if keyed else None, sum(map(len, before.values())))


def _live(connection: psycopg.Connection[Any], table: str, columns: Sequence[str]) -> Iterator[bytes]:
    from psycopg import sql

    order = sql.SQL("copy (select {} from only {}) to stdout").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(table)
    )
    with connection.cursor().copy(order) as copy:
        yield from map(bytes, copy)


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines without their ends: COPY text has no bare line feed inside a row."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from lines


def _picked(line: bytes, places: Sequence[int], of: int) -> bytes:
    """The line with these columns alone."""
    if len(places) == of:
        return line
    parts = line.split(b"\t")
    return b"\t".join([parts[place] for place in places])


def _names(text: bytes) -> list[str]:
    """Names as the script has them, quoted where they need it."""
    found = PART.findall(text.decode())
    return [quoted.replace('""', '"') or bare for quoted, bare in found]
