# pure
"""What one statement does to code that expects the older schema: the rules behind `verdict`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from scripts.database.migrations.statements import outside, split

Weight = Literal["compatible", "breaking", "irreversible"]
GOOD: Weight = "compatible"
BREAKS: Weight = "breaking"
LOST: Weight = "irreversible"

# A line of the tables below: weight, pattern, `->`, reason. In a pattern `<N>` is a name, and the other
# words in `<>` are these parts; in a reason `{0}` is the first name, `{t}` the table.
PARTS = {
    "<N>": r"""((?:[\w$]+|"[\w$]*")(?:\.(?:[\w$]+|"[\w$]*"))*)""",
    "<KIND>": "(?:materialized view|foreign table|event trigger|[a-z]+)",
    "<TEMP>": "(?:(?:global |local )?(?:temp|temporary) |unlogged )?",
    "<MAKES>": "(?:foreign )?(?:table|view|materialized view|schema|sequence|type|function|procedure"
    "|publication)",
    "<ADDS>": "(?:recursive view|index|domain|extension|aggregate|operator|cast|collation|policy|role|user"
    "|statistics|text search|server|foreign|conversion|trusted|language)",
    "<IDLE>": "(?:grant|comment on|analyze|vacuum|reindex|cluster|refresh materialized view|lock|notify"
    "|listen|show|explain|begin|start transaction|commit|end|set|reset|checkpoint|security label)",
    "<QUIET>": "(?:disable row level security|no force row level security|validate constraint|cluster on"
    r"|replica identity|set without cluster|set logged|set \(|reset \()",
}
# The first line that matches the beginning of a statement counts.
STATEMENT = r"""
irreversible  truncate (?:table )?(?:only )?<N>      -> truncates `{0}`: its rows are lost
irreversible  delete from (?:only )?<N>              -> deletes rows of `{0}`
irreversible  drop (?:owned|database|schema)\b(?: if exists)?(?: <N>)? -> drops `{0}` and everything in it
irreversible  drop (?:table|foreign table) (?:if exists )?<N> -> drops table `{0}`: its rows are lost
irreversible  drop <KIND> .*\bcascade$               -> drops with `cascade`: everything that depends on it goes too
breaking      drop (<KIND>) (?:concurrently )?(?:if exists )?<N> -> drops {0} `{1}`
breaking      create unique index (?:.*? )?on (?:only )?<N> -> a unique index on `{0}`: older writes may break it
breaking      create (?:or replace )?(?:constraint )?trigger .*? on <N> -> a trigger on `{0}`: it runs for older writes too
breaking      create policy .*? on <N> as restrictive\b -> a restrictive policy on `{0}`
breaking      create (?:or replace )?rule .*? to <N> -> a rule on `{0}`: it changes what older code does
breaking      create event trigger\b                 -> an event trigger
compatible    create or replace\b                    -> `create or replace`: older code may use what it replaces
compatible    create <TEMP>(?:<MAKES>|<ADDS>)\b      ->
compatible    alter type <N> add value\b             ->
compatible    alter publication <N> add\b            ->
compatible    alter default privileges .*\bgrant\b   ->
breaking      alter .*\brename\b                     -> renames something
breaking      revoke .* on (?:table |function |schema |sequence |all .* in schema )?<N> -> revokes rights on `{0}`
breaking      revoke\b                               -> revokes rights
compatible    <IDLE>\b                               ->
"""  # noqa: E501 - a table
# One action of `alter table`.
ACTION = r"""
irreversible  drop (?:column )?(?:if exists )?(?!constraint |expression )<N> -> drops column `{t}.{0}`: its values are lost
breaking      drop constraint (?:if exists )?<N>     -> drops constraint `{0}` of `{t}`: older code may rely on it
irreversible  alter (?:column )?<N> (?:set data )?type\b.*\busing\b -> changes the type of `{t}.{0}` with `using`: the old values are lost
breaking      alter (?:column )?<N> (?:set data )?type\b -> changes the type of `{t}.{0}`
breaking      alter (?:column )?<N> set not null     -> requires `{t}.{0}`: older writes may leave it out
breaking      alter (?:column )?<N> drop not null    -> lets `{t}.{0}` be null: older code may not expect it
breaking      alter (?:column )?<N> drop default     -> drops the default of `{t}.{0}`
compatible    alter (?:column )?<N> (?:set (?:default|statistics|storage|compression|\()|reset\b) ->
breaking      add (?:constraint|check|unique|primary key|foreign key|exclude)\b -> a new constraint on `{t}`: older writes may break it
breaking      rename\b                               -> renames `{t}` or part of it
breaking      enable row level security              -> row level security on `{t}`: older code may see nothing
compatible    <QUIET>                                ->
"""  # noqa: E501 - a table


def _pattern(text: str) -> str:
    for name, part in PARTS.items():
        text = text.replace(name, part)
    return text


@cache
def _rules(table: str) -> list[tuple[re.Pattern[str], Weight, str]]:
    """A table as patterns, compiled once, for the first verdict."""
    weights: dict[str, Weight] = {weight: weight for weight in (GOOD, BREAKS, LOST)}
    rules: list[tuple[re.Pattern[str], Weight, str]] = []
    for line in table.strip().splitlines():
        rule, _, reason = line.partition("->")
        weight, pattern = rule.split(maxsplit=1)
        rules.append((re.compile(_pattern(pattern.rstrip())), weights[weight], reason.strip()))
    return rules


OVERWRITES = "changes existing rows: no rollback brings the old values back"
ADDS = re.compile(_pattern("add (?:column )?(?:if not exists )?<N>(.*)"))
REQUIRED = re.compile(r"\b(?:not null|primary key)\b")
FILLED = re.compile(r"\b(?:default|generated|serial\d?|bigserial|smallserial)\b")
ALTER_TABLE = re.compile(_pattern(r"alter (?:foreign )?table (?:if exists )?(?:only )?<N> (?:\* )?(.*)"))
MAKES = re.compile(_pattern("create <TEMP><MAKES> (?:if not exists )?<N>"))
UPDATE = re.compile(_pattern(r"update (?:only )?<N>(?: (?:as )?(?!set\b)\w+)? set (.*)"))
CHANGED = re.compile(_pattern(r"\s*(?:[\w$]+\.)?<N>\s*="))
CALL = re.compile(r"([\w$.\"]+) \(")
# Functions that change nothing beyond the session, and words before a parenthesis that are no function.
HARMLESS = frozenset(
    """pg_sleep set_config pg_catalog.set_config current_setting now clock_timestamp count sum min max
    avg coalesce nullif lower upper length to_regclass gen_random_uuid random setval
    pg_catalog.setval nextval currval version greatest least cast extract array row exists in any
    all some and or not where from select values as over filter on using case when then else union
    by having limit join left right lateral with recursive materialized is distinct between like
    ilike returning""".split()
)


@dataclass(frozen=True)
class Effect:
    """What a statement does: how bad it is, why, and to which thing (`x`, not `public.x`)."""

    weight: Weight
    reason: str = ""
    table: str = ""


def plain(name: str) -> str:
    """A name without quotes and without `public.`, so that one thing has one spelling."""
    return name.replace('"', "").removeprefix("public.")


def created(bare: str) -> str | None:
    """The name of what a statement creates, None if it creates nothing."""
    match = MAKES.match(bare)
    return plain(match[1]) if match else None


def added_columns(bare: str) -> Iterator[str]:
    """The columns that a statement adds: `table.column`."""
    table = ALTER_TABLE.match(bare)
    for action in split(table[2]) if table else ():
        column = ADDS.match(action)
        if table and column and not _first(ACTION, action):
            yield f"{plain(table[1])}.{plain(column[1])}"


def effects(bare: str, new_columns: frozenset[str]) -> Iterator[Effect]:
    """Everything that one statement does; a statement that no rule knows is breaking."""
    table = ALTER_TABLE.match(bare)
    if table:
        for action in split(table[2]):
            yield _action(plain(table[1]), action)
    elif bare.startswith(("update ", "with ", "insert ", "merge ")):
        yield from _write(bare, new_columns)
    elif bare.startswith(("select ", "values ", "table ", "perform ", "call ")):
        yield _reading(bare)
    else:
        yield _first(STATEMENT, bare) or Effect(BREAKS, f"not understood: `{_head(bare)}`")


def _action(table: str, action: str) -> Effect:
    effect = _first(ACTION, action, table)
    column = ADDS.match(action)
    if effect or not column:
        return effect or Effect(BREAKS, f"not understood: `alter table {table} {_head(action)}`", table)
    rest = column[2]
    if REQUIRED.search(rest) and not FILLED.search(rest):
        what = f"adds the required column `{table}.{plain(column[1])}` without a default"
        return Effect(BREAKS, what, table)
    return Effect(GOOD, "", table)


def _write(bare: str, new_columns: frozenset[str]) -> Iterator[Effect]:
    update = UPDATE.match(bare)
    if update:
        yield _update(update, new_columns)
        return
    if re.search(r"\bdelete from\b|\bthen delete\b", bare):
        yield Effect(LOST, "deletes rows")
    elif re.search(r"\bupdate\b(?! of)", bare):
        yield Effect(GOOD, OVERWRITES)
    else:
        yield Effect(GOOD)


def _update(update: re.Match[str], new_columns: frozenset[str]) -> Effect:
    """An update without a condition loses the old values, unless it fills new columns."""
    table = plain(update[1])
    assigned, _, condition = outside(update[2]).partition(" where ")
    targets = [CHANGED.match(part) for part in split(assigned.partition(" from ")[0])]
    if all(target and f"{table}.{plain(target[1])}" in new_columns for target in targets):
        return Effect(GOOD, "", table)
    if condition:
        return Effect(GOOD, f"`{table}`: {OVERWRITES}", table)
    return Effect(LOST, f"updates every row of `{table}`: the old values are lost", table)


def _reading(bare: str) -> Effect:
    """A query changes nothing except through the functions that it calls."""
    if re.search(r"\b(?:delete from|insert into|update)\b", bare) and " for update" not in bare:
        return next(_write(bare, frozenset()))
    called = {name for name in CALL.findall(bare) if name.strip('"') not in HARMLESS}
    if called or bare.startswith("call "):
        names = ", ".join(f"`{name}()`" for name in sorted(called))
        return Effect(BREAKS, f"calls {names or 'a procedure'}: what that does can't be seen")
    return Effect(GOOD)


def _first(rules: str, text: str, table: str = "") -> Effect | None:
    for pattern, weight, reason in _rules(rules):
        match = pattern.match(text)
        if match:
            groups = [plain(name or "") for name in match.groups()]
            several = text[match.end() :].startswith(",")  # the others may not be new
            about = table or ("" if several else _about(match))
            return Effect(weight, reason.format(*groups, t=table), about)
    return None


def _about(match: re.Match[str]) -> str:
    """The last name that a rule matched: the thing itself, or its table."""
    return plain(match[match.lastindex] or "") if match.lastindex else ""


def _head(bare: str) -> str:
    words = bare.split()
    return " ".join(words[:6]) + (" ..." if len(words) > 6 else "")
