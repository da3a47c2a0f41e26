"""`backup`, `backup.list`, `backup.verify` and `backup.prune`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.backups import catalog, retention, storage
from scripts.database.backups.catalog import REGULAR, BackupRecord
from scripts.database.backups.create import Backup, create_backup
from scripts.database.backups.dumping import readable_size
from scripts.database.backups.manifest import Kind, Manifest
from scripts.database.backups.request import (
    BackupRequest,
    ListBackupsRequest,
    PruneBackupsRequest,
    VerifyBackupRequest,
)
from scripts.database.backups.store import Store
from scripts.database.backups.verify import prove_backup, record_backup, require_no_shrink
from scripts.errors import DeskError, Refused
from scripts.notify import deliver
from scripts.state.ledger import Ledger
from scripts.state.remote import observe_remote

UNFINISHED = 24 * 3600.0  # seconds after which an upload without a manifest is a dead run's


def backup(desk: Desk, request: BackupRequest) -> Outcome:
    """Create a backup, prove it, record it in the ledger."""
    environment = desk.settings.environment(request.env)
    kind = next((regular for regular in REGULAR if regular == request.kind), None)
    if kind is None:
        raise Refused(f"`{request.kind}` is no kind of backup to ask for", f"one of {', '.join(REGULAR)}")
    with _reported(desk, environment):
        return _create(desk, environment, kind, proof=request.proof, accept_shrink=request.accept_shrink)


def _create(
    desk: Desk, environment: Environment, kind: Kind, *, proof: bool, accept_shrink: bool
) -> Outcome:
    ledger = observe_remote(desk).ledger
    with (
        _step(desk, "backup", environment.name),
        create_backup(desk, environment, kind, ledger.live(environment.name)) as created,
    ):
        name = created.manifest.id
        desk.progress.note(f"`{name}` is stored: {summary(created.manifest)}, {created.seconds:.1f} s")
        if not proof:
            record_backup(desk, ledger.tip, created, proven=False)
            return Outcome.done(
                f"`{name}` is stored, but not proven: do not rely on it yet",
                f"`invoke backup.verify {name} --env {environment.name}`",
                **document(created, proven=False),
            )
        require_no_shrink(desk, environment, created, ledger, accept=accept_shrink)
        prove_backup(desk, environment, created, ledger.tip)
    return Outcome.done(
        f"`{name}` is stored and proven: {summary(created.manifest)}; a restored copy is the same",
        **document(created, proven=True),
    )


def summary(manifest: Manifest) -> str:
    """`12 tables, 3,400 rows, 1.2 MB`."""
    rows = sum(manifest.rows.values())
    return f"{len(manifest.tables)} tables, {rows:,} rows, {readable_size(manifest.bytes)}"


def document(backup: Backup, *, proven: bool) -> dict[str, Any]:
    """A backup in the JSON document of a task."""
    manifest = backup.manifest
    return {
        "backup": manifest.id,
        "environment": manifest.environment,
        "path": str(backup.path),
        "bytes": manifest.bytes,
        "proven": proven,
        "rows": manifest.rows,
        "seconds": round(backup.seconds, 2),
        "left_out": [{"what": omitted.what, "why": omitted.why} for omitted in manifest.left_out],
    }


@contextmanager
def _step(desk: Desk, name: str, detail: str) -> Iterator[None]:
    """Show the progress of a step outside of a release."""
    began, ending = desk.clock(), "failed"
    desk.progress.begin(name, detail)
    try:
        yield
        ending = "done"
    finally:
        desk.progress.end(name, ending, desk.clock() - began)


@contextmanager
def _reported(desk: Desk, environment: Environment) -> Iterator[None]:
    """Notify the team if the backup fails."""
    try:
        yield
    except DeskError as fault:
        deliver.backup_failed(desk, environment, fault)
        raise


def list_backups(desk: Desk, request: ListBackupsRequest) -> Outcome:
    """Every backup with its age, size, proof and stores; `--check` is for the nightly job."""
    settings = desk.settings
    environments = (
        [settings.environment(request.env)]
        if request.env
        else [environment for environment in settings if environment.database]
    )
    ledger = observe_remote(desk).ledger
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for environment in environments:
        records = catalog.records(ledger, environment.name)
        stored = storage.stored_backups(desk, environment)
        rows += [_row(desk, environment, name, stores, records) for name, stores in stored.items()]
        if request.check and (request.env or environment.guarded):
            problems += _check_age(desk, environment, records, tuple(stored))
    if problems:
        listed = "".join(f"\n  | {problem}" for problem in problems)
        return Outcome.failed(
            f"the backups can't be relied on:{listed}", "`invoke backup --env ENV`", backups=rows
        )
    return Outcome.done(f"{len(rows)} backup{'' if len(rows) == 1 else 's'}", backups=rows)


def _check_age(
    desk: Desk, environment: Environment, records: Mapping[str, BackupRecord], stored: Sequence[str]
) -> list[str]:
    """Why the newest proven backup is not enough; the team is notified too."""
    why = catalog.why_stale(records, desk.now(), desk.settings.backup.max_age, stored)
    if why is None:
        return []
    deliver.backup_failed(desk, environment, Refused(why, f"`invoke backup --env {environment.name}`"))
    return [f"{environment.name}: {why}"]


def _row(
    desk: Desk,
    environment: Environment,
    name: str,
    stores: Sequence[Store],
    records: Mapping[str, BackupRecord],
) -> dict[str, Any]:
    record = records.get(name)
    taken = catalog.taken_at(name)
    age = (datetime.fromisoformat(desk.now()) - taken).total_seconds() / 3600
    return {
        "backup": name,
        "environment": environment.name,
        "kind": catalog.kind_of(name),
        "at": taken.isoformat(timespec="seconds"),
        "age_hours": round(age, 1),
        "bytes": record.bytes if record else None,
        "rows": record.rows if record else None,
        "proven": bool(record and record.proven),
        "proven_at": (record.proven or None) if record else None,
        "fault": (record.fault or None) if record else None,
        "places": [store.place for store in stores],
    }


def verify_backup(desk: Desk, request: VerifyBackupRequest) -> Outcome:
    """Fetch a stored backup, prove it again, record the result in the ledger."""
    ledger = observe_remote(desk).ledger
    environment = _environment_of(desk, ledger, request.backup, request.env)
    with _reported(desk, environment), _step(desk, "verify", request.backup):
        fetched = _prove_stored(
            desk, environment, request.backup, ledger, accept_shrink=request.accept_shrink
        )
    return Outcome.done(
        f"`{request.backup}` is proven: {summary(fetched.manifest)}; a restored copy is the same",
        **document(fetched, proven=True),
    )


def _prove_stored(
    desk: Desk, environment: Environment, name: str, ledger: Ledger, *, accept_shrink: bool
) -> Backup:
    records = catalog.records(ledger, environment.name)
    with storage.fetch_files(desk, environment, name, records) as (plain, manifest):
        place = Path(storage.stored_backups(desk, environment)[name][0].place)
        fetched = Backup(manifest, plain, place / name, records[name].seconds if name in records else 0.0)
        if manifest.kind in REGULAR:
            require_no_shrink(desk, environment, fetched, ledger, accept=accept_shrink)
        prove_backup(desk, environment, fetched, ledger.tip)
    return fetched


def _environment_of(desk: Desk, ledger: Ledger, name: str, env: str) -> Environment:
    """The environment that was named, or the one whose ledger or folder has the backup."""
    if env:
        return desk.settings.environment(env)
    for environment in desk.settings:
        recorded = catalog.records(ledger, environment.name)
        if name in recorded or name in storage.folder_store(desk, environment).ids():
            return environment
    raise Refused(f"no environment has a backup `{name}`", "`invoke backup.list`; or name one: `--env`")


def prune_backups(desk: Desk, request: PruneBackupsRequest) -> Outcome:
    """Show what is removed and why the others are kept; ask, and remove, also what was never finished."""
    environment = desk.settings.environment(request.env)
    stored = storage.stored_backups(desk, environment)
    kept = _reasons_to_keep(desk, environment, tuple(stored))
    removed = [name for name in stored if name not in kept]
    for name in stored:
        desk.progress.note(f"{name}: {'kept, ' + kept[name] if name in kept else 'removed'}")
    data: dict[str, Any] = {"environment": environment.name, "kept": kept, "removed": removed}
    if request.plan:
        return Outcome.done(
            f"{len(removed)} of {len(stored)} backups would be removed; nothing was changed", **data
        )
    if removed:
        require_consent(desk.progress, environment.name, yes=request.yes, unchanged="nothing was removed")
    for name in removed:
        for store in reversed(stored[name]):  # if it is interrupted, the nearest copy is left
            store.remove(name)
    cleared = _clear_unfinished(desk, environment)
    if not removed and not cleared:
        return Outcome.nothing(f"all {len(stored)} backups are still wanted", **data)
    more = f"; {len(cleared)} unfinished ones too" if cleared else ""
    return Outcome.done(f"{len(removed)} of {len(stored)} backups removed{more}", **data, cleared=cleared)


def _reasons_to_keep(desk: Desk, environment: Environment, ids: tuple[str, ...]) -> dict[str, str]:
    ledger, keep = observe_remote(desk).ledger, desk.settings.backup
    return retention.reasons(
        catalog.for_retention(ids, catalog.records(ledger, environment.name)),
        retention.KeepRules(keep.keep_daily, keep.keep_weekly, keep.keep_monthly),
        datetime.fromisoformat(desk.now()),
        catalog.needed_by_releases(ledger, environment.name),
    )


def _clear_unfinished(desk: Desk, environment: Environment) -> list[str]:
    """Remove what killed runs left in the stores; returns names."""
    cleared = storage.folder_store(desk, environment).clear()
    bucket = storage.bucket_store(desk, environment)
    now = time.time()
    return [*cleared, *(bucket.clear(lambda at: now - at > UNFINISHED) if bucket else [])]
