"""`db.refresh`: replace an environment's data with a masked copy of another's, in one transaction."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.config import env_files
from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.backups.dumping import dump_database
from scripts.database.backups.manifest import Manifest
from scripts.database.backups.scratch_server import scratch_copy
from scripts.database.backups.storage import fetch_backup, newest_proven
from scripts.database.backups.verify import take_safety_backup
from scripts.database.migrations.apply import bring_up_to_date
from scripts.database.migrations.files import Migration
from scripts.database.migrations.status import schema_status
from scripts.database.postgres import scratch
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.client import required_database, session
from scripts.database.postgres.url import Database
from scripts.database.refresh import mask, masking_sql
from scripts.database.refresh import rules as masking_rules
from scripts.database.refresh.rules import Column, Rules
from scripts.database.request import RefreshRequest
from scripts.database.restore import in_place, swap_schemas
from scripts.database.restore.plan import ACCOUNTS, Change, RestorePlan
from scripts.errors import ConfigError, DeskError, Refused, ReleaseFailed
from scripts.state.held_lock import retry_while_locked
from scripts.state.ledger import Event
from scripts.state.operation import LockedOperation, locked_operation
from scripts.state.remote import observe_remote
from scripts.system import temporary
from scripts.system.secret import Secret
from scripts.system.text import listed

TASK = "db.refresh"
FILE = "masking.toml"
KEY = "MASKING_KEY"


@dataclass(frozen=True)
class Refresh:
    """What was asked for: from where, to where, and the rules.

    Args:
        digest: of the rules, kept with the masked data.
        key: equal values are masked equally under one key.
    """

    source: Environment
    target: Environment
    rules: Rules
    digest: str
    key: Secret

    def document(self, masked: tuple[Column, ...], *, backup: str | None) -> dict[str, Any]:
        """The task's part of the JSON."""
        return {
            "environment": self.target.name,
            "source": self.source.name,
            "backup": backup,
            "masked": {column.path: self.rules.of(column) for column in masked},
            "policy": self.digest,
        }


def refresh(desk: Desk, request: RefreshRequest) -> Outcome:
    """Check the rules and ask for consent; then copy, mask, search, and swap."""
    target = desk.settings.environment(request.to)
    source = desk.settings.environment(request.from_ or desk.settings.chain[-1])
    if target.guarded or target is source:
        raise Refused(
            f"{target.name} is {'guarded' if target.guarded else 'the source itself'}: its data stay",
            f"invoke db.refresh --to {desk.settings.chain[0]}",
        )
    work = read_rules(desk, source, target)
    columns = mask.columns(required_database(desk, source))
    refuse(work.rules, columns)
    masked = masking_rules.masked(work.rules, columns)
    desk.progress.note(f"{len(masked)} of {len(columns)} columns of {source.name} are masked")
    if request.plan:
        return Outcome.done(
            f"the rules fit {source.name}; nothing was changed", **work.document(masked, backup=None)
        )
    require_consent(desk.progress, target.name, yes=request.yes, unchanged="nothing was changed")
    return retry_while_locked(desk, lambda: _refresh(desk, work, request.reason), wait=request.wait)


def read_rules(desk: Desk, source: Environment, target: Environment) -> Refresh:
    """Read `masking.toml`.

    Raises:
        ConfigError: there is no such file, or it has faults.
    """
    file = desk.config_folder / FILE
    hint = f"see the shipped `env/{FILE}`"
    if not file.is_file():
        raise ConfigError(f"`{file}` is missing: it says what may be copied", hint)
    document = env_files.read_toml(file)
    rules, faults = masking_rules.parse_rules(document)
    if faults:
        raise ConfigError(f"`{file}` has faults:{listed(faults)}", hint)
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    key = Secret(desk.values(target).get(KEY) or secrets.token_hex(32))
    return Refresh(source, target, rules, digest, key)


def refuse(rules: Rules, columns: tuple[Column, ...]) -> None:
    """Default deny.

    Raises:
        Refused: a column has no rule, or one that can't work.
    """
    objections = list(masking_rules.objections(rules, columns))
    if objections:
        raise Refused(
            f"the masking rules don't cover the schema; nothing was changed:{listed(objections)}",
            f"give each a rule in `{FILE}`: keep, null, empty, hash, scrub, fake ..., truncate N",
        )


def _refresh(desk: Desk, work: Refresh, reason: str) -> Outcome:
    ledger = observe_remote(desk).ledger
    backup = newest_proven(desk, work.source, ledger) or take_safety_backup(desk, work.source)
    with locked_operation(desk, work.target, TASK, about=backup, reason=reason) as operation:
        migrations = _applied_migrations(desk, work.target)
        with _copy(operation, work, backup) as (copy, manifest):
            masked, canaries = _mask(operation, work, copy)
            with operation.step("migrate", "migrations that only the target has, on the copy"):
                bring_up_to_date(desk, copy, migrations)
            _search(operation, work, copy, canaries)
            event = _swap(operation, work, copy, manifest)
    drop_old_schemas_of_refreshes(desk, work.target)
    desk.progress.note(f"schema {event.detail['schema'] or 'none'}, {event.detail['rows']} rows")
    return Outcome.done(
        f"{work.target.name} has a masked copy of {work.source.name} (`{backup}`)",
        **work.document(masked, backup=backup),
        run=event.run,
        schema=event.detail["schema"],
        steps=event.detail["steps"],
    )


