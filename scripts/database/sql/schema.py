# pure
"""A small catalogue: what migrations made, as far as verdicts need it, and how names are found in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scripts.database.sql.parse import Node, Statement
from scripts.database.sql.routines import Body

PATH = ("public", "extensions")  # the platform's `search_path`
TEMPORARY = "pg_temp"
Name = tuple[str, ...]


@dataclass
class Column:
    """A column; `new`: the release itself adds it; `sure`: and it can't have been there before."""

    type: Node | None = None
    required: bool = False
    default: Any = None
    generated: Any = None
    new: bool = False
    sure: bool = True


@dataclass
class Constraint:
    """A constraint: the parser's name of its kind, its columns, and its node."""

    kind: str
    columns: tuple[str, ...]
    node: Node


@dataclass
class Index:
    """An index; `owned`: it backs a constraint."""

    unique: bool
    node: Node
    owned: bool = False
    new: bool = False


@dataclass
class Trigger:
    """A trigger, and what sets it off."""

    function: Name
    events: frozenset[str]
    before: bool
    node: Node
    enabled: bool = True
    bound: list[Function] = field(default_factory=list)  # under whatever name they have by now


@dataclass
class Policy:
    """A policy of row level security, and the text that made it."""

    node: Node
    text: str = ""
    new: bool = False


@dataclass(eq=False)
class Table:
    """A table, view, materialized view or sequence.

    Args:
        kind: `table`, `view`, `materialized view`, `foreign table`, `sequence`.
        new: the release itself makes it.
        sure: it can't have been there before.
        whole: all its columns and constraints are known.
        query: of a view; `bound`: the tables that it names, under whatever name they have by now.
        parents: tables whose rows include its own.
    """

    schema: str
    name: str
    kind: str = "table"
    new: bool = False
    sure: bool = True
    whole: bool = True
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: dict[str, Constraint] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    rules: dict[str, Node] = field(default_factory=dict)
    query: Any = None
    bound: dict[Name, Table] = field(default_factory=dict)
    statement: Statement | None = None
    parents: list[Table] = field(default_factory=list)
    children: list[Table] = field(default_factory=list)
    secured: bool = False
    identity: str = "d"

    @property
    def title(self) -> str:
        """Its name for people, without `public`."""
        return self.name if self.schema in ("public", TEMPORARY) else f"{self.schema}.{self.name}"

    @property
    def holds_old_rows(self) -> bool:
        """Whether it may have rows from before the release."""
        return not (self.new and self.sure)

    @property
    def keyed(self) -> bool | None:
        """Whether updates of it can be published; None where that is not known."""
        if self.identity in ("f", "i"):
            return True
        if self.identity == "n":
            return False
        has_key = any(each.kind == "CONSTR_PRIMARY" for each in self.constraints.values())
        return True if has_key else False if self.whole else None

    def ancestors(self) -> Iterator[Table]:
        """The table, and those whose rows include its own."""
        yield self
        for parent in self.parents:
            yield from parent.ancestors()

    def descendants(self) -> Iterator[Table]:
        """The table, and those whose rows are its own."""
        yield self
        for child in self.children:
            yield from child.descendants()


