# pure
"""What a server can't show of a backup because it lacks extensions that the original has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from scripts.database.backups.toc import Lists
from scripts.database.postgres.archive_toc import ATTACHED, Entry

# their tags are `table name`
OF_A_TABLE = ("CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT", "TRIGGER", "POLICY", "RULE", "DEFAULT")
SILENT = (*ATTACHED, "TABLE DATA", "ROW SECURITY", "SEQUENCE SET", "SEQUENCE OWNED BY", "TABLE ATTACH")
PACKAGES = {
    "vector": "pgvector",
    "postgis": "postgis-3",
    "pg_cron": "cron",
    "http": "http",
    "hypopg": "hypopg",
    "pgtap": "pgtap",
    "pg_partman": "partman",
}


@dataclass(frozen=True)
class Unproven:
    """The extensions that a server lacks, and what of the app's depends on them.

    Args:
        extensions: their names.
        needed: those of them that something of the app's depends on.
        entries: of the archive, without which it is restored there.
        own: those of them that are the app's.
    """

    extensions: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    own: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, lists: Lists, available: Collection[str]) -> Unproven:
        """By the archive's own record of what depends on what; `available`: the server's extensions."""
        lacking = [
            entry for entry in lists.database if entry.kind == "EXTENSION" and entry.tag not in available
        ]
        mine = {each.number for each in (*lists.app, *lists.extras)}
        without = {entry.tag: _depending_on(entry, lists.order) for entry in lacking}
        lost = {number for each in without.values() for number in each}
        entries = tuple(each for each in lists.order if each.number in lost)
        own = tuple(each for each in entries if each.number in mine)
        needed = tuple(name for name, numbers in without.items() if numbers & mine)
        return cls(tuple(without), needed, entries, own)

    @property
    def tables(self) -> frozenset[str]:
        """`schema.table` of the app's tables whose rows are not compared."""
        return frozenset(entry.key for entry in self.own if entry.kind.endswith("TABLE DATA"))

    def things(self) -> Iterator[str]:
        """Each of the app's things that is not compared, for people: `table public.docs`."""
        for entry in self.own:
            if entry.kind not in SILENT:
                yield f"{entry.kind.lower()} {entry.key if entry.schema else entry.tag}"

    def hides(self, line: str) -> bool:
        """Whether a line of the schema is about something that is not compared."""
        subject = line.partition(": ")[0]
        return self._names is not None and self._names.search(subject) is not None

    def hides_sequence(self, key: str) -> bool:
        """Whether a sequence, as `schema.name`, belongs to something that is not compared."""
        return any(entry.kind == "SEQUENCE" and entry.key == key for entry in self.own)

    @property
    def packages(self) -> tuple[str, ...]:
        """The ends of the names of Debian's packages, such as `pgvector` of `postgresql-17-pgvector`."""
        return tuple(PACKAGES[name] for name in self.needed if name in PACKAGES)

    @cached_property
    def _names(self) -> re.Pattern[str] | None:
        names = {name for entry in self.own for name in _names(entry)}
        each = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        return re.compile(rf'(?<![\w."])(?:{each})(?![\w"])') if names else None


def _depending_on(first: Entry, entries: Sequence[Entry]) -> set[str]:
    """The numbers of the entry and of all that depends on it, over any number of steps."""
    found, more = set[str](), {first.number}
    while more:
        found |= more
        more = {each.number for each in entries if found & {*each.needs}} - found
    return found


def _names(entry: Entry) -> Iterator[str]:
    """How lines of the schema name it."""
    if entry.kind in SILENT:
        return
    schema = _quoted(entry.schema)
    if entry.kind in OF_A_TABLE:
        table, _, name = entry.tag.partition(" ")
        place = f"{schema}.{_quoted(table)}"
        yield f"{place}.{_quoted(name)}" if entry.kind == "DEFAULT" else f"{_quoted(name)} on {place}"
        yield f"{schema}.{_quoted(name)}"  # the index of a constraint
    elif "(" in entry.tag:
        yield f"{schema}.{entry.tag}"
    else:
        yield f"{schema}.{_quoted(entry.tag)}"


def _quoted(name: str) -> str:
    """As `quote_ident` writes it, but for reserved words."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'
