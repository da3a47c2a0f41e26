"""Masking rules, and the SQL that carries them out: default deny, stable under one key. Pure."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.config import env_files
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import toc
from scripts.database.postgres.url import Database
from scripts.database.refresh import mask
from scripts.errors import ConfigError, Refused
from scripts.system.secret import Secret

# What a person can't be known by: columns of these types need no rule.
PLAIN = re.compile(
    r"(boolean|smallint|integer|bigint|numeric|real|double precision|money|date|interval|uuid|oid|enum"
    r"|time.*|int[48]range|numrange|daterange|ts(tz)?range)(\(.*\).*)?"
)
# Numbers and dates that are personal all the same, by their names.
PERSONAL = re.compile(
    r"birth|dob\b|naissance|phone|mobile|tel\b|ssn|iban|passport|siret|tax_?id", re.IGNORECASE
)
TEXTUAL = re.compile(r"(text|character varying|character|citext|name|varchar|bpchar)\b")
RULE = re.compile(r"keep|null|empty|hash|scrub|fake (email|name|phone|text)|truncate ([0-9]{1,6})")
OLDER = re.compile(r"([a-z_][a-z0-9_]*) older than ([0-9]{1,5}) days")
ROWS = "rows"
DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(invalid|test|example)|example\.(com|net|org)")
UNIQUE = ("keep", "hash", "null", "fake email", "fake phone")


@dataclass(frozen=True)
class Column:
    """One column of a table of the app's.

    Args:
        kind: as `format_type` says it, of the base type of a domain; `enum` for an enum.
        unique: alone, or with others, it must not repeat.
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
        """Whether a person could be known by it."""
        plain = PLAIN.fullmatch(self.kind.removesuffix("[]")) is not None
        return not self.generated and (not plain or PERSONAL.search(self.name) is not None)

    @property
    def length(self) -> int | None:
        """How many characters it takes; None for any."""
        found = re.fullmatch(r"character(?: varying)?\(([0-9]+)\)", self.kind.removesuffix("[]"))
        return int(found[1]) if found else None


@dataclass(frozen=True)
class Rules:
    """`masking.toml`.

    Args:
        domain: of all addresses afterwards; one that can never be delivered to.
        canaries: values of production that must not be found afterwards.
        tables: table -> column -> rule.
        rows: table -> (column, days): older rows are dropped.
        password_hash: what test users log in with; "" for none.
    """

    domain: str = "example.invalid"
    canaries: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rows: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    password_hash: str = ""

    def of(self, column: Column) -> str:
        """Its rule; "" for none."""
        return self.tables.get(column.table, {}).get(column.name, "")


def parse(document: Mapping[str, Any]) -> tuple[Rules, tuple[str, ...]]:
    """The rules, and what is wrong with the file, in words."""
    faults: list[str] = []
    known = {"domain", "canaries", "password_hash", "tables"}
    faults += [f"`{key}` is no key of this file" for key in document if key not in known]
    domain = document.get("domain", Rules.domain)
    if not isinstance(domain, str) or not DOMAIN.fullmatch(domain):
        faults.append("`domain` should be one that no mail can reach, such as `example.invalid`")
    canaries = document.get("canaries", [])
    if not isinstance(canaries, list) or not all(
        isinstance(each, str) and len(each) > 4 for each in canaries
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
            older = OLDER.fullmatch(str(rule)) if name == ROWS else None
            if older:
                rows[table] = (older[1], int(older[2]))
            elif isinstance(rule, str) and RULE.fullmatch(rule):
                tables.setdefault(table, {})[name] = rule
            else:
                faults.append(f"`{table}.{name}`: `{rule}` is no rule")
    return tables, rows


def objections(rules: Rules, columns: Sequence[Column]) -> Iterator[str]:
    """Why these rules can't mask this schema: every column without one, every rule that can't work."""
    known = {each.path: each for each in columns}
    for each in columns:
        rule = rules.of(each)
        if rule:
            yield from _unfit(each, rule)
        elif each.needs_rule:
            yield f"`{each.path}` ({each.kind}) has no rule"
        there = [other for other in each.keys if other in known]
        differ = [other for other in there if (rules.of(known[other]) or "keep") != (rule or "keep")]
        yield from (f"`{each.path}` refers to `{other}`: both need the same rule" for other in differ)
    tables = {each.table for each in columns}
    for table, (name, _) in rules.rows.items():
        if table in tables and f"{table}.{name}" not in known:
            yield f"`{table}.{name}` is no column, and decides which rows go"


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
    if column.unique and rule not in UNIQUE:
        yield f"`{column.path}` must not repeat: `hash`, `fake email`, `fake phone` or `null`"
    if column.generated and rule != "keep":
        yield f"`{column.path}` is computed from others: mask those"


def masked(rules: Rules, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns that change."""
    return tuple(each for each in columns if rules.of(each) not in ("", "keep"))


# The rules of a refresh: read, and set against a schema; default deny.


FILE = "masking.toml"
KEY = "MASKING_KEY"


@dataclass(frozen=True)
class Wanted:
    """What was asked for, checked: rules that fit the source's schema as it is now."""

    source: Environment
    target: Environment
    rules: Rules
    digest: str
    key: Secret


def wanted(desk: Desk, source: Environment, target: Environment) -> Wanted:
    """The rules; their absence, and each fault in them, is said before anything is read.

    Raises:
        ConfigError: there is no such file, or it has faults.
    """
    file = desk.config_folder / FILE
    if not file.is_file():
        raise ConfigError(
            f"there is no `{file}`: nobody has said what may be copied", f"see the shipped `env/{FILE}`"
        )
    rules, faults = parse(env_files.read_toml(file))
    if faults:
        raise ConfigError(f"`{file}` has faults:{listed(faults)}", f"see the shipped `env/{FILE}`")
    digest = hashlib.sha256(json.dumps(env_files.read_toml(file), sort_keys=True).encode()).hexdigest()
    return Wanted(
        source, target, rules, digest, Secret(desk.values(target).get(KEY) or secrets.token_hex(32))
    )


def columns(database: Database) -> tuple[Column, ...]:
    """The columns of the app's tables."""
    return tuple(
        Column(table, name, kind, required, unique, generated, tuple(keys))
        for table, name, kind, required, unique, generated, keys in mask.columns(database, toc.SCHEMAS)
    )


def refuse(rules: Rules, known: tuple[Column, ...]) -> None:
    """Default deny.

    Raises:
        Refused: a column has no rule, or one that can't work.
    """
    found = list(objections(rules, known))
    if found:
        raise Refused(
            f"the masking rules don't cover the schema; nothing was changed:{listed(found)}",
            f"say in `{FILE}` what becomes of each: keep, null, empty, hash, scrub, fake ..., truncate N",
        )


def listed(found: Iterable[object]) -> str:
    """One line each, below a message."""
    return "".join(f"\n  | {each}" for each in found)
