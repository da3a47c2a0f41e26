# pure
"""What a server can't show of a backup because it lacks extensions that the original has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from scripts.database.backups.toc import Lists
from scripts.database.postgres.archive_toc import ATTACHED, Entry
from scripts.system.text import listed

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
VARIABLE = "SCRATCH_DATABASE_URL"
SHOWN = 8  # things that a message names


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


@dataclass(frozen=True)
class Foreseen:
    """What a proof would not show.

    Args:
        extensions: that the scratch server lacks, and things of the app need.
        things: those, as `table public.docs`.
        major: of the database's server.
        accepted: `[backup] partial_proof` says that this will do.
    """

    extensions: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    major: int = 0
    accepted: bool = False

    def __str__(self) -> str:
        names = ", ".join(f"`{name}`" for name in self.extensions)
        things = listed(self.things, SHOWN)
        return f"the scratch server lacks {names}: all is compared but what needs that:{things}"

    @property
    def remedy(self) -> str:
        """How to get a whole proof, the best way first."""
        return whole_proof(self.major, self.extensions)


def whole_proof(major: int, extensions: Sequence[str]) -> str:
    """How to get a scratch server that has these extensions: a server of the team's, or packages."""
    known = [f"postgresql-{major}-{PACKAGES[name]}" for name in extensions if name in PACKAGES]
    named = f"name a server that has them in `{VARIABLE}`"
    return f"{named}; or `apt-get install postgresql-{major} {' '.join(known)}`" if known else named