def _applied_migrations(desk: Desk, target: Environment) -> tuple[Migration, ...]:
    """The migrations that the target has, as files of the commit that is live there.

    Raises:
        Refused: history and files disagree, so the schema to end with is not known.
    """
    status = schema_status(desk, observe_remote(desk), target)
    comparison = status.comparison
    if comparison.missing or comparison.edited or comparison.doubled:
        raise Refused(
            f"{target.name} and its migrations disagree:{listed(status.problems)}",
            "`invoke db.status` shows more; mend that first",
        )
    applied = {row.version for row in status.applied}
    return tuple(migration for migration in status.committed if migration.version in applied)


@contextmanager
def _copy(operation: LockedOperation, work: Refresh, backup: str) -> Iterator[tuple[Database, Manifest]]:
    """The backup, restored on a scratch server that is removed at the end."""
    desk = operation.desk
    ledger = observe_remote(desk).ledger
    with fetch_backup(desk, work.source, backup, ledger) as (folder, manifest):
        if manifest.policy is not None:
            raise Refused(f"`{backup}` is masked already")
        desk.progress.note(f"restoring `{backup}` of {manifest.started} on a scratch server")
        with scratch_copy(desk, work.target, folder, manifest) as copy:
            yield copy, manifest


def _mask(
    operation: LockedOperation, work: Refresh, copy: Database
) -> tuple[tuple[Column, ...], list[bytes]]:
    """Mask the copy; returns the masked columns, and values that must not be found afterwards."""
    rules, columns = work.rules, mask.columns(copy)
    refuse(rules, columns)
    masked = masking_rules.masked(rules, columns)
    with operation.step("mask", f"{len(masked)} columns, accounts become test users"):
        canaries = [*mask.canaries(copy, masked), *(canary.encode() for canary in rules.canaries)]
        updates = [
            *masking_sql.updates(rules, columns),
            *masking_sql.account_updates(mask.account_columns(copy), rules),
        ]
        mask.mask_copy(copy, work.key, masking_sql.deletes(rules), updates)
    return masked, canaries


def _search(operation: LockedOperation, work: Refresh, copy: Database, canaries: list[bytes]) -> None:
    """No address outside the test domain, and no canary, may be anywhere in the copy.

    Raises:
        ReleaseFailed: there is one; the column is named, the value never.
    """
    with operation.step("search", f"{len(canaries)} known values, and any address"):
        leaks = list(mask.leaks(copy, work.rules.domain, canaries))
        if leaks:
            raise ReleaseFailed(
                f"the masked copy still holds what it must not; nothing was changed:{listed(leaks)}",
                f"mask that column in `{FILE}` (`keep` is not enough)",
            )


def _swap(operation: LockedOperation, work: Refresh, copy: Database, manifest: Manifest) -> Event:
    """Dump the copy and restore the dump: unlike the copy, a dump has no old row versions."""
    desk, target = operation.desk, work.target
    database = required_database(desk, target)
    updates = masking_sql.account_updates(mask.account_columns(database), work.rules)
    ids = mask.account_ids(copy) if updates else []

    def mask_accounts(connection: Any) -> None:
        mask.mask_accounts(connection, work.key, updates, ids)

    with temporary.folder() as folder:
        with operation.step("dump", "the masked copy"):
            document = _dump(desk, work, copy, folder, manifest)
            source = in_place.open_source(desk, folder, document, scratch.server_major(database))
        # everything is restored, and accounts that the target lacks are inserted
        accounts = Change(ACCOUNTS, 0, 0, 0, 0, deleted=1)
        plan = RestorePlan(document, (), {}, accounts, 0.0, safety=False)
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
        backup=document.id,
        policy=work.digest,
        schema=document.newest,
        rows=sum(document.rows.values()),
    )


def _dump(desk: Desk, work: Refresh, copy: Database, folder: Path, manifest: Manifest) -> Manifest:
    """Dump the copy into the folder; returns the manifest of the dump, made from that of the backup."""
    content, programs = dump_database(desk, work.target, copy, folder)
    return replace(
        manifest,
        kind="masked",
        environment=work.target.name,
        migrations={version: manifest.migrations.get(version, "") for version in content.versions},
        server=content.server,
        client=programs.version,
        tables=content.tables,
        sequences=content.sequences,
        extensions=content.extensions,
        policy=work.digest,
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
