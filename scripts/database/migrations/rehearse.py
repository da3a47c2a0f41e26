"""`db.rehearse`: every rollback script proven on a scratch database, what is pending tried for real."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.backups import catalog, scratch_server
from scripts.database.backups.scratch_copy import restored
from scripts.database.backups.verify import fetched
from scripts.database.migrations import dry_run, measure
from scripts.database.migrations.files import Applied, Migration, compare, migrations_of, rollbacks_of
from scripts.database.migrations.lint import lints
from scripts.database.migrations.measure import Measured
from scripts.database.migrations.rehearsal import Rehearsed, Stage, rehearse
from scripts.database.migrations.rollback_scripts import PROOF, REHEARSAL, proof_digests
from scripts.database.migrations.verdict import Verdict, judge
from scripts.database.postgres import scratch
from scripts.database.postgres.client import Postgres, configured_database
from scripts.database.refresh import archive
from scripts.database.request import RehearseRequest
from scripts.errors import Refused
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import append, observe_remote
from scripts.system.process import quoted_lines


def rehearse_scripts(desk: Desk, request: RehearseRequest) -> Outcome:
    """Rehearse the commit's migrations; what was proven goes to the ledger."""
    environment = desk.settings.environment(request.env)
    remote = observe_remote(desk)
    commit = desk.git.resolve(request.sha, remote.refs) if request.sha else remote.head(environment)
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`", "name a commit: `--sha REV`")
    committed, scripts = migrations_of(desk, commit), rollbacks_of(desk, commit)
    if not committed:
        return Outcome.nothing(f"`{commit[:12]}` has no migrations", commit=commit, migrations=[])
    strays = _strays(committed, scripts)
    results = _play(desk, environment, committed, scripts)
    verdicts = _verdicts(committed, scripts)
    rows = [{**each.document(), **_words(verdicts[each.migration.file])} for each in results]
    data: dict[str, Any] = {"environment": environment.name, "commit": commit, "migrations": rows}
    wrong = [each for each in results if each.pair == "wrong"]
    if wrong or strays:
        said = [f"`{each.migration.file}`: {(each.fault or '').splitlines()[0]}" for each in wrong]
        said += [f"`{name}` has no migration of its version" for name in strays]
        what = "rollback script does" if len(said) == 1 else "rollback scripts do"
        listed = "".join(f"\n  | {each}" for each in said)
        message = f"{len(said)} {what} not bring the schema back:{listed}"
        return Outcome.failed(message, "mend them in a new commit, then rehearse again", **data)
    waiting, found = pending(desk, environment, committed, remote.ledger)
    data["measured"] = [each.document() for each in found]
    digests = proof_digests(committed, scripts)
    proof = {**_proof(digests, rows), "measured": measure.documents(found, waiting)}
    event = _write(desk, environment, commit, remote.ledger.tip, proof)
    return Outcome.done(
        f"{len(committed)} migrations applied, {len(digests)} of them proven to go back"
        f" (`{commit[:12]}`, in the ledger)",
        digest=event.detail["digest"],
        **data,
    )


def _play(
    desk: Desk, environment: Environment, committed: Sequence[Migration], scripts: Sequence[Migration]
) -> list[Rehearsed]:
    binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    results = []
    with (
        scratch_server.folder() as folder,
        scratch_server.server(desk, environment, folder) as server,
        scratch.opened(server, desk.new_id()) as databases,
    ):
        stage = Stage(desk, databases, binary, folder)
        for each in rehearse(stage, committed, scripts):
            results.append(each)
            took = f" in {each.seconds:g} s" if each.seconds is not None else ""
            said = {"missing": "applied, has no rollback script", "proven": "up, down, up: the same schema"}
            desk.progress.note(f"{each.migration.file}: {said.get(each.pair, 'WRONG')}{took}")
            if each.fault:
                desk.progress.note(f"its rollback script leaves a difference:{quoted_lines(each.fault)}")
    return results


def _strays(committed: Sequence[Migration], scripts: Sequence[Migration]) -> list[str]:
    """Scripts that belong to no migration: a slip of the pen in a name."""
    versions = {each.version for each in committed}
    return [each.file for each in scripts if each.version not in versions]


def _verdicts(committed: Sequence[Migration], scripts: Sequence[Migration]) -> dict[str, Verdict]:
    pairs, found = {each.version for each in scripts}, lints(committed) or {}
    return {
        each.file: judge(each.sql, each.version in pairs, found.get(each.file, ())) for each in committed
    }


def _words(verdict: Verdict) -> dict[str, Any]:
    return {"verdict": verdict.word, "reasons": list(verdict.reasons)}


def _proof(digests: dict[str, str], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the ledger keeps: by the digests each script is known again, in whatever commit it stands."""
    timeless = [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
    text = json.dumps(timeless, sort_keys=True).encode("utf-8", "replace")
    return {"what": REHEARSAL, "digest": hashlib.sha256(text).hexdigest(), "pairs": digests}


def _write(
    desk: Desk, environment: Environment, commit: str, tip: str | None, proof: dict[str, Any]
) -> Event:
    run, at = desk.new_id(), desk.now()

    def make(_ledger: Ledger) -> Event:
        return Event(
            environment=environment.name,
            kind=PROOF,
            ending="done",
            release="",
            commit=commit,
            actor=desk.actor,
            at=at,
            run=run,
            detail=proof,
        )

    return append(desk, tip, make)


# What is pending, tried on the real server and on a copy of its last backup; measured for the plan.


def pending(
    desk: Desk, environment: Environment, committed: Sequence[Migration], ledger: Ledger
) -> tuple[list[Migration], list[Measured]]:
    """What waits to be applied there, and what was measured of it.

    Raises:
        ReleaseFailed: one of them fails.
        Refused: one would keep writers out for too long.
        CommandFailed: a table was busy.
    """
    database = configured_database(desk, environment)
    if database is None:
        return [], []
    postgres = Postgres(database)
    rows = [Applied(*row) for row in postgres.history()]
    waiting = list(compare(committed, rows).pending)
    if not waiting:
        return [], []
    copied = _on_a_copy(desk, environment, committed, waiting, ledger)
    with postgres.exclusive(dry_run.WAIT_FOR_LOCK):
        here = dry_run.measured(desk, environment, database, waiting)
    dry_run.refuse_long(desk, environment, here)
    known = {each.file for each in here}
    return waiting, [*here, *(each for each in copied if each.file not in known)]


def _on_a_copy(
    desk: Desk,
    environment: Environment,
    committed: Sequence[Migration],
    waiting: Sequence[Migration],
    ledger: Ledger,
) -> list[Measured]:
    """First in one transaction, to measure; then with the real CLI, those too that no transaction takes."""
    proven = [each.id for each in catalog.known(ledger, environment.name).values() if each.proven]
    if not proven:
        desk.progress.note(f"no proven backup of {environment.name}: not rehearsed on a copy")
        return []
    with (
        fetched(desk, environment, proven[-1], ledger) as (folder, manifest),
        restored(desk, environment, folder, manifest) as copy,
    ):
        able, _ = measure.trials(waiting)
        limit = desk.settings.supabase.push_timeout
        files = [(each.file, each.sql) for each in able]
        done = dry_run.tried(copy, files, lock_timeout=limit, limit=limit)
        began = desk.clock()
        archive.migrate(desk, copy, committed)
        took = desk.clock() - began
        where = f"the copy of {proven[-1]}"
        desk.progress.note(f"{len(waiting)} applied by the CLI in {took:.1f} s on {where}")
    good = [each for each in done if each.fault is None]
    found = [Measured(e.file, where, e.seconds, e.locks, e.rewritten, e.rows) for e in good]
    return list(measure.with_held_locks(found, dict(files)))
