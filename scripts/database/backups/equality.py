# pure
"""Whether a restored copy equals the original of a backup; every difference for people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from scripts.database.backups import versions
from scripts.database.backups.manifest import Manifest, Table
from scripts.database.backups.unproven import Unproven
from scripts.database.postgres.catalogue import ADDED_KINDS, ALL_KINDS
from scripts.database.postgres.catalogue_objects import OWNER
from scripts.system.secret import redact

if TYPE_CHECKING:
    from scripts.database.postgres.content import Content

NOTHING = Unproven()
GRANTS = "grants on "
NEEDS_SUPERUSER = (GRANTS, OWNER, "event trigger ")  # what another user's restore leaves out
LINE_LENGTH = 160  # characters of a line that are shown


def differences(
    manifest: Manifest,
    schema: Sequence[str],
    copy: Content,
    *,
    superuser: bool = True,
    unproven: Unproven = NOTHING,
) -> tuple[str, ...]:
    """Every difference, the most important first; () if the copy is the same.

    A sequence that went on since the snapshot is no difference.

    Args:
        manifest: of the backup.
        schema: the lines of the original's schema, from the backup.
        copy: the restored database.
        superuser: who restored it was one; else grants and event triggers are not compared.
        unproven: what the copy's server can't show.
    """
    major = int(manifest.server.partition(".")[0])
    lines = versions.Lines(major, copy.major or major)
    missing = sorted(set(manifest.extensions) - set(copy.extensions) - {*unproven.extensions})
    shown = [[line for line in side if not unproven.hides(line)] for side in (schema, copy.schema)]
    tables = {name: each for name, each in manifest.tables.items() if name not in unproven.tables}
    sequences = {
        name: last for name, last in manifest.sequences.items() if not unproven.hides_sequence(name)
    }
    return (
        *_of_tables(tables, copy),
        *_of_schema(lines.of(shown[0]), lines.of(shown[1]), lines, () if superuser else NEEDS_SUPERUSER),
        *_of_sequences(sequences, copy.sequences, copy.descending),
        *(f"extension {name} is missing" for name in missing),
    )


def recomputed(manifest: Manifest, copy: Content) -> tuple[str, ...]:
    """The materialized views that have other rows than the original, and rightly: it was stale."""
    return tuple(
        f"materialized view {name}: {manifest.tables[name].rows} rows then, {copy.tables[name][0]} computed"
        for name in sorted(copy.computed)
    )


def _of_tables(tables: Mapping[str, Table], copy: Content) -> Iterable[str]:
    for name, table in sorted(tables.items()):
        if name not in copy.tables:
            yield f"table {name} is missing ({table.rows} rows)"
            continue
        rows, checksum, _ = copy.tables[name]
        if name in copy.computed:  # it may be older than its tables: a restore computes it
            if copy.computed[name] not in (None, (rows, checksum)):
                yield f"materialized view {name}: its {rows} rows are not what its query gives"
        elif rows != table.rows:
            yield f"table {name} has {rows} rows, not {table.rows}"
        elif checksum != table.checksum:
            yield f"table {name}: its {rows} rows are not the same"


def _of_schema(
    schema: Collection[str], copy: Collection[str], lines: versions.Lines, ignored: tuple[str, ...]
) -> Iterable[str]:
    # a backup from before a kind was described has no line of it: then the copy's say nothing
    if ALL_KINDS not in schema:
        ignored += (
            ALL_KINDS,
            *(kind for kind in ADDED_KINDS if not any(line.startswith(kind) for line in schema)),
        )
    original, restored = (
        {line for line in side if not line.startswith(ignored)} for side in (schema, copy)
    )
    lost, strange = lines.without_alike(original - restored, restored - original)
    changed = {_name(line) for line in lost} & {_name(line) for line in strange}
    for line in lost:
        yield f"{'changed' if _name(line) in changed else 'missing'}: {_shortened(line)}"
    for line in strange:
        yield f"{'it is now' if _name(line) in changed else 'not in the original'}: {_shortened(line)}"


def _of_sequences(
    sequences: Mapping[str, int], copy: Mapping[str, int], descending: Collection[str]
) -> Iterable[str]:
    for name, value in sorted(sequences.items()):
        now = copy.get(name)
        if now is None:
            yield f"sequence {name} is missing"
        elif (now > value) if name in descending else (now < value):
            yield f"sequence {name} stands at {now}, not at {value}"


def _name(line: str) -> str:
    return line.split(": ", 1)[0]


def _shortened(line: str) -> str:
    line = redact(line)  # a part of a secret would not be known
    return line if len(line) <= LINE_LENGTH else f"{line[:LINE_LENGTH]}..."
