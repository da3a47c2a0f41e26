"""`db.drift`: two schemas and their histories set side by side; or one against what its migrations make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.adapters.database import supabase
from scripts.adapters.database.database_url import Database
from scripts.domain.database import drift
from scripts.domain.database.drift import Difference
from scripts.domain.database.migrations import Migration
from scripts.domain.outcome import Outcome
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, CommandTimedOut, Refused
from scripts.workflows.database.replay import Replayed, replayed, schema_of
from scripts.workflows.database.standing import standing
from scripts.workflows.release.observe import applied_migrations, observe_remote
from scripts.workflows.toolbox import Toolbox

SHOWN = 60  # lines of the difference that people read; JSON has them all
MIGRATIONS = "migrations"


def run(tools: Toolbox, *, from_: str, to: str | None, against: str | None, sha: str | None) -> Outcome:
    """Compare, show what differs, and end with 1 if anything does."""
    environment = tools.settings.environment(from_)
    if bool(to) == bool(against) or against not in (None, MIGRATIONS):
        raise Refused(
            "compare with another environment, or with what the migrations make",
            f"invoke db.drift --from {environment.name} --against {MIGRATIONS}",
        )
    if to:
        return _two(tools, environment, tools.settings.environment(to))
    return _against(tools, environment, sha)


def _against(tools: Toolbox, environment: Environment, sha: str | None) -> Outcome:
    """What stands there, against the applied versions replayed from empty."""
    own = standing(tools, observe_remote(tools), environment, sha)
    versions = {row.version for row in own.applied}
    there = _database(tools, environment)
    wanted = [each for each in _once(own.committed) if each.version in versions]
    with replayed(tools, environment, wanted) as made:
        data = {**own.document(), "from": environment.name, "against": MIGRATIONS, "replayed": len(wanted)}
        faults = list(own.problems)
        if made.fault:
            faults.append(f"can't be replayed from empty: `{made.file}`: {_first(made)}")
            return _ended(tools, (environment.name, "its migrations"), faults, (), data)
        found = drift.differences(schema_of(made.database), schema_of(there))
        data |= {"sql": _sql(tools, made.database, there)}
    return _ended(tools, (environment.name, "what its migrations make"), faults, found, data)


def _two(tools: Toolbox, old: Environment, new: Environment) -> Outcome:
    """Two environments: their histories, then their schemas."""
    there, here = _database(tools, old), _database(tools, new)
    histories = [applied_migrations(tools, each) or () for each in (old, new)]
    known = drift.between(*histories)
    found = drift.differences(schema_of(there), schema_of(here))
    data = {"from": old.name, "to": new.name, "state": known.state, **vars(known), "sql": None}
    faults = [
        *(f"only {old.name} has `{version}`" for version in known.only_old),
        *(f"only {new.name} has `{version}`" for version in known.only_new),
        *(f"`{version}` was applied with another text" for version in known.differing),
    ]
    if found:
        data["sql"] = _sql(tools, there, here)
    return _ended(tools, (new.name, old.name), faults, found, data)


def _ended(
    tools: Toolbox,
    sides: tuple[str, str],
    faults: Sequence[str],
    found: Sequence[Difference],
    data: Mapping[str, Any],
) -> Outcome:
    (this, that), document = sides, {**data, "differences": [each.document() for each in found]}
    if not faults and not found:
        return Outcome.done(f"no drift: {this} is {that}", drift=False, **document)
    for line in _shown(found):
        tools.progress.note(line)
    listed = "".join(f"\n  | {fault}" for fault in faults)
    things = f" ({len(found)} thing{'s differ' if len(found) != 1 else ' differs'})" if found else ""
    return Outcome.failed(
        f"drift: {this} is not {that}{things}{listed}",
        "bring it back by a migration; never by hand",
        drift=True,
        **document,
    )


def _shown(found: Sequence[Difference]) -> Iterator[str]:
    lines = []
    for each in found:
        lines += [f"{each.thing}: {each.change}", *(f"  {line}" for line in each.lines())]
    yield from lines[:SHOWN]
    if len(lines) > SHOWN:
        yield f"... and {len(lines) - SHOWN} lines more: `--json` has them"


def _sql(tools: Toolbox, old: Database, new: Database) -> str | None:
    """The same as the CLI's pg-delta writes it; None where it can't be had."""
    try:
        binary = supabase.find(tools.git.folder, tools.settings.supabase.cli)
        with supabase.opened(binary, {}) as cli:
            return supabase.difference(cli, old, new)
    except (Refused, CommandFailed, CommandTimedOut) as fault:
        tools.progress.note(f"without the CLI's own difference: {fault.message.splitlines()[0]}")
        return None


def _database(tools: Toolbox, environment: Environment) -> Database:
    database = tools.database(environment)
    if database is None:
        raise Refused(f"{environment.name} has no database")
    return database


def _once(committed: Sequence[Migration]) -> list[Migration]:
    """Of two files that claim a version the CLI can apply but one: the first."""
    return list({each.version: each for each in reversed(committed)}.values())[::-1]


def _first(made: Replayed) -> str:
    said = [line.strip() for line in (made.fault or "").splitlines()]
    return " ".join(said[:3])
