"""`db.refresh`: replace an environment's data with a masked copy of another's, in one transaction."""

from __future__ import annotations

import hashlib
import json
import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.backups import scratch_server
from scripts.database.backups.foresee import foresee
from scripts.database.backups.storage import fetch_backup, newest_proven
from scripts.database.backups.verify import take_proven_backup
from scripts.database.migrations.files import Migration
from scripts.database.migrations.status import schema_status
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.client import required_database, session
from scripts.database.postgres.url import Database
from scripts.database.refresh import mask, masking_sql
from scripts.database.refresh import rules as masking_rules
from scripts.database.refresh.columns import account_columns, app_columns, check_expressions
from scripts.database.refresh.masked_copy import (
    FILE,
    Inputs,
    MaskedCopy,
    Refresh,
    make_masked_copy,
    refuse,
)
from scripts.database.refresh.rules import Column
from scripts.database.request import RefreshRequest
from scripts.database.restore import in_place, swap_schemas
from scripts.database.restore.plan import ACCOUNTS, Change, RestorePlan
from scripts.errors import ConfigError, DeskError, Refused
from scripts.state.ledger import Event
from scripts.state.operation import LockedOperation, locked_operation
from scripts.state.remote import Remote, observe_remote
from scripts.state.waiting import retry_while_locked
from scripts.system import temporary
from scripts.system.secret import Secret
from scripts.system.text import listed

TASK = "db.refresh"
KEY = "MASKING_KEY"
SHOWN = 8  # things that a message names


def refresh(desk: Desk, request: RefreshRequest) -> Outcome:
    """Check the rules and ask for consent; then copy, mask, search, and swap."""
    target = desk.settings.environment(request.to)
    source = desk.settings.environment(request.from_ or desk.settings.chain[-1])
    if target.guarded or target is source:
        raise Refused(
            f"{target.name} is {'guarded' if target.guarded else 'the source itself'}: its data stay",
            f"`invoke db.refresh --to {desk.settings.chain[0]}`",
        )
    work = read_rules(desk, source, target)
    database = required_database(desk, source)
    columns = app_columns(database)
    refuse(work.rules, columns)
    dry = masking_sql.expressions(work.rules, columns, dry=True)
    refuse(work.rules, columns, tuple(check_expressions(database, dry)))
    _require_extensions(desk, work)
    masked = masking_rules.masked(work.rules, columns)
    desk.progress.note(f"{len(masked)} of {len(columns)} columns of {source.name} are masked")
    if request.plan:
        return Outcome.done(
            f"the rules fit {source.name}; nothing was changed", **_document(work, masked, backup=None)
        )
    require_consent(desk.progress, target, yes=request.yes, unchanged="nothing was changed")
    return retry_while_locked(
        desk,
        lambda: _refresh(desk, work, request.reason),
        wait=request.wait,
        environments=[target],
        yes=request.yes,
    )


def _require_extensions(desk: Desk, work: Refresh) -> None:
    """All rows are masked on the scratch server, so it needs every extension that the app uses.

    Raises:
        Refused: it lacks some.
    """
    found = foresee(desk, work.source, work.target)
    if found is not None:
        names = ", ".join(f"`{name}`" for name in found.extensions)
        raise Refused(
            f"rows of {work.source.name} can't be masked: the scratch server lacks {names}, which these"
            f" need:{listed(found.things, SHOWN)}",
            found.remedy,
        )


