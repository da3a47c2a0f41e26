"""`backup`, `backup.list`, `backup.verify` and `backup.prune`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.backups import catalog, retention, storage, survey
from scripts.database.backups.catalog import REGULAR, BackupRecord
from scripts.database.backups.copies import look_at
from scripts.database.backups.create import Backup, create_backup
from scripts.database.backups.dumping import readable_size
from scripts.database.backups.manifest import Kind, Manifest
from scripts.database.backups.repair import repair
from scripts.database.backups.request import (
    BackupRequest,
    ListBackupsRequest,
    PruneBackupsRequest,
    VerifyBackupRequest,
)
from scripts.database.backups.survey import Survey
from scripts.database.backups.verify import (
    compare_with_copy,
    prove_backup,
    record_backup,
    record_lost,
    require_no_shrink,
)
from scripts.database.postgres.driver import prepare
from scripts.errors import BackupFault, ConfigError, DeskError, Refused, UsageError
from scripts.notify import deliver
from scripts.state.ledger import Ledger
from scripts.state.remote import KnownLedger, known_ledger, observe_remote
from scripts.state.remote import record as record_event
from scripts.system.near import guess
from scripts.system.signals import Stop
from scripts.system.text import listed

UNFINISHED = 24 * 3600.0  # seconds after which an upload without a manifest is a dead run's


def backup(desk: Desk, request: BackupRequest) -> Outcome:
    """Create a backup, prove it, record it in the ledger."""
    environment = desk.settings.environment(request.env)
    kind = next((regular for regular in REGULAR if regular == request.kind), None)
    if kind is None:
        kinds = " or ".join(f"`--kind {each}`" for each in REGULAR)
        raise UsageError(f"`{request.kind}` is no kind of backup to ask for", kinds)
    with _reported(desk, environment, scheduled=kind == "daily"), _told(desk, environment):
        return _create(desk, environment, kind, request)


def _create(desk: Desk, environment: Environment, kind: Kind, request: BackupRequest) -> Outcome:
    prepare()
    ledger = observe_remote(desk).ledger
    with (
        _step(desk, "backup", environment.name),
        create_backup(desk, environment, kind, ledger.live(environment.name)) as created,
    ):
        name = created.manifest.id
        desk.progress.note(f"`{name}` is stored: {summary(created.manifest)}, {created.seconds:.1f} s")
        if not request.proof:
            record_backup(desk, ledger.tip, created, proven=False)
            return Outcome.done(
                f"`{name}` is stored, but not proven: do not rely on it yet",
                f"`invoke backup.verify {name} --env {environment.name}`",
                **document(created, proven=False),
            )
        require_no_shrink(desk, environment, created, ledger, accept=request.accept_shrink)
        partial = prove_backup(
            desk, environment, created, ledger.tip, accept_partial=request.accept_partial_proof
        )
    return Outcome.done(
        f"`{name}` is stored and proven: {summary(created.manifest)}; {_shown(partial)}",
        **document(created, proven=True),
        partial=list(partial),
    )


@contextmanager
def _told(desk: Desk, environment: Environment) -> Iterator[None]:
    """An interruption says whether a backup is stored, by the folder as it is then."""
    store, name = storage.folder_store(desk, environment), environment.name
    before = {*store.ids()}
    try:
        yield
    except Stop as stop:
        new = max({*store.ids()} - before, default="")
        proof = f"`{new}` is stored, and `invoke backup.verify {new} --env {name}` proves it"
        stop.args = (f"{stop}: {proof if new else 'no backup was stored'}",)
        raise


def _shown(partial: Sequence[str]) -> str:
    """What the proof has shown."""
    without = f", but for {len(partial)} things that were not compared" if partial else ""
    return f"a restored copy is the same{without}"


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
def _reported(desk: Desk, environment: Environment, *, scheduled: bool = False) -> Iterator[None]:
    """Notify the team of a fault of a backup; of a scheduled one, whatever it is.

    Any other fault is the caller's: a missing key, a wrong id, a program that is not installed.
    """
    try:
        yield
    except DeskError as fault:
        if scheduled or isinstance(fault, BackupFault):
            deliver.backup_failed(desk, environment, fault)
        raise


def list_backups(desk: Desk, request: ListBackupsRequest) -> Outcome:
    """Every backup with its age, size, proof and copies; `--check` is for the nightly job."""
    settings = desk.settings
    environments = (
        [settings.environment(request.env)]
        if request.env
        else [environment for environment in settings if environment.database]
    )
    known, checked = known_ledger(desk), request.check or request.deep
    problems = [known.warning] if known.doubt else []
    rows: list[dict[str, Any]] = []
    for environment in environments:
        found = survey.survey(desk, environment, known.ledger, deep=request.deep)
        rows += [survey.row(desk, environment, each) for each in found.backups]
        if checked and (request.env or environment.guarded):
            problems += [f"{environment.name}: {each}" for each in _check(desk, found, known)]
        else:
            storage.warn_of_unreadable(desk, found.shelf)
    if checked and problems:
        return Outcome.failed(
            f"the backups can't be relied on:{listed(problems)}",
            _remedy(environments),
            backups=rows,
            problems=problems,
        )
    if known.doubt:
        desk.progress.note(f"warning: {known.warning}")
    count = f"{len(rows)} backup{'' if len(rows) == 1 else 's'}"
    return Outcome.done(count, backups=rows, problems=problems)


def _remedy(environments: Sequence[Environment]) -> str:
    name = environments[0].name if len(environments) == 1 else "ENV"
    return (
        f"`invoke backup.verify ID --env {name} --repair` copies an intact one to where it is missing, or"
        f" records that none is left; a new one: `invoke backup --env {name}`"
    )


def _check(desk: Desk, found: Survey, known: KnownLedger) -> list[str]:
    """What is wrong with an environment's backups; the team is notified too."""
    environment = found.environment
    records = catalog.records(known.ledger, environment.name)
    stale = catalog.why_stale(records, desk.now(), desk.settings.backup.max_age, found.intact)
    problems = [*([stale, *_out_of_reach(found)] if stale else []), *found.problems()]
    if not problems:
        return []
    if known.doubt or found.shelf.unreadable:
        title = "THE BACKUPS CAN'T BE CHECKED"
    else:
        title = "NO PROVEN BACKUP" if stale else "A BACKUP IS DAMAGED OR LOST"
    fault = Refused("\n".join(problems), f"`invoke backup --env {environment.name}`")
    if not any(isinstance(why, ConfigError) for why in found.shelf.unreadable.values()):
        deliver.backup_failed(desk, environment, fault, title)
    return problems


