"""`db.drift`: compare two databases, or one database with what its migrations make of an empty one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database import supabase
from scripts.database.backups import toc
from scripts.database.backups.unproven import whole_proof
from scripts.database.migrations.apply import applied_versions
from scripts.database.migrations.differences import (
    Difference,
    comparable,
    compare_histories,
    schema_differences,
)
from scripts.database.migrations.files import applied_migrations
from scripts.database.migrations.replayed import Replay, replayed
from scripts.database.migrations.status import schema_status
from scripts.database.postgres import catalogue
from scripts.database.postgres.client import Postgres, required_database
from scripts.database.postgres.url import Database
from scripts.database.request import DriftRequest
from scripts.errors import CommandFailed, CommandTimedOut, Refused
from scripts.state.remote import observe_remote
from scripts.system.text import listed

SHOWN = 60  # lines of the difference that people read; JSON has them all
MIGRATIONS = "migrations"
OFTEN_SWITCHED_ON = (*toc.EXTENSIONS, "pg_cron")  # by the platform or in its dashboard, and no drift


def drift(desk: Desk, request: DriftRequest) -> Outcome:
    """Compare, show what differs, and end with 1 if anything does."""
    environment = desk.settings.environment(request.from_)
    if bool(request.to) == bool(request.against) or request.against not in ("", MIGRATIONS):
        raise Refused(
            "compare with another environment, or with what the migrations make",
            f"`invoke db.drift --from {environment.name} --against {MIGRATIONS}`",
        )
    if request.to:
        return _between(desk, environment, desk.settings.environment(request.to))
    return _against_migrations(desk, environment, request.sha)


def _between(desk: Desk, old: Environment, new: Environment) -> Outcome:
    """Two environments: their histories, then their schemas."""
    databases = [required_database(desk, environment) for environment in (old, new)]
    histories = [applied_migrations(desk, environment) or () for environment in (old, new)]
    history = compare_histories(*histories)
    differences = schema_differences(*_schemas(*databases))
    problems = [
        *(f"only {old.name} has `{version}`" for version in history.only_old),
        *(f"only {new.name} has `{version}`" for version in history.only_new),
        *(f"`{version}` was applied with another text" for version in history.differing),
    ]
    data = {"from": old.name, "to": new.name, "state": history.state, **vars(history), "sql": None}
    if differences:
        data["sql"] = _sql_difference(desk, *databases)
    return _outcome(desk, (new.name, old.name), problems, differences, data)


def _against_migrations(desk: Desk, environment: Environment, sha: str) -> Outcome:
    """One environment against its applied versions, replayed from empty."""
    status = schema_status(desk, observe_remote(desk), environment, sha)
    database = required_database(desk, environment)
    applied = {row.version for row in status.applied}
    # of two files that claim a version the CLI can apply only one: the first
    first_files = {file.version: file for file in reversed(status.committed) if file.version in applied}
    migrations = list(first_files.values())[::-1]
    data = {
        **status.document(),
        "from": environment.name,
        "against": MIGRATIONS,
        "replayed": len(migrations),
    }
    problems = list(status.problems)
    with replayed(desk, environment, migrations, database) as replay:
        if replay.error and not replay.lacking:
            reached = applied_versions(replay.database)
            failed = next((file.file for file in migrations if file.version not in reached), None)
            why = " ".join(line.strip() for line in replay.error.message.splitlines()[:3])
            problems.append(f"can't be replayed from empty: `{failed}`: {why}")
            return _outcome(desk, (environment.name, "its migrations"), problems, (), data)
        old, new = _schemas(replay.database, database, scratch=True)
        often = {f"extension {catalogue.quoted(name)}" for name in OFTEN_SWITCHED_ON}
        lacking = {f"extension {catalogue.quoted(name)}" for name in replay.lacking}
        hidden = {*replay.hidden, *lacking, *(often & {*replay.switched_on})}
        left_out = {*replay.switched_on, *hidden}
        old = {thing: lines for thing, lines in old.items() if thing not in left_out}
        new = {thing: lines for thing, lines in new.items() if thing not in hidden}
        differences = schema_differences(old, new)
        data |= {"sql": None if replay.lacking else _sql_difference(desk, replay.database, database)}
    sides = environment.name, "what its migrations make"
    return _in_part(desk, replay, _outcome(desk, sides, problems, differences, data))


def _in_part(desk: Desk, replay: Replay, outcome: Outcome) -> Outcome:
    """The outcome, with what was not compared for want of extensions: that is never drift."""
    if not replay.lacking:
        return outcome
    names = ", ".join(f"`{name}`" for name in replay.lacking)
    said = f"the scratch server lacks {names}, so this was not compared:{listed(replay.hidden, SHOWN)}"
    desk.progress.show([said])
    data = {**outcome.data, "not_compared": list(replay.hidden), "lacking": list(replay.lacking)}
    message = f"{outcome.message}\n  | not compared, for want of {names}: {len(replay.hidden)} things"
    hint = outcome.hint or whole_proof(replay.major, replay.lacking)
    return dataclasses.replace(outcome, message=message, hint=hint, data=data)


def _schemas(
    old: Database, new: Database, *, scratch: bool = False
) -> tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]:
    """Both schemas, without what can't be the same; `scratch`: the old one is of a scratch server."""
    (one, old_things), (other, new_things) = _schema_of(old), _schema_of(new)
    return comparable(old_things, new_things, (one, other), toc.EXTENSIONS if scratch else None)