def read_rules(desk: Desk, source: Environment, target: Environment) -> Refresh:
    """Read `masking.toml`.

    Raises:
        ConfigError: there is no such file, or it has faults.
    """
    file = desk.config_folder / FILE
    hint = f"see the shipped `env/{FILE}`"
    if not file.is_file():
        raise ConfigError(f"`{file}` is missing: it says what may be copied", hint)
    try:
        document = masking_rules.parse_text(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigError(f"`{file}` can't be read: {fault}") from None
    rules, faults = masking_rules.parse_rules(document)
    if faults:
        raise ConfigError(f"`{file}` has faults:{listed(faults)}", hint)
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    key = Secret(desk.values(target).get(KEY) or secrets.token_hex(32))
    return Refresh(source, target, rules, digest, key)


def _document(work: Refresh, masked: tuple[Column, ...], *, backup: str | None) -> dict[str, Any]:
    """The task's part of the JSON."""
    return {
        "environment": work.target.name,
        "source": work.source.name,
        "backup": backup,
        "masked": {column.path: work.rules.of(column) for column in masked},
        "policy": work.digest,
    }


def _refresh(desk: Desk, work: Refresh, reason: str) -> Outcome:
    ledger = observe_remote(desk).ledger
    backup = newest_proven(desk, work.source, ledger) or take_proven_backup(desk, work.source)
    with (
        locked_operation(desk, work.target, TASK, about=backup, reason=reason) as operation,
        _inputs(operation, work, backup) as inputs,
        make_masked_copy(operation, work, inputs) as made,
    ):
        event = _swap(operation, work, made)
    drop_old_schemas_of_refreshes(desk, work.target)
    desk.progress.note(f"schema {event.detail['schema'] or 'none'}, {event.detail['rows']} rows")
    return Outcome.done(
        f"{work.target.name} has a masked copy of {work.source.name} (`{backup}`)",
        **_document(work, made.masked, backup=backup),
        run=event.run,
        schema=event.detail["schema"],
        steps=event.detail["steps"],
    )


def _migrations(desk: Desk, work: Refresh) -> tuple[tuple[Migration, ...], tuple[Migration, ...]]:
    """The migrations that the target has, as files of the commit that is live there; those of both commits.

    Raises:
        Refused: history and files disagree, so the schema to end with is not known.
    """
    remote = observe_remote(desk)
    status = schema_status(desk, remote, work.target)
    comparison = status.comparison
    if comparison.missing or comparison.edited or comparison.doubled:
        raise Refused(
            f"{work.target.name} and its migrations disagree:{listed(status.problems)}",
            "`invoke db.status` shows more; fix that first",
        )
    applied = {row.version for row in status.applied}
    files = {migration.version: migration for migration in _committed(desk, remote, work.source)}
    files |= {migration.version: migration for migration in status.committed}
    own = tuple(migration for migration in status.committed if migration.version in applied)
    return own, tuple(files.values())


def _committed(desk: Desk, remote: Remote, source: Environment) -> tuple[Migration, ...]:
    """The migrations of the commit that is live in the source, as far as its history can be read."""
    try:
        return schema_status(desk, remote, source).committed
    except DeskError:
        return ()


@contextmanager
def _inputs(operation: LockedOperation, work: Refresh, backup: str) -> Iterator[Inputs]:
    """The backup's plain files, and a scratch server that is removed at the end.

    A server that can't be removed, its disk being full, does not undo what was done by then.
    """
    desk = operation.desk
    applied, known = _migrations(desk, work)
    ledger = observe_remote(desk).ledger
    done = False
    try:
        with fetch_backup(desk, work.source, backup, ledger) as (plain, manifest):
            if manifest.policy is not None:
                raise Refused(f"`{backup}` is masked already")
            desk.progress.note(f"masking `{backup}` of {manifest.started} on a scratch server")
            with (
                scratch_server.databases_for(desk, work.target, manifest) as databases,
                temporary.folder() as folder,
            ):
                yield Inputs(plain, manifest, databases, folder, applied, known)
                done = True
    except (DeskError, OSError) as fault:
        if not done:
            raise
        desk.progress.note(f"warning: the scratch server is not removed: {fault}")


def _swap(operation: LockedOperation, work: Refresh, made: MaskedCopy) -> Event:
    """Restore the masked copy into the target, in one transaction."""
    desk, target, source = operation.desk, work.target, made.source
    updates = masking_sql.account_updates(account_columns(required_database(desk, target)), work.rules)
    ids = mask.account_ids(made.database) if updates else []

    def mask_accounts(connection: Any) -> None:
        mask.mask_accounts(connection, work.key, updates, ids)

    # everything is restored, and accounts that the target lacks are inserted
    accounts = Change(ACCOUNTS, 0, 0, 0, 0, deleted=1)
    plan = RestorePlan(source.manifest, (), {}, accounts, 0.0, safety=False)
    in_place.restore(
        desk, target, source, plan, run=operation.id, step=operation.step, before_commit=mask_accounts
    )
    with operation.optional_step("analyze", "statistics of the new tables", remedy=in_place.STATISTICS):
        in_place.analyze(desk, target, source)
    return operation.finish(
        "refresh",
        "done",
        source=work.source.name,
        reason=operation.lock.content.reason,
        backup=source.manifest.id,
        policy=work.digest,
        schema=source.manifest.newest,
        rows=sum(source.manifest.rows.values()),
    )


def drop_old_schemas_of_refreshes(desk: Desk, target: Environment) -> None:
    """Drop the old schemas of every refresh in the ledger: of this run, and of runs that died here.

    Not before a refresh is in the ledger: until then its old schemas tell `resume` that it was committed.
    """
    try:
        events = [event for event in observe_remote(desk).ledger.events if event.kind == "refresh"]
        runs = {str(event.detail.get("of_run") or event.run) for event in events}
        in_place.retry_while_away(desk, lambda: _drop(required_database(desk, target), runs))
    except DeskError as error:
        desk.progress.note(
            f"warning: the old schemas are still there: {error.message}\n"
            f"  | the next refresh drops them, or `invoke db.drop-aside --env {target.name}`"
        )


def _drop(database: Database, runs: set[str]) -> None:
    prefixes = tuple(f"{OLD_SCHEMA_PREFIX}{run}_" for run in runs)
    with session(database) as connection:
        names = [old.name for old in swap_schemas.old_schemas(connection)]
        swap_schemas.drop_old_schemas(connection, [name for name in names if name.startswith(prefixes)])
