"""What a restore would lose: every row that was written since the backup, counted on the live database."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.adapters.database.content import Reader, opened
from scripts.adapters.database.database_url import Database
from scripts.adapters.database.since import since
from scripts.domain.database import restoring, toc
from scripts.domain.database.manifest import Manifest
from scripts.domain.database.restoring import Change, Restoring
from scripts.workflows.database.replacing import Source


def look(database: Database, held: Source, *, safety: bool, pace: float | None) -> Restoring:
    """Count what was written since, table by table, in one snapshot of the live database. Reads only."""
    with opened(database) as reader:
        listed = {each.key: each for each in reader.tables() if toc.is_apps(each.schema)}
        known = {key: each for key, each in listed.items() if key in held.lists.tables}
        sums = dict(reader.checksums(list(known.values())))
        entries = [each for each in held.lists.app if each.kind == "TABLE DATA"]
        differ = [each for each in entries if not _same(held.manifest, sums, f"{each.schema}.{each.tag}")]
        people = [each for each in held.lists.users if f"{each.schema}.{each.tag}" == restoring.PEOPLE]
        found = dict(since(reader.connection, held.archive, toc.text([*differ, *people])))
        new = _new(reader, held, set(listed) - set(known))
    changes = {table: Change(table, **vars(each)) for table, each in found.items()}
    return Restoring(
        manifest=held.manifest,
        people=changes.pop(restoring.PEOPLE, None),
        changes=tuple(
            each for each in changes.values() if each.any and not each.table.startswith(restoring.HISTORY)
        ),
        new=new,
        seconds=restoring.seconds(held.manifest, pace),
        safety=safety,
    )


def _same(manifest: Manifest, sums: Mapping[str, tuple[int, str, int]], table: str) -> bool:
    held = manifest.tables.get(table)
    return held is not None and table in sums and (held.rows, held.checksum) == sums[table][:2]


def _new(reader: Reader, held: Source, names: set[str]) -> dict[str, int]:
    """Tables that the backup does not have, with their rows; views that hold rows are no loss."""
    views = {f"{each.schema}.{each.tag}" for each in held.lists.app if each.kind.startswith("MATERIALIZED")}
    listed = [each for each in reader.tables() if each.key in names - views]
    return {key: rows for key, (rows, _, _) in reader.checksums(listed)}
