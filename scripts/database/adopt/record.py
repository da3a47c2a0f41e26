"""Write what was found into the history: the Supabase CLI's `migration repair`, under both locks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from scripts.config import supabase_cli
from scripts.config.outcome import Outcome
from scripts.database import supabase
from scripts.database.adopt.history import Adoption
from scripts.database.adopt.judge import digest
from scripts.database.adopt.replay import look
from scripts.database.migrations.files import Applied, Migration, newest
from scripts.database.postgres.client import WAIT_FOR_LOCK, Postgres
from scripts.database.postgres.session_lock import SessionLock
from scripts.database.postgres.url import Database
from scripts.database.supabase import Cli, Status
from scripts.errors import CommandFailed, Refused, Unreachable
from scripts.state.ledger import Event
from scripts.state.operation import LockedOperation
from scripts.system.process import run_polling

TASK = "db.adopt"
POLL = 0.1  # seconds
OF_RUN = "of_run"


def record(
    operation: LockedOperation,
    database: Database,
    files: Sequence[Migration],
    planned: tuple[str, Sequence[Applied]],
    adopted: Adoption,
) -> Event:
    """Change the history as planned, read it again, and write the event.

    Args:
        files: the commit's.
        planned: the digest of the schema, and the history, that the plan was made of.

    Raises:
        Refused: schema or history changed since the plan.
        CommandFailed: the history is not what it should be, though the CLI may have ended with 0.
    """
    desk, postgres = operation.desk, Postgres(database)
    binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    texts = {file.file: file.sql for file in files}
    with (
        operation.step("record", f"{len(adopted.record)} recorded, {len(adopted.drop)} dropped"),
        postgres.exclusive(WAIT_FOR_LOCK) as lock,
        supabase.cli_with_migrations(binary, texts) as cli,
    ):
        operation.lock.check(ask=True)  # a run that was stopped meanwhile may have lost it
        _require_unchanged(operation, database, postgres, planned)
        began = postgres.now()
        try:
            _repair(cli, database, lock, "applied", _anew(adopted, planned[1]))
            _repair(cli, database, lock, "reverted", adopted.dropped)
        except BaseException:
            with suppress(Unreachable):
                postgres.end_pushes(began)  # a killed CLI could still commit
            raise
        versions = _require_recorded(operation, postgres, adopted)
    return finish(operation, adopted.record, adopted.dropped, versions)


def finish(
    operation: LockedOperation,
    recorded: Sequence[str],
    dropped: Sequence[str],
    versions: Sequence[str],
    **more: Any,
) -> Event:
    """Write the event, and release the lock; `versions`: those in the history now."""
    return operation.finish(
        operation.kind,
        "done",
        versions=list(recorded),
        dropped=list(dropped),
        schema=newest(versions),
        reason=operation.lock.content.reason,
        **more,
    )


def _anew(adopted: Adoption, history: Sequence[Applied]) -> tuple[str, ...]:
    """All that is recorded; a row that exists already is written again by the CLI."""
    known = {row.version for row in history}
    return (*(each for each in adopted.record if each not in known),
            *(each for each in adopted.record if each in known))  # fmt: skip


def _require_unchanged(
    operation: LockedOperation,
    database: Database,
    postgres: Postgres,
    planned: tuple[str, Sequence[Applied]],
) -> None:
    name = operation.environment.name
    elements = look(database, ()).elements
    rows = [Applied(*row) for row in postgres.history()]
    if digest(elements) != planned[0] or rows != [*planned[1]]:
        what = "history" if rows != [*planned[1]] else "schema"
        raise Refused(
            f"the {what} of {name} changed since the plan was made; nothing was recorded",
            f"look again: `invoke db.adopt --env {name} --plan`",
        )


def _repair(
    cli: Cli, database: Database, lock: SessionLock, status: Status, versions: Sequence[str]
) -> None:
    """Never without versions: the CLI would replace the history by the local files."""
    if versions:
        result = run_polling(cli.migration_repair(database, status, versions), POLL, lock.check_received)
        supabase_cli.answer(result, f"supabase migration repair --status {status}")


def _require_recorded(operation: LockedOperation, postgres: Postgres, adopted: Adoption) -> tuple[str, ...]:
    """Exit code 0 proves nothing: the history is read again; returns its versions."""
    versions = tuple(row.version for row in postgres.history())
    lost = [version for version in adopted.record if version not in versions]
    left = [version for version in adopted.dropped if version in versions]
    if lost or left:
        name = operation.environment.name
        said = [f"not recorded: {', '.join(lost)}"] if lost else []
        said += [f"not dropped: {', '.join(left)}"] if left else []
        raise CommandFailed(
            f"`supabase migration repair` ended with 0, and the history of {name} is not as planned:"
            f" {'; '.join(said)}",
            f"`invoke db.adopt --env {name} --plan` shows what stands now",
        )
    return versions


def settle(work: LockedOperation, postgres: Postgres, request: Mapping[str, Any], run: str) -> Outcome:
    """For `resume`: whether a dead run had recorded all, by the history.

    Args:
        work: under the dead run's lock.
        request: of that lock.
        run: its id.
    """
    name = work.environment.name
    record_, drop = (tuple(map(str, request.get(key) or ())) for key in ("record", "drop"))
    versions = tuple(row.version for row in postgres.history())
    written = [version for version in record_ if version in versions]
    gone = [version for version in drop if version not in versions]
    if len(written) == len(record_) and len(gone) == len(drop):
        finish(work, record_, drop, versions, **{OF_RUN: run})
        return Outcome.done(f"run {run} had recorded all of it on {name}; the ledger has it")
    work.finish(
        work.kind, "error", versions=written, dropped=gone, of_run=run, reason="it died before its end"
    )
    return Outcome.done(
        f"run {run} (`{TASK}`) died before its end: {len(written)} of {len(record_)} versions are in the"
        f" history of {name}; its lock is free",
        f"again: `invoke db.adopt --env {name}`",
    )
