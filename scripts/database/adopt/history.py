# pure
"""What is wrong with a history that was not made by these files: other versions, a squash, another text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from scripts.database.adopt.judge import FileVerdict
from scripts.database.migrations.files import Applied, Migration, compare
from scripts.database.migrations.statements import fingerprint


@dataclass(frozen=True)
class Adoption:
    """What is done to the history, by versions.

    Args:
        record: files that stand, and that the history lacks or has with another text.
        drop: rows that no file has, and whose place a recorded file takes; with why.
        kept: rows that no file has, and that nothing explains.
        late: files that are not recorded, and that are older than one that is.
    """

    record: tuple[str, ...] = ()
    drop: tuple[tuple[str, str], ...] = ()
    kept: tuple[str, ...] = ()
    late: tuple[str, ...] = ()

    @property
    def dropped(self) -> tuple[str, ...]:
        """The versions whose rows are dropped."""
        return tuple(version for version, _ in self.drop)

    def __bool__(self) -> bool:
        return bool(self.record or self.drop)


def adoption(
    verdicts: Sequence[FileVerdict], history: Sequence[Applied], also: Collection[str], *, whole: bool
) -> Adoption:
    """What makes the history fit the files and the database.

    Args:
        also: versions of files that a person says are applied.
        whole: everything of the app's that stands in the database is what the files make of an empty one.
    """
    files = [each.migration for each in verdicts]
    comparison = compare(files, history)
    rows = {row.version: row for row in history}
    ran = {each.version for each in files if any(_ran(each, rows[row]) for row in comparison.missing)}
    standing = {
        each.migration.version
        for each in verdicts
        if each.word == "stands" or (each.word == "unknown" and each.migration.version in ran)
    } | {*also}
    edited = {each.version for each in comparison.edited}
    pending = {each.version for each in comparison.pending}
    record = tuple(
        file.version for file in files if file.version in standing and file.version in pending | edited
    )
    after = {*record, *(version for version in rows if version not in edited)}
    drop, kept = [], []
    for version in comparison.missing:
        same = next((file for file in files if file.version in after and _same(file, rows[version])), None)
        if same is not None:
            drop.append((version, f"`{same.file}` is the same"))
        elif whole and record and version <= max(record):
            drop.append((version, "the files make all that stands, without it"))
        else:
            kept.append(version)
    recorded = {*record, *rows} - {version for version, _ in drop}
    newest = max(recorded, default="")
    late = tuple(file.version for file in files if file.version not in recorded and file.version < newest)
    return Adoption(record, tuple(drop), tuple(kept), late)


def _ran(file: Migration, row: Applied) -> bool:
    """Whether a row has the text of this file, so that it was applied, rows and all."""
    return bool(row.statements) and fingerprint(file.sql) == fingerprint(";".join(row.statements))


def _same(file: Migration, row: Applied) -> bool:
    """Whether a row is of this file, under another version; without its text, by its name."""
    if row.statements:
        return _ran(file, row)
    name = file.file.partition("_")[2].removesuffix(".sql")
    return bool(row.name) and row.name == name


def lines(
    verdicts: Sequence[FileVerdict], adopted: Adoption, applied: Collection[str], most: int
) -> Iterator[str]:
    """The plan for people: one line for each file, with what is wrong below it.

    Args:
        applied: versions in the history.
        most: how many reasons are shown of each file.
    """
    words = {
        "stands": "stands", "missing": "does not stand", "partial": "stands in part",
        "unknown": "can't be told",
    }  # fmt: skip
    for each in verdicts:
        version, known = each.migration.version, each.migration.version in applied
        ending = "recorded already" if known else "not recorded"
        if version in adopted.record:
            ending = "its text is recorded anew" if known else "to be recorded"
        late = ", and older than what is" if version in adopted.late else ""
        yield f"{each.migration.file}: {words[each.word]}; {ending}{late}"
        yield from (f"  {why}" for why in each.why[:most])
        if len(each.why) > most:
            yield f"  and {len(each.why) - most} more"
        if each.rows:
            yield f"  not to be seen in a schema: {', '.join(each.rows[:most])}"
    yield from (f"{version}: its row is dropped: {why}" for version, why in adopted.drop)
    yield from (f"{version}: in the history, and no file has it" for version in adopted.kept)
