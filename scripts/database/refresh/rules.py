# pure
"""Masking rules: default deny. Every column that may identify a person needs a rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KEYS = ("domain", "canaries", "password_hash", "tables")
# Types that do not identify a person: their columns need no rule.
PLAIN = re.compile(
    r"(boolean|smallint|integer|bigint|numeric|real|double precision|money|date|interval|uuid|oid|enum"
    r"|time.*|int[48]range|numrange|daterange|ts(tz)?range)(\(.*\).*)?"
)
# Names that mark a number or a date as personal all the same.
PERSONAL = re.compile(
    r"birth|dob\b|naissance|phone|mobile|tel\b|ssn|iban|passport|siret|tax_?id", re.IGNORECASE
)
TEXTUAL = re.compile(r"(text|character varying|character|citext|name|varchar|bpchar)\b")
RULE = re.compile(r"keep|null|empty|hash|scrub|fake (email|name|phone|text)|truncate ([0-9]{1,6})")
OLD_ROWS = re.compile(r"([a-z_][a-z0-9_]*) older than ([0-9]{1,5}) days")
ROWS = "rows"  # the key that stands for a table's rows, not for a column
DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(invalid|test|example)|example\.(com|net|org)")
KEEP_UNIQUE = ("keep", "hash", "null", "fake email", "fake phone")


@dataclass(frozen=True)
class Column:
    """One column of a table of the app.

    Args:
        table: `schema.table`.
        kind: its type in the words of `format_type`; a domain's base type; `enum` for any enum.
        required: not null.
        unique: part of a unique index.
        generated: computed by the server.
        keys: the columns (`schema.table.column`) that it refers to.
    """

    table: str
    name: str
    kind: str
    required: bool = False
    unique: bool = False
    generated: bool = False
    keys: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """`schema.table.column`."""
        return f"{self.table}.{self.name}"

    @property
    def needs_rule(self) -> bool:
        """Whether it may identify a person."""
        plain = PLAIN.fullmatch(self.kind.removesuffix("[]")) is not None
        return not self.generated and (not plain or PERSONAL.search(self.name) is not None)

    @property
    def length(self) -> int | None:
        """How many characters it holds; None for any number."""
        match = re.fullmatch(r"character(?: varying)?\(([0-9]+)\)", self.kind.removesuffix("[]"))
        return int(match[1]) if match else None


@dataclass(frozen=True)
class Rules:
    """`masking.toml`.

    Args:
        domain: of all masked addresses; no mail can ever reach it.
        canaries: values of production that the masked copy must not hold.
        tables: table -> column -> rule.
        rows: table -> (column, days): older rows are dropped.
        password_hash: of the test users' password; "" if nobody can log in with one.
    """

    domain: str = "example.invalid"
    canaries: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rows: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    password_hash: str = ""

    def of(self, column: Column) -> str:
        """The column's rule; "" for none."""
        return self.tables.get(column.table, {}).get(column.name, "")


def parse_rules(document: Mapping[str, Any]) -> tuple[Rules, tuple[str, ...]]:
    """The rules, and the faults of the file, in words."""
    faults = [f"`{key}` is not a key of this file" for key in document if key not in KEYS]
    domain = document.get("domain", Rules.domain)
    if not isinstance(domain, str) or not DOMAIN.fullmatch(domain):
        faults.append("`domain` should be one that mail can't reach, such as `example.invalid`")
    canaries = document.get("canaries", [])
    if not isinstance(canaries, list) or not all(
        isinstance(canary, str) and len(canary) > 4 for canary in canaries
    ):
        faults.append("`canaries` should be a list of strings of 5 characters or more")
        canaries = []
    tables, rows = _tables(document.get("tables", {}), faults)
    password = str(document.get("password_hash", ""))
    return Rules(str(domain), tuple(canaries), tables, rows, password), tuple(faults)


def _tables(
    document: object, faults: list[str]
) -> tuple[dict[str, dict[str, str]], dict[str, tuple[str, int]]]:
    tables: dict[str, dict[str, str]] = {}
    rows: dict[str, tuple[str, int]] = {}
    if not isinstance(document, Mapping):
        faults.append("`tables` should be a table of tables")
        return tables, rows
    for table, columns in document.items():
        if not isinstance(columns, Mapping) or table.count(".") != 1:
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
    """Why these rules can't mask this schema: every column without a rule, every rule that can't work."""
    by_path = {column.path: column for column in columns}
    for column in columns:
        rule = rules.of(column)
        if rule:
            yield from _unfit(column, rule)
        elif column.needs_rule:
            yield f"`{column.path}` ({column.kind}) has no rule"
        for path in column.keys:
            if path in by_path and (rules.of(by_path[path]) or "keep") != (rule or "keep"):
                yield f"`{column.path}` refers to `{path}`: both need the same rule"
    tables = {column.table for column in columns}
    for table, (name, _) in rules.rows.items():
        if table in tables and f"{table}.{name}" not in by_path:
            yield f"`{table}.{name}` is not a column, but decides which rows are dropped"


def _unfit(column: Column, rule: str) -> Iterator[str]:
    base = column.kind.removesuffix("[]")
    textual = TEXTUAL.match(base) is not None
    if rule == "null" and column.required:
        yield f"`{column.path}` can't be null: `empty`, `hash` or `fake ...`"
    if rule == "scrub" and base not in ("json", "jsonb"):
        yield f"`{column.path}` ({column.kind}): `scrub` is for json"
    if rule.startswith(("fake", "truncate", "hash")) and not textual:
        yield f"`{column.path}` ({column.kind}): `{rule}` is for text"
    if rule == "empty" and not (
        textual or base in ("json", "jsonb", "bytea") or column.kind.endswith("[]")
    ):
        yield f"`{column.path}` ({column.kind}): `empty` is for text, json and lists"
    if column.unique and rule not in KEEP_UNIQUE:
        yield f"`{column.path}` must not repeat: `hash`, `fake email`, `fake phone` or `null`"
    if column.generated and rule != "keep":
        yield f"`{column.path}` is computed from others: mask those"


def masked(rules: Rules, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns whose values change."""
    return tuple(column for column in columns if rules.of(column) not in ("", "keep"))
