"""Proving a backup: restored beside, compared row for row, and the answer written into the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import catalog, equality, storage, toc
from scripts.database.backups import manifest as backups_manifest
from scripts.database.backups.create import Taken, taken
from scripts.database.backups.manifest import Manifest, read
from scripts.database.backups.scratch_copy import restored
from scripts.database.postgres import content, scratch
from scripts.database.postgres.url import Database
from scripts.errors import DeskError, Refused
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import append, observe_remote
from scripts.system.background import submit

READERS = 2  # sessions that sum tables at the same time
SHOWN = 20  # differences that are said


def prove(desk: Desk, environment: Environment, manifest: Manifest, plain: Path) -> None:
    """Restore the plain files into a database that is thrown away, and compare all of it.

    Raises:
        Refused: the copy differs, or there is no server to restore into.
        CommandFailed, Unreachable: it can't be restored.
    """
    desk.progress.note(f"restoring `{manifest.id}` beside, to compare it")
    with restored(desk, environment, plain, manifest) as database:
        found = _content(database, manifest)
        differences = equality.differences(
            manifest,
            json.loads((plain / backups_manifest.SCHEMA).read_bytes()),
            tables={name: (rows, checksum) for name, (rows, checksum, _) in found.tables.items()},
            sequences=found.sequences,
            descending=found.descending,
            extensions=tuple(found.extensions),
            found=found.schema,
            grants=scratch.is_superuser(database),
        )
    if differences:
        more = f"\n  | and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        listed = "".join(f"\n  | {each}" for each in differences[:SHOWN])
        raise Refused(
            f"`{manifest.id}` does not restore to what it was taken of:{listed}{more}",
            "do not rely on it: take another one, and find out why",
        )


def _content(database: Database, manifest: Manifest) -> content.Content:
    """The copy's content, read by several sessions at once: nobody else uses the server."""
    names = sorted(manifest.tables, key=lambda name: manifest.tables[name].bytes, reverse=True)
    shares: list[list[str]] = [[] for _ in range(READERS)]
    loads = [0] * READERS
    for name in names:
        least = loads.index(min(loads))
        shares[least].append(name)
        loads[least] += manifest.tables[name].bytes
    others: list[Future[content.Content]] = [
        submit(content.content, database, ours=_nothing, tables=share) for share in shares[1:]
    ]
    whole = content.content(database, ours=toc.is_apps, tables=shares[0])
    tables = dict(whole.tables)
    for each in others:
        tables |= each.result().tables
    return content.Content(tables, whole.sequences, whole.descending, whole.extensions, whole.schema)


def _nothing(_schema: str) -> bool:
    return False


def prove_taken(
    desk: Desk, environment: Environment, backup: Taken, tip: str | None, release: str = ""
) -> None:
    """Prove what was just taken; either way the ledger knows it afterwards.

    Args:
        environment: the one that it is of.
        backup: what was taken.
        tip: where the ledger was seen last.
        release: the run of the release that it was taken for.

    Raises:
        DeskError: it could not be proven.
    """
    try:
        prove(desk, environment, backup.manifest, backup.plain)
    except DeskError as fault:
        with suppress(DeskError):  # the first fault is the one to say
            write_down(desk, tip, backup, proven=False, release=release, fault=fault)
        raise
    write_down(desk, tip, backup, proven=True, release=release)


def demand_no_loss(
    desk: Desk, environment: Environment, backup: Taken, ledger: Ledger, *, accept: bool
) -> None:
    """A true copy of a database that lost its rows is none to rely on: a person has to say that it is.

    The ledger knows the backup afterwards, as one that is not proven.

    Args:
        environment: the one that it is of.
        backup: what is to be proven.
        ledger: as it was seen last.
        accept: `--accept-shrink` was said: what shrank is told, and counts.

    Raises:
        Refused: tables shrank, and nobody accepted that.
    """
    shrunk = _shrunk(desk, environment, backup.manifest, ledger)
    if not shrunk:
        return
    listed = "".join(f"\n  | {each}" for each in shrunk[:SHOWN])
    if accept:
        desk.progress.note(f"tables shrank, which was accepted:{listed}")
        return
    name = backup.manifest.id
    again = f"`invoke backup.verify {name} --env {environment.name} --accept-shrink`"
    write_down(desk, ledger.tip, backup, proven=False)
    raise Refused(
        f"`{name}` is stored, and does not count as proven: tables shrank:{listed}",
        f"are the rows gone on purpose? {again}",
    )


def _shrunk(desk: Desk, environment: Environment, manifest: Manifest, ledger: Ledger) -> list[str]:
    """By the newest earlier backup whose manifest is there, and is the one that the ledger knows."""
    known, there = catalog.known(ledger, environment.name), storage.where(desk, environment)
    for each in catalog.judged_by(manifest.id, known):
        for store in there.get(each, []):
            with suppress(DeskError):
                before = read(store.manifest(each))
                if before.digest == known[each].digest:
                    return catalog.suspicious(manifest, before)
    return []


def write_down(
    desk: Desk,
    tip: str | None,
    backup: Taken,
    *,
    proven: bool,
    release: str = "",
    fault: DeskError | None = None,
) -> Event:
    """What is known of a backup now, as an event of the ledger; `fault` says why it proves nothing."""
    own, at, manifest = desk.new_id(), desk.now(), backup.manifest
    detail = {
        "backup": manifest.id,
        "manifest": manifest.digest,
        "proven": proven,
        "bytes": manifest.bytes,
        "rows": sum(manifest.rows.values()),
        "seconds": round(backup.seconds, 1),
        "schema": manifest.newest,
        "place": str(backup.path),
        **({"for": release} if release else {}),
        **({"reason": fault.message.splitlines()[0]} if fault else {}),
    }

    def make(_ledger: Ledger) -> Event:
        return Event(
            environment=manifest.environment,
            kind=catalog.EVENT,
            ending="failed" if fault else "done",
            release=manifest.release,
            commit=manifest.commit,
            actor=desk.actor,
            at=at,
            run=own,
            detail=detail,
        )

    return append(desk, tip, make)


# Backups for a restore: the one that is to come, and the one that keeps what goes.


@contextmanager
def fetched(
    desk: Desk, environment: Environment, backup: str, ledger: Ledger
) -> Iterator[tuple[Path, Manifest]]:
    """A backup that the ledger does not know to be bad, plain and checked.

    Raises:
        Refused: there is none of that id, it is damaged, or its proof failed.
    """
    known = catalog.known(ledger, environment.name)
    found = known.get(backup)
    if found and found.fault:
        raise Refused(
            f"`{backup}` was tried, and does not bring back what it was taken of: {found.fault}",
            f"`invoke backup.list --env {environment.name}` shows the proven ones",
        )
    with storage.fetched(desk, environment, backup, known) as (folder, manifest):
        yield folder, manifest


def safety_backup(desk: Desk, environment: Environment) -> str:
    """The present state, proven; returns its id.

    Raises:
        DeskError: it could not be taken, or not be proven.
    """
    ledger = observe_remote(desk).ledger
    with taken(desk, environment, "presafety", ledger.live(environment.name)) as backup:
        prove_taken(desk, environment, backup, ledger.tip)
    return backup.manifest.id