@dataclass(eq=False)
class Function:
    """A function or a procedure.

    Args:
        required: how many arguments a call gives at least; `most`: at most.
        path: the `search_path` that it sets; None if it takes the caller's.
        body: what it runs, once that was read.
    """

    schema: str
    name: str
    arguments: tuple[str, ...]
    required: int
    most: int
    statement: Statement
    new: bool = False
    path: tuple[str, ...] | None = None
    body: Body | None = None

    @property
    def title(self) -> str:
        """Its name for people, without `public`."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


@dataclass
class Domain:
    """A domain: what it requires of each value."""

    required: bool
    has_default: bool
    checks: list[Any]  # and its default
    new: bool


class Schema:
    """Everything that is known, and the session's `search_path`; None where that can't be told."""

    def __init__(self) -> None:
        self.releasing = False  # what is made from now on is new
        self.whole = False  # the database itself was asked: what is not here does not exist
        self.conditional = False  # what is made now may have been there before
        self.usual_path: tuple[str, ...] = PATH  # with which each file starts
        self.path: tuple[str, ...] | None = PATH
        self.tables: dict[tuple[str, str], Table] = {}
        self.functions: dict[tuple[str, str], list[Function]] = {}
        self.domains: dict[tuple[str, str], Domain] = {}
        self.types: dict[tuple[str, str], bool] = {}  # -> new
        self.operators: dict[str, list[Name]] = {}
        self.casts: list[tuple[str, str, Name]] = []  # source, target, function
        self.schemas: dict[str, bool] = {}  # -> new
        self.extensions: set[str] = set()
        self.publications: dict[str, set[str]] = {}
        self.event_triggers: dict[str, Name] = {}
        self.prepared: dict[str, Any] = {}

    def begin_file(self) -> None:
        """Each file starts with the settings and without the temporary tables of the one before."""
        self.path = self.usual_path
        self.prepared.clear()
        for key in [key for key in self.tables if key[0] == TEMPORARY]:
            del self.tables[key]

    def settle(self) -> None:
        """The release is over: what it made is no longer new."""
        for table in self.tables.values():
            table.new = False
            for part in (table.columns, table.indexes, table.policies):
                for each in part.values():
                    each.new = False
        for function in [each for functions in self.functions.values() for each in functions]:
            function.new = False
        for domain in self.domains.values():
            domain.new = False
        self.types = dict.fromkeys(self.types, False)
        self.schemas = dict.fromkeys(self.schemas, False)

    # ------------------------------------------------------------------------------ names

    def home(self, name: Name, *, temporary: bool = False) -> tuple[str, str]:
        """Schema and name of what is created under that name."""
        if temporary:
            return TEMPORARY, name[-1]
        if len(name) > 1:
            return name[-2], name[-1]
        return (self.path or PATH)[0] if self.path != () else "public", name[-1]

    def table(self, name: Name, path: tuple[str, ...] | None = None) -> Table | None:
        """The table, view or sequence of that name."""
        if not name:
            return None
        if len(name) > 1:
            return self.tables.get((name[-2], name[-1]))
        path = path if path is not None else self.path
        places = [TEMPORARY, *path] if path is not None else []
        for schema in places:
            if (schema, name[-1]) in self.tables:
                return self.tables[schema, name[-1]]
        if path is not None:
            return None
        found = [table for key, table in self.tables.items() if key[1] == name[-1]]
        return min(found, key=lambda table: table.new, default=None)

    def functions_of(self, name: Name, path: tuple[str, ...] | None = None) -> list[Function]:
        """Every function that a call of that name may mean."""
        if len(name) != 1:
            return self.functions.get((name[-2], name[-1]), []) if name else []
        path = path if path is not None else self.path
        if path is not None:
            return [each for schema in path for each in self.functions.get((schema, name[-1]), ())]
        found = [functions for key, functions in self.functions.items() if key[1] == name[-1]]
        return [each for functions in found for each in functions]

    def index(self, name: Name) -> tuple[Table, Index] | None:
        """The index of that name, with its table."""
        for table in self.tables.values():
            fits = len(name) < 2 or table.schema == name[-2]
            if fits and name[-1] in table.indexes:
                return table, table.indexes[name[-1]]
        return None

    def domain(self, type_name: Node | None) -> Domain | None:
        """The domain that a TypeName means."""
        from scripts.database.sql.tree import strings

        name = strings((type_name or {}).get("names"))
        if not name or name[0] == "pg_catalog":
            return None
        found = [
            domain for (schema, own), domain in self.domains.items()
            if own == name[-1] and (len(name) < 2 or schema == name[-2])
        ]  # fmt: skip
        return found[0] if found else None

    def referring(self, table: Table) -> Iterator[tuple[Table, Constraint]]:
        """The foreign keys that refer to a table, with the tables that have them."""
        for other in self.tables.values():
            for constraint in other.constraints.values():
                if constraint.kind != "CONSTR_FOREIGN":
                    continue
                named = constraint.node.get("pktable", {})
                name = tuple(part for part in (named.get("schemaname"), named.get("relname")) if part)
                if self.table(name) is table or (len(name) == 1 and name[0] == table.name):
                    yield other, constraint
