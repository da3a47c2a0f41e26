# pure
"""Whether a restored copy equals what a backup was taken of; every difference in words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from scripts.database.backups.manifest import Manifest

GRANTS = "grants on "
COMPUTED = "materialized view "  # a restore computes it anew; the original may be older than its tables
SHOWN = 160  # characters of a line


def differences(
    manifest: Manifest,
    schema: Sequence[str],
    *,
    tables: Mapping[str, tuple[int, str]],
    sequences: Mapping[str, int],
    descending: Collection[str],
    extensions: Collection[str],
    found: Sequence[str],
    grants: bool = True,
) -> tuple[str, ...]:
    """Every difference, the weightiest first; () when the copy is the same.

    Args:
        manifest: of the backup.
        schema: the lines of the original's schema.
        tables: of the copy: rows and checksum.
        sequences: of the copy; one that went on since the snapshot is no difference.
        descending: sequences of the copy that count down.
        extensions: of the copy.
        found: the lines of the copy's schema.
        grants: compare who may do what as well.
    """
    views = (_name(line).removeprefix(COMPUTED) for line in schema if line.startswith(COMPUTED))
    computed = {
        each.replace('"', "") for each in views
    }  # there quoted where need be, in the manifest never
    return (
        *_of_tables(manifest, tables, computed),
        *_of_schema(schema, found, grants=grants),
        *_of_sequences(manifest, sequences, descending),
        *(f"extension {name} is missing" for name in sorted(set(manifest.extensions) - set(extensions))),
    )


def _of_tables(
    manifest: Manifest, tables: Mapping[str, tuple[int, str]], computed: Collection[str]
) -> Iterable[str]:
    for name, table in sorted(manifest.tables.items()):
        if name not in tables:
            yield f"table {name} is missing ({table.rows} rows)"
            continue
        if name in computed:
            continue
        rows, checksum = tables[name]
        if rows != table.rows:
            yield f"table {name} has {rows} rows, not {table.rows}"
        elif checksum != table.checksum:
            yield f"table {name}: its {rows} rows are not the same"


def _of_schema(schema: Sequence[str], found: Sequence[str], *, grants: bool) -> Iterable[str]:
    had, has = (
        {line for line in lines if grants or not line.startswith(GRANTS)} for lines in (schema, found)
    )
    lost, strange = sorted(had - has), sorted(has - had)
    changed = {_name(line) for line in lost} & {_name(line) for line in strange}
    for line in lost:
        yield f"{'changed' if _name(line) in changed else 'missing'}: {_cut(line)}"
    for line in strange:
        yield f"{'it is now' if _name(line) in changed else 'not in the original'}: {_cut(line)}"


def _of_sequences(
    manifest: Manifest, sequences: Mapping[str, int], descending: Collection[str]
) -> Iterable[str]:
    for name, value in sorted(manifest.sequences.items()):
        now = sequences.get(name)
        if now is None:
            yield f"sequence {name} is missing"
        elif (now > value) if name in descending else (now < value):
            yield f"sequence {name} stands at {now}, not at {value}"


def _name(line: str) -> str:
    return line.split(": ", 1)[0]


def _cut(line: str) -> str:
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
