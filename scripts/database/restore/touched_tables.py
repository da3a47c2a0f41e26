# pure
"""Which tables' rows migrations change: by their own statements, and by what these set off.

Too many tables is safe: their rows come from the archive, and the plan counts what that loses. Too few
is not, so a migration that can't be understood is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from scripts.database.migrations.statements import one_word, statements
from scripts.errors import Refused

_PART = r'(?:"[^"]+"|[\w$]+)'
_NAME = rf"{_PART}(?:\.{_PART})*"
_LIST = rf"(?P<names>{_NAME}(?: ?, ?(?:only )?{_NAME})*)"
_UPDATES = [
    re.compile(rf"\bupdate (?:only )?(?P<names>{_NAME})(?: \*)?(?: (?:as )?{_PART})? set\b"),
    re.compile(rf"\b(?:insert into|copy) (?P<names>{_NAME})"),
]
_DELETES = [
    re.compile(rf"\b(?:merge into|delete from) (?:only )?(?P<names>{_NAME})"),
    re.compile(rf"\btruncate (?!on\b|or\b|,)(?:table )?(?:only )?{_LIST}"),
]
_RESHAPES = [
    re.compile(rf"\bdrop table (?:if exists )?{_LIST}"),
    re.compile(
        rf"\balter table (?:if exists )?(?:only )?(?P<names>{_NAME}) (?=.*\b(?:type|rename|"
        r"drop(?! (?:constraint|not null|default|identity|expression)\b))\b)"
    ),
]
_CREATES = re.compile(rf"\bcreate (?:\w+ )*?table (?:if not exists )?(?P<names>{_NAME})")
_CALLS = re.compile(rf"({_PART}) ?\(")
_DYNAMIC = re.compile(r"\bexecute\b(?! (?:function|procedure|on)\b)")
PLATFORM_TABLES = ("auth.", "storage.")


@dataclass(frozen=True)
class WriteEffects:
    """What a database does by itself when rows are written.

    Args:
        functions: name without schema -> the sources of all functions of that name.
        triggers: `schema.table` -> names of the functions that its triggers call.
        cascades: `delete schema.table`, `update schema.table` -> tables that foreign keys then change.
    """

    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    triggers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cascades: Mapping[str, frozenset[str]] = field(default_factory=dict)


def touched(texts: Mapping[str, str], tables: Collection[str], effects: WriteEffects) -> frozenset[str]:
    """`schema.table` of all tables whose rows these migrations may have changed.

    Args:
        texts: file -> SQL.
        tables: `schema.table` of all tables of the app, live or in the archive.
        effects: of the live database.

    Raises:
        Refused: a file can't be understood; it is named.
    """
    search = _Search(frozenset(tables), effects)
    for text in texts.values():
        search.created |= {_last(name) for name in _matches(_bare(text), [_CREATES])}
    for file, text in texts.items():
        search.file = file
        search.read(text)
    return frozenset(search.touched) & search.tables


@dataclass
class _Search:
    tables: frozenset[str]
    effects: WriteEffects
    file: str = ""
    touched: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)  # tables of the migrations themselves
    _followed: set[str] = field(default_factory=set)

    def read(self, text: str) -> None:
        for bare in _bare(text):
            if _DYNAMIC.search(bare):
                raise Refused(
                    f"`{self.file}` runs SQL that it composes: which rows it changed can't be told"
                )
            for name in _matches([bare], _RESHAPES):
                self.touched |= self._tables_named(name)
            for name in _matches([bare], _UPDATES):
                self._write(self._tables_named(name), ("update",))
            for name in _matches([bare], _DELETES):
                self._write(self._tables_named(name), ("update", "delete"))
            for name in _CALLS.findall(bare):
                self._call(_plain(name))

    def _write(self, tables: Iterable[str], verbs: tuple[str, ...]) -> None:
        """Rows of these tables change: follow their triggers and the foreign keys that refer to them."""
        for table in set(tables):
            self.touched.add(table)
            for function in self.effects.triggers.get(table, ()):
                self._call(_plain(function))
            for write in {f"{verb} {table}" for verb in verbs} - self._followed:
                self._followed.add(write)
                self._write(self.effects.cascades.get(write, ()), ("update", "delete"))

    def _call(self, name: str) -> None:
        if name in self._followed:
            return
        self._followed.add(name)
        for function, sources in self.effects.functions.items():
            if _plain(function) == name:
                for source in sources:
                    self.read(source)

    def _tables_named(self, name: str) -> set[str]:
        """The tables of that name; without a schema, those of every schema."""
        wanted = _plain(name)
        key = _plain if "." in wanted else _last
        tables = {table for table in self.tables if key(table) == wanted}
        if wanted.startswith(PLATFORM_TABLES):
            return {wanted}  # a restore keeps their rows, but rows of the app may refer to them
        if not tables and _last(name) not in self.created:
            raise Refused(f"`{self.file}` changes `{wanted}`, which is not a table of the app")
        return tables


def _bare(text: str) -> Iterator[str]:
    """Its statements, and those in the bodies of its functions and `do` blocks."""
    for statement in statements(text):
        yield statement.bare
        if "$$" in statement.bare or "language" in statement.bare:
            for body in statement.quoted:
                yield from _bare(body)


def _matches(bares: Iterable[str], patterns: Collection[re.Pattern[str]]) -> Iterator[str]:
    for bare in bares:
        for pattern in patterns:
            for match in pattern.finditer(bare):
                yield from (name.strip().removeprefix("only ") for name in match["names"].split(","))


def _plain(name: str) -> str:
    """A name as it is compared: without quotes, in lower case."""
    return ".".join(one_word(part.strip('"')).lower() for part in name.split("."))


def _last(name: str) -> str:
    return _plain(name).rpartition(".")[2]
