"""`db.drift`: two schemas and their histories set side by side; or one against what its migrations make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database import supabase
from scripts.database.migrations import differences
from scripts.database.migrations.differences import Difference
from scripts.database.migrations.files import Migration, applied_migrations
from scripts.database.migrations.replay import Replayed, replayed, schema_of
from scripts.database.migrations.status import standing
from scripts.database.postgres.client import configured_database
from scripts.database.postgres.url import Database
from scripts.database.request import DriftRequest
from scripts.errors import CommandFailed, CommandTimedOut, Refused
from scripts.state.remote import observe_remote

SHOWN = 60  # lines of the difference that people read; JSON has them all
MIGRATIONS = "migrations"


def drift(desk: Desk, request: DriftRequest) -> Outcome:
    """Compare, show what differs, and end with 1 if anything does."""
    environment = desk.settings.environment(request.from_)
    if bool(request.to) == bool(request.against) or request.against not in ("", MIGRATIONS):
        raise Refused(
            "compare with another environment, or with what the migrations make",
            f"invoke db.drift --from {environment.name} --against {MIGRATIONS}",
        )
    if request.to:
        return _two(desk, environment, desk.settings.environment(request.to))
    return _against(desk, environment, request.sha)


def _against(desk: Desk, environment: Environment, sha: str) -> Outcome:
    """What stands there, against the applied versions replayed from empty."""
    own = standing(desk, observe_remote(desk), environment, sha)
    versions = {row.version for row in own.applied}
    there = _database(desk, environment)
    wanted = [each for each in _once(own.committed) if each.version in versions]
    with replayed(desk, environment, wanted) as made:
        data = {**own.document(), "from": environment.name, "against": MIGRATIONS, "replayed": len(wanted)}
        faults = list(own.problems)
        if made.fault:
            faults.append(f"can't be replayed from empty: `{made.file}`: {_first(made)}")
            return _ended(desk, (environment.name, "its migrations"), faults, (), data)
        found = differences.differences(schema_of(made.database), schema_of(there))
        data |= {"sql": _sql(desk, made.database, there)}
    return _ended(desk, (environment.name, "what its migrations make"), faults, found, data)


def _two(desk: Desk, old: Environment, new: Environment) -> Outcome:
    """Two environments: their histories, then their schemas."""
    there, here = _database(desk, old), _database(desk, new)
    histories = [applied_migrations(desk, each) or () for each in (old, new)]
    known = differences.between(*histories)
    found = differences.differences(schema_of(there), schema_of(here))
    data = {"from": old.name, "to": new.name, "state": known.state, **vars(known), "sql": None}
    faults = [
        *(f"only {old.name} has `{version}`" for version in known.only_old),
        *(f"only {new.name} has `{version}`" for version in known.only_new),
        *(f"`{version}` was applied with another text" for version in known.differing),
    ]
    if found:
        data["sql"] = _sql(desk, there, here)
    return _ended(desk, (new.name, old.name), faults, found, data)


def _ended(
    desk: Desk,
    sides: tuple[str, str],
    faults: Sequence[str],
    found: Sequence[Difference],
    data: Mapping[str, Any],
) -> Outcome:
    (this, that), document = sides, {**data, "differences": [each.document() for each in found]}
    if not faults and not found:
        return Outcome.done(f"no drift: {this} is {that}", drift=False, **document)
    for line in _shown(found):
        desk.progress.note(line)
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


def _sql(desk: Desk, old: Database, new: Database) -> str | None:
    """The same as the CLI's pg-delta writes it; None where it can't be had."""
    try:
        binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
        with supabase.opened(binary, {}) as cli:
            return supabase.difference(cli, old, new)
    except (Refused, CommandFailed, CommandTimedOut) as fault:
        desk.progress.note(f"without the CLI's own difference: {fault.message.splitlines()[0]}")
        return None


def _database(desk: Desk, environment: Environment) -> Database:
    database = configured_database(desk, environment)
    if database is None:
        raise Refused(f"{environment.name} has no database")
    return database


def _once(committed: Sequence[Migration]) -> list[Migration]:
    """Of two files that claim a version the CLI can apply but one: the first."""
    return list({each.version: each for each in reversed(committed)}.values())[::-1]


def _first(made: Replayed) -> str:
    said = [line.strip() for line in (made.fault or "").splitlines()]
    return " ".join(said[:3])
