"""Prove a backup: restore it into a scratch database, compare everything, record it in the ledger."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import catalog, equality, proof_bar, storage, toc
from scripts.database.backups.catalog import BackupRecord
from scripts.database.backups.copies import checked_manifest
from scripts.database.backups.create import Backup, create_backup
from scripts.database.backups.manifest import SCHEMA, Kind, Manifest
from scripts.database.backups.proof_bar import PROOF_STEPS
from scripts.database.backups.scratch_server import archive_in, scratch_copy
from scripts.database.backups.unproven import Unproven, whole_proof
from scripts.database.postgres import scratch
from scripts.database.postgres.content import Content, read_content
from scripts.database.postgres.url import Database
from scripts.errors import BackupFault, CommandFailed, CommandTimedOut, DeskError, Refused
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import observe_remote, record
from scripts.system.background import submit

READERS = 2  # sessions that compute checksums at the same time
SHOWN = 20  # differences that a message lists


def compare_with_copy(
    desk: Desk, environment: Environment, manifest: Manifest, plain: Path, *, accept_partial: bool
) -> Unproven:
    """Restore the plain files into a scratch database, and compare everything; returns what could not be.

    Args:
        accept_partial: a comparison without what depends on extensions that the scratch server lacks
            is enough.

    Raises:
        BackupFault: the copy differs, or the archive does not restore.
        Refused: there is no server to restore into.
        CommandFailed, Unreachable: it can't be restored; or only in part, and nobody accepted that.
    """
    desk.progress.note(f"restoring `{manifest.id}` into a scratch database, to compare it")
    desk.progress.advance(0, 0, "restored into a scratch database, and compared", *PROOF_STEPS)
    lists = toc.classify(archive_in(desk, plain, manifest).contents())
    looks = functools.partial(proof_bar.restoring, desk.progress, manifest)
    with scratch_copy(desk, environment, plain, manifest, looks) as database:
        unproven = Unproven.of(lists, scratch.available_extensions(database))
        copy = _read_copy(database, manifest, proof_bar.comparing(desk.progress, manifest))
        differences = equality.differences(
            manifest,
            json.loads((plain / SCHEMA).read_bytes()),
            copy,
            superuser=scratch.is_superuser(database),
            unproven=unproven,
        )
    if differences:
        more = f"\n  | and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        listed = "".join(f"\n  | {difference}" for difference in differences[:SHOWN])
        raise BackupFault(
            f"`{manifest.id}` does not restore to its original:{listed}{more}",
            "do not rely on it: take another one, and find out why",
        )
    for note in equality.recomputed(manifest, copy):
        desk.progress.note(f"  {note}")
    _tell_unproven(desk, manifest, unproven, accept=accept_partial or desk.settings.backup.partial_proof)
    return unproven


def _tell_unproven(desk: Desk, manifest: Manifest, unproven: Unproven, *, accept: bool) -> None:
    """Say what was not compared.

    Raises:
        CommandFailed: some of it is the app's, and nobody accepted that.
    """
    spare = [f"`{name}`" for name in unproven.extensions if name not in unproven.needed]
    if spare:
        desk.progress.note(f"  not compared, and nothing of the app's needs it: {', '.join(spare)}")
    things = list(unproven.things())
    if not things:
        return
    names = ", ".join(f"`{name}`" for name in unproven.needed)
    more = f"\n  | and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
    shown = "".join(f"\n  | {thing}" for thing in things[:SHOWN])
    said = f"the scratch server lacks {names}, so this was not compared:{shown}{more}"
    if accept:
        desk.progress.note(f"the proof is partial, which was accepted: {said}")
        return
    major = int(manifest.server.partition(".")[0])
    raise CommandFailed(
        f"the proof of `{manifest.id}` is partial: {said}",
        f"{whole_proof(major, unproven.needed)}; to do without: `--accept-partial-proof`,"
        " or `partial_proof = true` in `[backup]` of `pipeline.toml`",
    )


def _read_copy(database: Database, manifest: Manifest, tell: Callable[[str], object]) -> Content:
    """The copy's content, read by several sessions at once: nobody else uses the server."""
    expected = {name: (table.rows, table.checksum) for name, table in manifest.tables.items()}
    first, *others = _shares({name: table.bytes for name, table in manifest.tables.items()}, READERS)
    readings = [
        submit(
            read_content,
            database,
            is_ours=lambda _schema: False,
            tables=share,
            expected=expected,
            tell=tell,
        )
        for share in others
    ]
    whole = read_content(database, is_ours=toc.is_app_schema, tables=first, expected=expected, tell=tell)
    tables, computed = dict(whole.tables), dict(whole.computed)
    for reading in readings:
        tables |= reading.result().tables
        computed |= reading.result().computed
    return replace(whole, tables=tables, computed=computed)


def _shares(sizes: dict[str, int], count: int) -> list[Collection[str]]:
    """The tables in `count` groups of about the same size in bytes."""
    shares: list[list[str]] = [[] for _ in range(count)]
    loads = [0] * count
    for name in sorted(sizes, key=lambda table: sizes[table], reverse=True):
        least = loads.index(min(loads))
        shares[least].append(name)
        loads[least] += sizes[name]
    return [*shares]


