"""`backup`: the database as it is now, in a file that is proven to bring it back."""

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
from scripts.database.backups import catalog, retention, storage, workplace
from scripts.database.backups.catalog import REGULAR, Known
from scripts.database.backups.create import Taken, taken
from scripts.database.backups.dumping import words
from scripts.database.backups.manifest import Kind, Manifest
from scripts.database.backups.request import (
    BackupRequest,
    ListBackupsRequest,
    PruneBackupsRequest,
    VerifyBackupRequest,
)
from scripts.database.backups.store import Store
from scripts.database.backups.verify import demand_no_loss, prove_taken, write_down
from scripts.errors import DeskError, Refused
from scripts.notify import deliver
from scripts.state.ledger import Ledger
from scripts.state.remote import observe_remote


def backup(desk: Desk, request: BackupRequest) -> Outcome:
    """Take it, prove it, write it down."""
    environment = desk.settings.environment(request.env)
    asked = next((each for each in REGULAR if each == request.kind), None)
    if asked is None:
        raise Refused(f"`{request.kind}` is no kind of backup to ask for", f"one of {', '.join(REGULAR)}")
    try:
        return _backed_up(
            desk, environment, asked, proof=request.proof, accept_shrink=request.accept_shrink
        )
    except DeskError as fault:
        deliver.backup_failed(desk, environment, fault)
        raise


def _backed_up(
    desk: Desk, environment: Environment, kind: Kind, *, proof: bool, accept_shrink: bool
) -> Outcome:
    ledger = observe_remote(desk).ledger
    with (
        said(desk, "backup", environment.name),
        taken(desk, environment, kind, ledger.live(environment.name)) as backup,
    ):
        name = backup.manifest.id
        desk.progress.note(f"`{name}` is stored: {summary(backup.manifest)}, {backup.seconds:.1f} s")
        if not proof:
            write_down(desk, ledger.tip, backup, proven=False)
            return Outcome.done(
                f"`{name}` is taken, and not proven: nobody should rely on it yet",
                f"`invoke backup.verify {name} --env {environment.name}`",
                **document(backup, proven=False),
            )
        demand_no_loss(desk, environment, backup, ledger, accept=accept_shrink)
        prove_taken(desk, environment, backup, ledger.tip)
    return Outcome.done(
        f"`{name}` is taken and proven: {summary(backup.manifest)}; restored beside, it is the same",
        **document(backup, proven=True),
    )


def summary(manifest: Manifest) -> str:
    """`12 tables, 3,400 rows, 1.2 MB`."""
    rows = sum(manifest.rows.values())
    return f"{len(manifest.tables)} tables, {rows:,} rows, {words(manifest.bytes)}"


def document(backup: Taken, *, proven: bool) -> dict[str, Any]:
    """What the JSON document says of a backup."""
    manifest = backup.manifest
    return {
        "backup": manifest.id,
        "environment": manifest.environment,
        "path": str(backup.path),
        "bytes": manifest.bytes,
        "proven": proven,
        "rows": manifest.rows,
        "seconds": round(backup.seconds, 2),
        "left_out": [{"what": each.what, "why": each.why} for each in manifest.left_out],
    }


@contextmanager
def said(desk: Desk, name: str, detail: str) -> Iterator[None]:
    """A step of a task that is no release."""
    began, ending = desk.clock(), "failed"
    desk.progress.begin(name, detail)
    try:
        yield
        ending = "done"
    finally:
        desk.progress.end(name, ending, desk.clock() - began)


# `backup.list`: every backup with its age, size, proof and place; `--check` is for the nightly job.


def list_backups(desk: Desk, request: ListBackupsRequest) -> Outcome:
    """Look into every place and into the ledger."""
    settings = desk.settings
    asked = (
        [settings.environment(request.env)] if request.env else [each for each in settings if each.database]
    )
    ledger = observe_remote(desk).ledger
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for environment in asked:
        known = catalog.known(ledger, environment.name)
        there = storage.where(desk, environment)
        rows += [_row(desk, environment, name, stores, known) for name, stores in there.items()]
        if request.check and (request.env or environment.guarded):
            problems += _checked(desk, environment, known, tuple(there))
    if problems:
        listed = "".join(f"\n  | {each}" for each in problems)
        return Outcome.failed(
            f"nobody could rely on the backups:{listed}", "`invoke backup --env ENV`", backups=rows
        )
    return Outcome.done(f"{len(rows)} backup{'' if len(rows) == 1 else 's'}", backups=rows)


def _checked(
    desk: Desk, environment: Environment, known: Mapping[str, Known], there: Sequence[str]
) -> list[str]:
    """What is wrong, told to the team as well."""
    why = catalog.stale(known, desk.now(), desk.settings.backup.max_age, there)
    if why is None:
        return []
    deliver.backup_failed(desk, environment, Refused(why, f"`invoke backup --env {environment.name}`"))
    return [f"{environment.name}: {why}"]


