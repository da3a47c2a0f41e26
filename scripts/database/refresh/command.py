"""`db.refresh`: an environment's data become a masked copy of production's, swapped in at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.backups import catalog, toc
from scripts.database.backups.manifest import Manifest
from scripts.database.backups.scratch_server import scratch_copy
from scripts.database.backups.storage import fetch_backup
from scripts.database.backups.verify import take_safety_backup
from scripts.database.migrations.apply import bring_up_to_date
from scripts.database.migrations.files import Migration
from scripts.database.migrations.status import schema_status
from scripts.database.postgres import scratch
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.client import required_database, session
from scripts.database.postgres.url import Database
from scripts.database.refresh import archive, mask, masking_sql
from scripts.database.refresh import rules as refresh_rules
from scripts.database.refresh.rules import Column, Wanted
from scripts.database.request import RefreshRequest
from scripts.database.restore import in_place, swap_schemas
from scripts.errors import DeskError, Refused, ReleaseFailed
from scripts.state.held_lock import retry_while_locked
from scripts.state.ledger import Event
from scripts.state.operation import LockedOperation, locked_operation
from scripts.state.remote import observe_remote
from scripts.system import temporary

TASK = "db.refresh"


def refresh(desk: Desk, request: RefreshRequest) -> Outcome:
    """Check the rules, ask, copy, mask, prove, and swap."""
    target = desk.settings.environment(request.to)
    source = desk.settings.environment(request.from_ or desk.settings.chain[-1])
    if target.guarded or target is source:
        raise Refused(
            f"{target.name} is {'guarded' if target.guarded else 'the source itself'}: its data stay",
            f"invoke db.refresh --to {desk.settings.chain[0]}",
        )
    wanted = refresh_rules.wanted(desk, source, target)
    columns = refresh_rules.columns(required_database(desk, source))
    refresh_rules.refuse(wanted.rules, columns)
    touched = refresh_rules.masked(wanted.rules, columns)
    desk.progress.note(f"{len(touched)} columns of {source.name} are masked, {len(columns)} are known")
    if request.plan:
        return Outcome.done(
            f"the rules fit {source.name}; nothing was changed", **_document(wanted, touched, backup=None)
        )
    require_consent(desk.progress, target.name, yes=request.yes, unchanged="nothing was changed")
    return retry_while_locked(desk, lambda: _refresh(desk, wanted, request.reason), wait=request.wait)


def _refresh(desk: Desk, wanted: Wanted, reason: str) -> Outcome:
    ledger = observe_remote(desk).ledger
    proven = [each.id for each in catalog.records(ledger, wanted.source.name).values() if each.proven]
    backup = proven[-1] if proven else take_safety_backup(desk, wanted.source)
    with locked_operation(desk, wanted.target, TASK, about=backup, reason=reason) as work:
        pending = _ahead(desk, wanted.target)
        with _copy(work, wanted, backup) as (copy, manifest):
            touched, known = _mask(work, wanted, copy)
            _migrate(work, copy, pending)
            _prove(work, wanted, copy, known)
            event = _swap(work, wanted, copy, manifest)
    tidy(desk, wanted.target)
    desk.progress.note(f"schema {event.detail['schema'] or 'none'}, {event.detail['rows']} rows")
    return Outcome.done(
        f"{wanted.target.name} has a masked copy of {wanted.source.name} (`{backup}`)",
        **_document(wanted, touched, backup=backup),
        run=event.run,
        schema=event.detail["schema"],
        steps=event.detail["steps"],
    )


def _ahead(desk: Desk, target: Environment) -> tuple[Migration, ...]:
    """What stands in the target, by the commit that is live there.

    Raises:
        Refused: the two disagree: nobody could say what it should be afterwards.
    """
    there = schema_status(desk, observe_remote(desk), target)
    if there.comparison.missing or there.comparison.edited or there.comparison.doubled:
        raise Refused(
            f"{target.name} and its migrations disagree:{refresh_rules.listed(there.problems)}",
            "`invoke db.status` says more; mend that first",
        )
    applied = {row.version for row in there.applied}
    return tuple(each for each in there.committed if each.version in applied)


@contextmanager
def _copy(work: LockedOperation, wanted: Wanted, backup: str) -> Iterator[tuple[Database, Manifest]]:
    """The backup, restored on a scratch server; gone at the end, whatever happens."""
    desk = work.desk
    ledger = observe_remote(desk).ledger
    with fetch_backup(desk, wanted.source, backup, ledger) as (folder, manifest):
        if manifest.policy is not None:
            raise Refused(f"`{backup}` is a masked one already")
        work.desk.progress.note(f"restoring `{backup}` of {manifest.started} beside")
        with scratch_copy(desk, wanted.target, folder, manifest) as copy:
            yield copy, manifest


def _mask(work: LockedOperation, wanted: Wanted, copy: Database) -> tuple[tuple[Column, ...], list[bytes]]:
    columns = refresh_rules.columns(copy)
    refresh_rules.refuse(wanted.rules, columns)
    touched = refresh_rules.masked(wanted.rules, columns)
    rules = wanted.rules
    with work.step("mask", f"{len(touched)} columns, accounts become test users"):
        known = mask.canaries(copy, [(each.table, each.name, each.kind) for each in touched])
        known += [each.encode() for each in rules.canaries]
        orders = [*masking_sql.drops(rules), *masking_sql.statements(rules, columns)]
        orders += masking_sql.people(mask.account_columns(copy), rules)
        mask.mask(copy, wanted.key, masking_sql.FUNCTIONS, orders, toc.SCHEMAS)
    return touched, known


def _prove(work: LockedOperation, wanted: Wanted, copy: Database, known: list[bytes]) -> None:
    """No address outside the test domain, and no known value, anywhere in the copy.

    Raises:
        ReleaseFailed: there is; the column is named, the value never.
    """
    with work.step("search", f"{len(known)} known values, and any address"):
        found = list(mask.leaks(copy, wanted.rules.domain, known, toc.SCHEMAS))
        if found:
            raise ReleaseFailed(
                "the masked copy still holds what it must not; nothing was changed:"
                f"{refresh_rules.listed(found)}",
                f"mask that column in `{refresh_rules.FILE}` (`keep` is not enough)",
            )


def _migrate(work: LockedOperation, copy: Database, wanted: tuple[Migration, ...]) -> None:
    """What the target was ahead of the source is replayed on the copy, so that it ends as it was."""
    with work.step("migrate", "what the target was ahead, on the copy"):
        bring_up_to_date(work.desk, copy, wanted)


def _swap(work: LockedOperation, wanted: Wanted, copy: Database, manifest: Manifest) -> Event:
    desk, target = work.desk, wanted.target
    orders = masking_sql.people(mask.account_columns(required_database(desk, target)), wanted.rules)
    ids = mask.account_ids(copy) if orders else []

    def accounts(connection: Any) -> None:
        mask.mask_accounts(connection, wanted.key, masking_sql.FUNCTIONS, orders, ids)

    with temporary.folder() as folder:
        with work.step("dump", "the masked copy"):
            document = replace(archive.taken(desk, target, copy, folder, manifest), policy=wanted.digest)
            held = in_place.source(
                desk, folder, document, scratch.server_major(required_database(desk, target))
            )
        plan = archive.everything(document)
        in_place.replace(desk, target, held, plan, mark=work.id, step=work.step, also=accounts)
        with work.optional_step("analyze", "statistics of the new tables", remedy=in_place.STATISTICS):
            in_place.analyze(desk, target, held)
    rows = sum(document.rows.values())
    known = {"backup": document.id, "policy": wanted.digest, "schema": document.newest, "rows": rows}
    return work.finish(
        "refresh", "done", source=wanted.source.name, reason=work.lock.content.reason, **known
    )


def tidy(desk: Desk, target: Environment) -> None:
    """Drop what stood before each refresh that the ledger has: of this run, and of those that died here.

    Not before it is in the ledger: until then, the schemas aside tell an heir that the run arrived.
    """
    try:
        of_refreshes = [each for each in observe_remote(desk).ledger.events if each.kind == "refresh"]
        runs = {str(each.detail.get("of_run") or each.run) for each in of_refreshes}
        in_place.when_there(desk, lambda: _drop(required_database(desk, target), runs))
    except DeskError as fault:
        desk.progress.note(
            f"warning: it stands aside still: {fault.message}\n"
            f"  | the next refresh drops it, or `invoke db.drop-aside --env {target.name}`"
        )


def _drop(database: Database, runs: set[str]) -> None:
    with session(database) as connection:
        marks = tuple(f"{OLD_SCHEMA_PREFIX}{run}_" for run in runs)
        swap_schemas.drop(
            connection, [name for name, _, _ in swap_schemas.asides(connection) if name.startswith(marks)]
        )


def _document(wanted: Wanted, touched: tuple[Column, ...], *, backup: str | None) -> dict[str, Any]:
    return {
        "environment": wanted.target.name,
        "source": wanted.source.name,
        "backup": backup,
        "masked": {each.path: wanted.rules.of(each) for each in touched},
        "policy": wanted.digest,
    }