def prove_backup(
    desk: Desk,
    environment: Environment,
    backup: Backup,
    tip: str | None,
    release: str = "",
    *,
    accept_partial: bool = False,
) -> tuple[str, ...]:
    """Prove a backup, and record in the ledger that it is proven, or why it is not.

    Returns what the proof could not show, which was accepted. What this machine lacks is no fault of the
    backup: then an earlier proof stands.

    Args:
        environment: the one that the backup is of.
        tip: the ledger's commit when it was read.
        release: the run id of the release that it was taken for.
        accept_partial: see `compare_with_copy`.

    Raises:
        DeskError: it could not be proven.
    """
    try:
        unproven = compare_with_copy(
            desk, environment, backup.manifest, backup.plain, accept_partial=accept_partial
        )
    except BackupFault as fault:
        with suppress(DeskError):  # the first fault is the one to report
            record_backup(desk, tip, backup, proven=False, release=release, fault=fault)
        raise
    except (Refused, CommandFailed, CommandTimedOut):
        if backup.new:
            with suppress(DeskError):
                record_backup(desk, tip, backup, proven=False, release=release)
        raise
    partial = tuple(unproven.things())
    record_backup(desk, tip, backup, proven=True, release=release, partial=partial)
    return partial


def require_no_shrink(
    desk: Desk, environment: Environment, backup: Backup, ledger: Ledger, *, accept: bool
) -> None:
    """Refuse a backup of a database that lost rows, until a person says that this was intended.

    The ledger then records the backup as not proven.

    Args:
        environment: the one that the backup is of.
        backup: what is to be proven.
        ledger: as it was last read.
        accept: `--accept-shrink` was given: what shrank is shown, and accepted.

    Raises:
        BackupFault: tables shrank, and nobody accepted that.
    """
    shrunken = _shrunken_tables(desk, environment, backup.manifest, ledger)
    if not shrunken:
        return
    listed = "".join(f"\n  | {table}" for table in shrunken[:SHOWN])
    if accept:
        desk.progress.note(f"tables shrank, which was accepted:{listed}")
        return
    name = backup.manifest.id
    again = f"`invoke backup.verify {name} --env {environment.name} --accept-shrink`"
    record_backup(desk, ledger.tip, backup, proven=False)
    raise BackupFault(
        f"`{name}` is stored, and does not count as proven: tables shrank:{listed}",
        f"were the rows deleted on purpose? {again}",
    )


def _shrunken_tables(desk: Desk, environment: Environment, manifest: Manifest, ledger: Ledger) -> list[str]:
    """Compared with the newest earlier backup whose manifest is stored, and is the recorded one."""
    records = catalog.records(ledger, environment.name)
    stored = storage.read_stores(desk, environment).backups
    for earlier in catalog.earlier_proven(manifest.id, records):
        for store in stored.get(earlier, []):
            with suppress(DeskError):
                before = checked_manifest(store, environment.name, earlier, records[earlier])
                return catalog.shrunken_tables(manifest, before)
    return []


def record_backup(
    desk: Desk,
    tip: str | None,
    backup: Backup,
    *,
    proven: bool,
    release: str = "",
    fault: DeskError | None = None,
    partial: Sequence[str] = (),
) -> Event:
    """Append an event to the ledger; `fault` is why the proof failed, `partial` what it does not show."""
    manifest = backup.manifest
    detail: dict[str, Any] = {
        "backup": manifest.id,
        "manifest": manifest.digest,
        "proven": proven,
        "bytes": manifest.bytes,
        "rows": sum(manifest.rows.values()),
        "seconds": round(backup.seconds, 1),
        "schema": manifest.newest,
        "place": str(backup.path),
        **({"machine": backup.machine} if backup.machine else {}),
        **({"bucket": backup.bucket} if backup.bucket else {}),
        **({"for": release} if release else {}),
        **({"partial": list(partial)} if partial else {}),
        **({"reason": fault.message.splitlines()[0]} if fault else {}),
    }
    return record(
        desk,
        manifest.environment,
        catalog.EVENT,
        "failed" if fault else "done",
        commit=manifest.commit,
        release=manifest.release,
        tip=tip,
        **detail,
    )


def record_lost(
    desk: Desk, environment: Environment, known: BackupRecord, tip: str | None, why: str
) -> None:
    """Append to the ledger that no intact copy of a recorded backup is left."""
    detail: dict[str, Any] = {"backup": known.id, "manifest": known.digest, "proven": False, "reason": why}
    record(desk, environment.name, catalog.EVENT, "failed", commit="", release="", tip=tip, **detail)


def take_safety_backup(desk: Desk, environment: Environment) -> str:
    """Create and prove a backup of the present state before it is replaced; returns its id.

    A partial proof will do, since the present schemas are kept under other names as well.

    Raises:
        DeskError: it could not be created, or not be proven.
    """
    return take_proven_backup(desk, environment, "presafety")


def take_proven_backup(desk: Desk, environment: Environment, kind: Kind = "manual") -> str:
    """Create and prove a backup, if need be in part; returns its id.

    Raises:
        DeskError: it could not be created, or not be proven.
    """
    ledger = observe_remote(desk).ledger
    with create_backup(desk, environment, kind, ledger.live(environment.name)) as backup:
        prove_backup(desk, environment, backup, ledger.tip, accept_partial=True)
    return backup.manifest.id