def _out_of_reach(found: Survey) -> list[str]:
    """The newest proven backup, if it is on another machine alone."""
    newest = next((each for each in reversed(found.backups) if each.record and each.record.proven), None)
    if newest is None or newest.record is None or newest.intact:
        return []
    elsewhere = any(copy.state == "elsewhere" for copy in newest.copies)
    return [storage.not_usable(newest.record)] if elsewhere else []


def verify_backup(desk: Desk, request: VerifyBackupRequest) -> Outcome:
    """Fetch a stored backup, prove it again, record the result in the ledger if that can be reached."""
    known = known_ledger(desk)
    if request.backup == storage.NEWEST:
        request = replace(
            request, backup=storage.newest_recorded(known.ledger, desk.settings.environment(request.env))
        )
    environment = _environment_of(desk, known.ledger, request.backup, request.env)
    with _reported(desk, environment), _step(desk, "verify", request.backup):
        fetched, partial = _prove_stored(desk, environment, known, request)
    document_ = document(fetched, proven=True) | {"recorded": known.doubt is None, "partial": list(partial)}
    message = f"`{request.backup}` is proven: {summary(fetched.manifest)}; {_shown(partial)}"
    if known.doubt:
        message += f"\n  | this is not recorded: {known.warning}"
    return Outcome.done(message, **document_)


def _prove_stored(
    desk: Desk, environment: Environment, known: KnownLedger, request: VerifyBackupRequest
) -> tuple[Backup, tuple[str, ...]]:
    """The backup, and what its proof could not show."""
    name, tip = request.backup, known.ledger.tip
    record = catalog.records(known.ledger, environment.name).get(name)
    with ExitStack() as stack:
        try:
            files = storage.fetch_files(desk, environment, name, {name: record} if record else {})
            plain, manifest = stack.enter_context(files)
        except BackupFault as fault:
            if record and not known.doubt:
                record_lost(desk, environment, record, tip, fault.message.splitlines()[0])
            raise
        if request.repair:
            repair(desk, environment, name, record)
        fetched, accepted = (
            _fetched(desk, environment, manifest, plain, record),
            request.accept_partial_proof,
        )
        if known.doubt:
            found = compare_with_copy(desk, environment, manifest, plain, accept_partial=accepted)
            return fetched, tuple(found.things())
        if manifest.kind in REGULAR:
            accept = request.accept_shrink
            require_no_shrink(desk, environment, fetched, known.ledger, accept=accept)
        return fetched, prove_backup(desk, environment, fetched, tip, accept_partial=accepted)


