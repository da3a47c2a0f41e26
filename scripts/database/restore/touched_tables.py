"""Whose rows a migration changes: by its own words, and by what the database does because of them. Pure.

Too many is safe: their rows come from the archive, and the plan counts what that loses. Too few is
not, so what can't be told is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scripts.database.migrations.statements import one_word, statements
from scripts.errors import Refused

if TYPE_CHECKING:
    import psycopg


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
_SHAPES = [
    re.compile(rf"\bdrop table (?:if exists )?{_LIST}"),
    re.compile(
        rf"\balter table (?:if exists )?(?:only )?(?P<names>{_NAME}) (?=.*\b(?:type|rename|"
        r"drop(?! (?:constraint|not null|default|identity|expression)\b))\b)"
    ),
]
_MAKES = re.compile(rf"\bcreate (?:\w+ )*?table (?:if not exists )?(?P<names>{_NAME})")
_CALLS = re.compile(rf"({_PART}) ?\(")
_COMPOSED = re.compile(r"\bexecute\b(?! (?:function|procedure|on)\b)")


@dataclass(frozen=True)
class Catalogue:
    """What stands in the database, and what it does of its own when rows are written.

    Args:
        tables: `schema.table` of all there are, live or in the archive.
        functions: name without schema -> the sources of all that are called so.
        triggers: `schema.table` -> names of the functions that its triggers call.
        cascades: `delete schema.table`, `update schema.table` -> tables that foreign keys change then.
    """

    tables: frozenset[str] = frozenset()
    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    triggers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cascades: Mapping[str, frozenset[str]] = field(default_factory=dict)


def touched(texts: Mapping[str, str], catalogue: Catalogue) -> frozenset[str]:
    """`schema.table` of all whose rows these migrations (file -> SQL) may have changed.

    Raises:
        Refused: it can't be told, and of which file.
    """
    search = _Search(catalogue)
    for text in texts.values():
        search.made |= {_last(name) for name in _named(_bare(text), [_MAKES])}
    for file, text in texts.items():
        search.file = file
        search.read(text)
    return frozenset(search.found) & catalogue.tables


@dataclass
class _Search:
    catalogue: Catalogue
    file: str = ""
    found: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    _run: set[str] = field(default_factory=set)

    def read(self, text: str) -> None:
        for bare in _bare(text):
            if _COMPOSED.search(bare):
                raise Refused(
                    f"`{self.file}` runs SQL that it composes: nobody can tell whose rows it changed"
                )
            for name in _named([bare], _SHAPES):
                self.found |= self._tables(name)
            for name in _named([bare], _UPDATES):
                self._written(self._tables(name), ("update",))
            for name in _named([bare], _DELETES):
                self._written(self._tables(name), ("update", "delete"))
            for name in _CALLS.findall(bare):
                self._call(_plain(name))

    def _written(self, tables: Iterable[str], verbs: tuple[str, ...]) -> None:
        """A table's rows change: so do those that hang on it, and its triggers run."""
        for table in set(tables):
            self.found.add(table)
            for function in self.catalogue.triggers.get(table, ()):
                self._call(_plain(function))
            for each in {f"{verb} {table}" for verb in verbs} - self._run:
                self._run.add(each)
                self._written(self.catalogue.cascades.get(each, ()), ("update", "delete"))

    def _call(self, name: str) -> None:
        if name not in self._run:
            self._run.add(name)
            for known, sources in self.catalogue.functions.items():
                if _plain(known) == name:
                    for source in sources:
                        self.read(source)

    def _tables(self, name: str) -> set[str]:
        """The tables that are meant; a name without its schema means all that are called so."""
        wanted = _plain(name)
        tables = {each for each in self.catalogue.tables if _plain(each) == wanted}
        if "." not in wanted:
            tables = {each for each in self.catalogue.tables if _last(each) == wanted}
        if wanted.startswith(("auth.", "storage.")):
            return {wanted}  # they stay as they are; what hangs on them may be the app's
        if not tables and _last(name) not in self.made:
            raise Refused(f"`{self.file}` changes `{wanted}`, which is no table of the app's")
        return tables


def _bare(text: str) -> Iterator[str]:
    """Its statements, and those of the bodies that they hold."""
    for each in statements(text):
        yield each.bare
        if "$$" in each.bare or "language" in each.bare:
            for body in each.quoted:
                yield from _bare(body)


def _named(bares: Iterable[str], patterns: Iterable[re.Pattern[str]]) -> Iterator[str]:
    patterns = tuple(patterns)
    for bare in bares:
        for pattern in patterns:
            for found in pattern.finditer(bare):
                yield from (each.strip().removeprefix("only ") for each in found["names"].split(","))


def _plain(name: str) -> str:
    """A name as rules compare it: quoted or not, in whatever letters."""
    return ".".join(one_word(part.strip('"')).lower() for part in name.split("."))


def _last(name: str) -> str:
    return _plain(name).rpartition(".")[2]


# What a database does of its own when rows are written: triggers, their functions, foreign keys.


FUNCTIONS = """
select p.proname, p.prosrc || coalesce(pg_get_function_sqlbody(p.oid), '') from pg_proc p
join pg_namespace n on n.oid = p.pronamespace where n.nspname = any(%s)
"""
TRIGGERS = """
select n.nspname, c.relname, p.proname from pg_trigger t join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace join pg_proc p on p.oid = t.tgfoid where not t.tgisinternal
"""
CASCADES = """
select x.verb || ' ' || pn.nspname || '.' || p.relname, n.nspname || '.' || c.relname from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
cross join lateral (values ('delete', k.confdeltype), ('update', k.confupdtype)) x(verb, what)
where k.contype = 'f' and x.what in ('c', 'n', 'd')
"""


@dataclass(frozen=True)
class Standing:
    """What the database does of its own.

    Args:
        functions: name -> the sources of all that are called so.
        triggers: `schema.table` -> the functions that its triggers call.
        cascades: `delete schema.table`, `update schema.table` -> the tables that foreign keys change then.
    """

    functions: dict[str, tuple[str, ...]]
    triggers: dict[str, frozenset[str]]
    cascades: dict[str, frozenset[str]]


def standing(connection: psycopg.Connection[Any], schemas: Collection[str]) -> Standing:
    """What the functions of these schemas and the triggers and foreign keys of all tables do."""
    functions: dict[str, tuple[str, ...]] = {}
    for name, source in connection.execute(FUNCTIONS, [list(schemas)]):
        functions[name] = (*functions.get(name, ()), source)
    triggers: dict[str, frozenset[str]] = {}
    for schema, table, function in connection.execute(TRIGGERS):
        triggers[f"{schema}.{table}"] = triggers.get(f"{schema}.{table}", frozenset()) | {function}
    cascades: dict[str, frozenset[str]] = {}
    for parent, child in connection.execute(CASCADES):
        cascades[parent] = cascades.get(parent, frozenset()) | {child}
    return Standing(functions, triggers, cascades)
