# pure
"""What a rehearsal measured, and what that means for those who use the database meanwhile. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.database.migrations.files import Migration, fingerprint
from scripts.database.migrations.statements import unfit
from scripts.state.ledger import Ledger

MEASURE = "measure"
# Lock modes that make `insert`, `update` and `delete` wait; the last one makes readers wait too.
WRITERS = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
READERS = "AccessExclusiveLock"
NOTABLE = 0.5  # seconds; shorter waits are nobody's trouble


@dataclass(frozen=True)
class Measured:
    """One migration as it was tried.

    Args:
        where: the environment, or the copy, that it was tried on.
        seconds: that it took; a bound for how long its locks are held.
        locks: table that stood before -> lock modes.
        rewritten: table -> bytes that were written anew.
        rows: table -> rows touched.
    """

    file: str
    where: str
    seconds: float
    locks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rewritten: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def keeps_out(self) -> tuple[str, ...]:
        """Tables whose writers wait while it runs."""
        return tuple(sorted(table for table, modes in self.locks.items() if set(modes) & set(WRITERS)))

    @property
    def blocks(self) -> float:
        """Seconds for which it keeps writers out of a table that stood before."""
        return self.seconds if self.keeps_out else 0.0

    def document(self) -> dict[str, Any]:
        """{"file", "where", "seconds", "blocks", "locks", "rewritten", "rows"}."""
        return {**vars(self), "locks": {k: list(v) for k, v in self.locks.items()}, "blocks": self.blocks}

    def words(self) -> Iterator[str]:
        """What a person should know of it."""
        yield f"{self.seconds:g} s on {self.where}"
        if self.keeps_out:
            readers = any(READERS in modes for modes in self.locks.values())
            who = "readers and writers" if readers else "writers"
            yield f"keeps {who} out of {', '.join(self.keeps_out)} as long"
        for table, size in sorted(self.rewritten.items()):
            yield f"writes {table} anew ({size / 1e6:.1f} MB)"
        for table, count in sorted(self.rows.items()):
            yield f"touches {count} rows of {table}"


def trials(pending: Sequence[Migration]) -> tuple[list[Migration], list[tuple[Migration, str]]]:
    """Those that can be tried in one transaction; and those that can't, with what keeps them out."""
    held = [(each, unfit(each.sql)) for each in pending]
    return [each for each, word in held if word is None], [(each, word) for each, word in held if word]


def with_held_locks(found: Sequence[Measured], texts: Mapping[str, str]) -> tuple[Measured, ...]:
    """A lock that an earlier file took already counts for each that names its table."""
    held: dict[str, set[str]] = {}
    made = []
    for each in found:
        own = {table: set(modes) for table, modes in each.locks.items()}
        for table, modes in held.items():
            name = re.escape(table.rpartition(".")[2].strip('"'))
            if table not in own and re.search(rf"\b{name}\b", texts.get(each.file, "")):
                own[table] = modes
        for table, modes in own.items():
            held.setdefault(table, set()).update(modes)
        locks = {table: tuple(sorted(modes)) for table, modes in own.items()}
        made.append(Measured(each.file, each.where, each.seconds, locks, each.rewritten, each.rows))
    return tuple(made)


def too_long(found: Sequence[Measured], limit: float) -> tuple[Measured, ...]:
    """Those that would keep writers waiting for longer than `limit` seconds."""
    return tuple(each for each in found if each.blocks > limit)


def remembered(ledger: Ledger, migrations: Sequence[Migration], environment: str) -> dict[str, Measured]:
    """By file, the newest measure that the ledger has of this very text; one from here wins."""
    wanted = {fingerprint(each.sql): each.file for each in migrations}
    found: dict[str, Measured] = {}
    for event in ledger.events:
        known = event.detail.get("measured")
        for digest, document in known.items() if isinstance(known, Mapping) else ():
            file = wanted.get(digest)
            here = event.environment == environment
            if file and (here or file not in found or found[file].where != environment):
                measured = measured_of(document)
                if measured:
                    found[file] = measured
    return found


def documents(found: Sequence[Measured], migrations: Sequence[Migration]) -> dict[str, Any]:
    """What the ledger keeps: digest of the text -> measure."""
    texts = {each.file: fingerprint(each.sql) for each in migrations}
    return {texts[each.file]: each.document() for each in found if each.file in texts}


def measured_of(document: object) -> Measured | None:
    """Read one; what is no measure is None."""
    if not isinstance(document, Mapping) or not isinstance(document.get("seconds"), int | float):
        return None
    tables: dict[str, Mapping[str, Any]] = {}
    for key in ("locks", "rewritten", "rows"):
        value = document.get(key)
        tables[key] = value if isinstance(value, Mapping) else {}
    locks = {str(k): tuple(map(str, v)) for k, v in tables["locks"].items() if isinstance(v, list)}
    numbers = {
        key: {str(k): int(v) for k, v in tables[key].items() if isinstance(v, int)}
        for key in ("rewritten", "rows")
    }
    where = str(document.get("where", ""))
    return Measured(str(document.get("file", "")), where, float(document["seconds"]), locks, **numbers)