def _row(
    desk: Desk, environment: Environment, name: str, stores: Sequence[Store], known: Mapping[str, Known]
) -> dict[str, Any]:
    told = known.get(name)
    taken = catalog.taken_at(name)
    age = (datetime.fromisoformat(desk.now()) - taken).total_seconds() / 3600
    return {
        "backup": name,
        "environment": environment.name,
        "kind": catalog.kind_of(name),
        "at": taken.isoformat(timespec="seconds"),
        "age_hours": round(age, 1),
        "bytes": told.bytes if told else None,
        "rows": told.rows if told else None,
        "proven": bool(told and told.proven),
        "proven_at": (told.proven or None) if told else None,
        "fault": (told.fault or None) if told else None,
        "places": [each.place for each in stores],
    }


# `backup.verify ID`: a backup that lies there is fetched, restored beside and compared.


def verify_backup(desk: Desk, request: VerifyBackupRequest) -> Outcome:
    """Prove it; the ledger knows the answer afterwards."""
    remote = observe_remote(desk)
    environment = _owner(desk, remote.ledger, request.backup, request.env)
    try:
        with said(desk, "verify", request.backup):
            taken = _proven(
                desk, environment, request.backup, remote.ledger, accept_shrink=request.accept_shrink
            )
    except DeskError as fault:
        deliver.backup_failed(desk, environment, fault)
        raise
    return Outcome.done(
        f"`{request.backup}` is proven: {summary(taken.manifest)}; restored beside, it is the same",
        **document(taken, proven=True),
    )


def _proven(
    desk: Desk, environment: Environment, backup: str, ledger: Ledger, *, accept_shrink: bool
) -> Taken:
    known = catalog.known(ledger, environment.name)
    with storage.fetched(desk, environment, backup, known) as (plain, manifest):
        place = Path(storage.where(desk, environment)[backup][0].place)
        taken = Taken(manifest, plain, place / backup, known[backup].seconds if backup in known else 0.0)
        if manifest.kind in catalog.REGULAR:
            demand_no_loss(desk, environment, taken, ledger, accept=accept_shrink)
        prove_taken(desk, environment, taken, ledger.tip)
    return taken


def _owner(desk: Desk, ledger: Ledger, backup: str, env: str) -> Environment:
    """The environment that it is of: the one that was named, or the one that knows it."""
    if env:
        return desk.settings.environment(env)
    for each in desk.settings:
        if backup in catalog.known(ledger, each.name) or backup in storage.folder(desk, each).ids():
            return each
    raise Refused(f"no environment knows a backup `{backup}`", "`invoke backup.list`; or name one: `--env`")


# `backup.prune`: what nobody needs any more is removed, everywhere; and what was never finished.


UNFINISHED = 24 * 3600.0  # seconds after which an upload without a manifest is one of a dead run


def prune_backups(desk: Desk, request: PruneBackupsRequest) -> Outcome:
    """Say what goes and why the others stay; then ask, and remove."""
    environment = desk.settings.environment(request.env)
    there = storage.where(desk, environment)
    stay = _reasons(desk, environment, tuple(there))
    gone = [each for each in there if each not in stay]
    for name in there:
        desk.progress.note(f"{name}: {'stays, ' + stay[name] if name in stay else 'goes'}")
    data: dict[str, Any] = {"environment": environment.name, "kept": stay, "removed": gone}
    if request.plan:
        return Outcome.done(f"{len(gone)} of {len(there)} backups would go; nothing was changed", **data)
    if gone:
        require_consent(desk.progress, environment.name, yes=request.yes, unchanged="nothing was removed")
    for name in gone:
        for store in reversed(there[name]):  # the far copy first: what is left is at hand
            store.remove(name)
    cleared = _cleared(desk, environment)
    if not gone and not cleared:
        return Outcome.nothing(f"all {len(there)} backups are still wanted", **data)
    more = f"; {len(cleared)} that were never finished too" if cleared else ""
    return Outcome.done(f"{len(gone)} of {len(there)} backups removed{more}", **data, cleared=cleared)


def _reasons(desk: Desk, environment: Environment, ids: tuple[str, ...]) -> dict[str, str]:
    ledger, keep = observe_remote(desk).ledger, desk.settings.backup
    known = catalog.known(ledger, environment.name)
    return retention.reasons(
        catalog.stored(ids, known),
        retention.Kept(keep.keep_daily, keep.keep_weekly, keep.keep_monthly),
        datetime.fromisoformat(desk.now()),
        catalog.needed(ledger, environment.name),
    )


def _cleared(desk: Desk, environment: Environment) -> list[str]:
    gone = workplace.clear(storage.folder(desk, environment).folder)
    far = storage.bucket(desk, environment)
    now = time.time()
    return [*gone, *(far.clear(lambda at: now - at > UNFINISHED) if far else [])]
