# pure
"""Masking rules: default deny. Every column that may identify a person needs a rule."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.database.postgres.names import split_key

KEYS = ("domain", "canaries", "allowed", "password_hash", "tables")
TABLE = re.compile(r"\s*(\[tables\.[^\]]+\])\s*(#.*)?")
TEXTS = ("text", "character varying", "character", "citext", "name")
JSON = ("json", "jsonb")
NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision", "money")
DATES = ("date", "timestamp without time zone", "timestamp with time zone")
HASHED = (*TEXTS, "uuid", "bytea", "bigint", "inet", "cidr", "macaddr")
# a value of each type that says nothing: what `empty` puts into a column
NEUTRAL = {
    **dict.fromkeys((*TEXTS, "xml", "tsvector", "hstore", "ltree", "bit varying", "bytea"), ""),
    **dict.fromkeys(JSON, "{}"),
    **dict.fromkeys((*NUMBERS, "interval"), "0"),
    **dict.fromkeys(DATES, "1970-01-01"),
    **dict.fromkeys(("time without time zone", "time with time zone"), "00:00"),
    **dict.fromkeys("int4range int8range numrange daterange tsrange tstzrange".split(), "empty"),
    **dict.fromkeys(
        "int4multirange int8multirange nummultirange datemultirange tsmultirange tstzmultirange".split(),
        "{}",
    ),
    "uuid": "00000000-0000-0000-0000-000000000000",
    "inet": "0.0.0.0",  # noqa: S104 - nothing listens there
    "cidr": "0.0.0.0/32",
    "macaddr": "00:00:00:00:00:00",
    "point": "(0,0)",
    "boolean": "false",
}
# What a rule may be used for; `keep` and `null` are for every type.
FITS = {
    "empty": (tuple(NEUTRAL), "text, json, lists, numbers, dates and addresses"),
    "hash": (HASHED, "text, uuid, bytes, `bigint` and network addresses"),
    "scrub": (JSON, "json"),
    "truncate": (TEXTS, "text"),
    "fake number": (NUMBERS, "numbers"),
    "fake date": (DATES, "dates and timestamps"),
    **dict.fromkeys(("fake email", "fake name", "fake phone", "fake text"), (TEXTS, "text")),
}
RULE = re.compile(
    r"keep|null|empty|hash|fake (email|name|phone|text|number|date)|truncate ([0-9]{1,6})"
    r"|scrub( keep-keys (?P<keys>[^,\s][^,]*(,[^,]+)*))?"
)
OLD_ROWS = re.compile(r"([a-z_][a-z0-9_]*) older than ([0-9]{1,5}) days")
ROWS = "rows"  # the key that stands for a table's rows, not for a column
DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(invalid|test|example)|example\.(com|net|org)")
MODIFIER = re.compile(r"\([0-9, ]*\)")
KEEP_UNIQUE = ("keep", "hash", "null", "fake email", "fake phone")


@dataclass(frozen=True)
class Column:
    """One column of a table of the app.

    Args:
        table: `schema.table`.
        kind: its type in the words of `format_type`, with its schema; a domain's base type; `enum` for
            any enum.
        required: not null.
        unique: part of a unique index.
        generated: computed by the server.
        keys: the columns (`schema.table.column`) that it refers to.
        declared: the type that it was declared with, as SQL writes it.
        key: part of a primary key or of a foreign key, at either end.
        numbered: by a sequence.
        clock: by default the present time.
        checked: a check constraint looks at it.
    """

    table: str
    name: str
    kind: str
    required: bool = False
    unique: bool = False
    generated: bool = False
    keys: tuple[str, ...] = ()
    declared: str = ""
    key: bool = False
    numbered: bool = False
    clock: bool = False
    checked: bool = False

    @property
    def path(self) -> str:
        """`schema.table.column`."""
        return f"{self.table}.{self.name}"

    @property
    def word(self) -> str:
        """Its type, or that of a list's elements, without schema and length: `character varying`."""
        return MODIFIER.sub("", self.kind.removesuffix("[]")).rpartition(".")[2]

    @property
    def is_list(self) -> bool:
        """Whether it holds lists."""
        return self.kind.endswith("[]")


@dataclass(frozen=True)
class Rules:
    """`masking.toml`.

    Args:
        domain: of all masked addresses; no mail can ever reach it.
        canaries: values of production that the masked copy must not hold.
        allowed: addresses, numbers and other texts that everybody may read.
        tables: table -> column -> rule.
        rows: table -> (column, days): older rows are dropped.
        password_hash: of the test users' password; "" if nobody can log in with one.
    """

    domain: str = "example.invalid"
    canaries: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rows: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    password_hash: str = ""

    def of(self, column: Column) -> str:
        """The column's rule; "" for none."""
        return self.tables.get(column.table, {}).get(column.name, "")

    @property
    def json_keys(self) -> tuple[str, ...]:
        """The keys of JSON objects that `scrub` leaves as they are."""
        matches = [RULE.fullmatch(rule) for columns in self.tables.values() for rule in columns.values()]
        return tuple(
            key for match in matches if match and match["keys"] for key in match["keys"].split(",")
        )