def _schema_of(database: Database) -> tuple[int, Mapping[str, tuple[str, ...]]]:
    """The server's major version, and the app's schema without the history: thing -> its lines."""
    with Postgres(database).session() as connection:
        return connection.info.server_version // 10000, catalogue.describe(
            connection, lambda schema: toc.is_app_schema(schema) and schema not in toc.SCHEMAS
        )


def _sql_difference(desk: Desk, old: Database, new: Database) -> str | None:
    """The difference as the CLI's pg-delta writes it; None where the CLI can't tell."""
    try:
        binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
        with supabase.cli_with_migrations(binary, {}) as cli:
            return supabase.difference(cli, old, new)
    except (Refused, CommandFailed, CommandTimedOut) as error:
        desk.progress.note(f"no difference in SQL: {error.message.splitlines()[0]}")
        return None


def _outcome(
    desk: Desk,
    sides: tuple[str, str],
    problems: Sequence[str],
    differences: Sequence[Difference],
    data: Mapping[str, Any],
) -> Outcome:
    this, that = sides
    document = {**data, "differences": [difference.document() for difference in differences]}
    if not problems and not differences:
        return Outcome.done(f"no drift: {this} is {that}", drift=False, **document)
    desk.progress.show(_shown(differences, this, that))
    count = len(differences)
    things = f" ({count} {'things differ' if count > 1 else 'thing differs'})" if count else ""
    return Outcome.failed(
        f"drift: {this} is not {that}{things}{listed(problems)}",
        "bring it back with a migration, never by hand",
        drift=True,
        **document,
    )


def _shown(differences: Sequence[Difference], this: str, that: str) -> Iterator[str]:
    """The differences for people, with the legend first; `this` is the new side, `that` the old one."""
    if not differences:
        return
    yield f"[-words-] or `-`: only in {that}"
    yield f"{{+words+}} or `+`: only in {this}"
    changes = {"added": f"only in {this}", "removed": f"only in {that}", "changed": "changed"}
    lines = []
    for difference in differences:
        lines += [f"{difference.thing}: {changes[difference.change]}"]
        lines += [f"  {line}" for line in difference.words()]
    yield from lines[:SHOWN]
    if len(lines) > SHOWN:
        yield f"... and {len(lines) - SHOWN} more lines: `--json` has them"