def _fetched(
    desk: Desk, environment: Environment, manifest: Manifest, plain: Path, record: BackupRecord | None
) -> Backup:
    """A stored backup, and the places that have an intact copy of it."""
    name, folder = manifest.id, storage.folder_store(desk, environment)
    places = [
        store.place
        for store in storage.read_stores(desk, environment).backups.get(name, [])
        if look_at(store, environment.name, name, record).state == "intact"
    ]
    here = folder.place in places
    bucket = next((place for place in places if place != folder.place), "")
    return Backup(
        manifest,
        plain,
        folder.folder / name if here else f"{bucket}{name}",
        record.seconds if record else 0.0,
        machine=storage.this_machine(desk) if here else "",
        bucket=bucket,
        new=record is None,
    )


def _environment_of(desk: Desk, ledger: Ledger, name: str, env: str) -> Environment:
    """The environment that was named, or the one whose ledger, folder or bucket has the backup."""
    if env:
        return desk.settings.environment(env)
    for environment in desk.settings:
        if name in catalog.records(ledger, environment.name):
            return environment
    for environment in desk.settings:
        if name in storage.read_stores(desk, environment).backups:
            return environment
    known = [each for environment in desk.settings for each in catalog.records(ledger, environment.name)]
    raise Refused(
        f"no environment has a backup `{name}`", f"{guess(name, known)}`invoke backup.list` shows them"
    )


def prune_backups(desk: Desk, request: PruneBackupsRequest) -> Outcome:
    """Show what is removed and why the others are kept; ask, and remove, also what was never finished."""
    environment = desk.settings.environment(request.env)
    ledger = observe_remote(desk).ledger
    found = survey.survey(desk, environment, ledger)
    storage.require_readable(found.shelf)
    stored = found.shelf.backups
    kept = _reasons_to_keep(desk, found, ledger)
    removed = [name for name in stored if name not in kept]
    for name in stored:
        desk.progress.note(f"{name}: {'kept, ' + kept[name] if name in kept else 'removed'}")
    data: dict[str, Any] = {"environment": environment.name, "kept": kept, "removed": removed}
    if request.plan:
        return Outcome.done(
            f"{len(removed)} of {len(stored)} backups would be removed; nothing was changed", **data
        )
    if removed:
        require_consent(desk.progress, environment, yes=request.yes, unchanged="nothing was removed")
        record_event(desk, environment.name, catalog.PRUNED, tip=ledger.tip, removed=removed)
    for name in removed:
        for store in reversed(stored[name]):  # if it is interrupted, the nearest copy is left
            store.remove(name)
    cleared = _clear_unfinished(desk, environment, ledger)
    if not removed and not cleared:
        return Outcome.nothing(f"all {len(stored)} backups are still wanted", **data)
    more = f"; {len(cleared)} unfinished ones too" if cleared else ""
    return Outcome.done(f"{len(removed)} of {len(stored)} backups removed{more}", **data, cleared=cleared)


def _reasons_to_keep(desk: Desk, found: Survey, ledger: Ledger) -> dict[str, str]:
    """By id; a proven backup of which no intact copy is left is not taken for proven."""
    name, keep = found.environment.name, desk.settings.backup
    records = catalog.records(ledger, name)
    intact = {backup: record for backup, record in records.items() if backup in found.intact}
    return retention.reasons(
        catalog.for_retention(tuple(found.shelf.backups), intact),
        retention.KeepRules(keep.keep_daily, keep.keep_weekly, keep.keep_monthly),
        datetime.fromisoformat(desk.now()),
        catalog.needed_by_releases(ledger, name),
    )


def _clear_unfinished(desk: Desk, environment: Environment, ledger: Ledger) -> list[str]:
    """Remove what killed runs left in the stores; returns names."""
    cleared = storage.folder_store(desk, environment).clear()
    bucket, known = storage.bucket_store(desk, environment), catalog.records(ledger, environment.name)
    now = time.time()
    return [*cleared, *(bucket.clear(lambda at: now - at > UNFINISHED, known) if bucket else [])]