def parse_text(text: str) -> dict[str, Any]:
    """The file's document; a table may have several sections, so that lines can be added at the end.

    Raises:
        TOMLDecodeError: it is no TOML.
    """
    sections: dict[str, list[str]] = {"": []}
    lines = sections[""]
    for line in text.splitlines():
        header = TABLE.fullmatch(line)
        if header or line.lstrip().startswith("["):
            lines = sections.setdefault(header[1] if header else line, [])
        if not lines or not header:
            lines.append(line)
    return tomllib.loads("\n".join(line for section in sections.values() for line in section))


def parse_rules(document: Mapping[str, Any]) -> tuple[Rules, tuple[str, ...]]:
    """The rules, and the faults of the file, in words."""
    faults = [f"`{key}` is not a key of this file" for key in document if key not in KEYS]
    domain = document.get("domain", Rules.domain)
    if not isinstance(domain, str) or not DOMAIN.fullmatch(domain):
        faults.append("`domain` should be one that mail can't reach, such as `example.invalid`")
    lists = {key: document.get(key, []) for key in ("canaries", "allowed")}
    for key, texts in lists.items():
        if not isinstance(texts, list) or not all(
            isinstance(text, str) and len(text) > 4 for text in texts
        ):
            faults.append(f"`{key}` should be a list of strings of 5 characters or more")
            lists[key] = []
    tables, rows = _tables(document.get("tables", {}), faults)
    password = str(document.get("password_hash", ""))
    canaries, allowed = map(tuple, lists.values())
    return Rules(str(domain), canaries, allowed, tables, rows, password), tuple(faults)


def _tables(
    document: object, faults: list[str]
) -> tuple[dict[str, dict[str, str]], dict[str, tuple[str, int]]]:
    tables: dict[str, dict[str, str]] = {}
    rows: dict[str, tuple[str, int]] = {}
    if not isinstance(document, Mapping):
        faults.append("`tables` should be a table of tables")
        return tables, rows
    for table, columns in document.items():
        if not isinstance(columns, Mapping) or not all(split_key(table)):
            faults.append(f'`tables."{table}"` should be a table named `schema.table`')
            continue
        for name, rule in columns.items():
            older = OLD_ROWS.fullmatch(str(rule)) if name == ROWS else None
            if older:
                rows[table] = (older[1], int(older[2]))
            elif isinstance(rule, str) and RULE.fullmatch(rule):
                tables.setdefault(table, {})[name] = rule
            else:
                faults.append(f"`{table}.{name}`: `{rule}` is not a rule")
    return tables, rows


def objections(rules: Rules, columns: Sequence[Column]) -> Iterator[str]:
    """Why these rules can't mask this schema: every rule that can't work."""
    by_path = {column.path: column for column in columns}
    for column in columns:
        rule = rules.of(column)
        if rule:
            yield from unfit(column, rule)
        for path in column.keys:
            if path in by_path and (rules.of(by_path[path]) or "keep") != (rule or "keep"):
                yield f"`{column.path}` refers to `{path}`: both need the same rule"
    tables = {column.table for column in columns}
    for table, (name, _) in rules.rows.items():
        path = f"{table}.{name}"
        if table in tables and path not in by_path:
            yield f"`{path}` is not a column, but decides which rows are dropped"
        elif table in tables and rules.of(by_path[path]) not in ("", "keep"):
            yield f"`{path}` decides which rows are dropped: it can't be masked"


def unfit(column: Column, rule: str) -> Iterator[str]:
    """Why the rule can't work for the column; nothing if it can."""
    if rule == "keep":
        return
    if column.generated:
        yield f"`{column.path}` is computed from others: mask those"
        return
    if rule == "null":
        if column.required:
            yield f"`{column.path}` can't be null: `empty`, `hash` or `fake ...`"
        return
    verb = rule if rule in FITS else rule.partition(" ")[0]
    types, told = FITS[verb]
    if column.word not in types and not (rule == "empty" and column.is_list):
        yield f"`{column.path}` ({column.kind}): `{verb}` is for {told}"
    if column.unique and rule not in KEEP_UNIQUE:
        yield f"`{column.path}` must not repeat: `hash`, `fake email`, `fake phone` or `null`"


def masked(rules: Rules, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns whose values change."""
    return tuple(column for column in columns if rules.of(column) not in ("", "keep"))
