"""`db.rehearse`: prove each rollback script on a scratch database: up, down, compare, up again.

What is pending on the environment gets a dry run as well. Proofs and measurements go to the ledger.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database import supabase
from scripts.database.migrations import generated_types, measurements
from scripts.database.migrations.apply import ScratchProject, scratch_project
from scripts.database.migrations.dry_run import dry_run_pending
from scripts.database.migrations.files import Migration, folder_of, rollbacks_of
from scripts.database.migrations.judge import Judge
from scripts.database.migrations.lint import lints
from scripts.database.migrations.rollback_scripts import PROOF, REHEARSAL, proof_digests
from scripts.database.migrations.statements import unfit
from scripts.database.migrations.verdict import judge
from scripts.database.postgres.client import Postgres
from scripts.database.postgres.url import Database
from scripts.database.request import RehearseRequest
from scripts.database.sql.schema import Schema
from scripts.errors import CommandFailed, Refused
from scripts.state.remote import observe_remote, record
from scripts.system.process import quoted_lines, run
from scripts.system.text import listed

WORK, BEFORE = "work", "before"  # the two scratch databases: migrated, and as it was before
LONGEST_DIFFERENCE = 30  # lines that are shown

Result = Literal["proven", "wrong", "missing"]


@dataclass(frozen=True)
class Rehearsed:
    """One migration, and what its rollback script proved to be.

    Args:
        seconds: of the push of this file alone; None for those before the first script.
        fault: what the script left different, or why it failed.
    """

    migration: Migration
    result: Result
    seconds: float | None = None
    fault: str | None = None

    def document(self) -> dict[str, Any]:
        """{"version", "file", "pair", "seconds", "fault"}."""
        return {
            "version": self.migration.version,
            "file": self.migration.file,
            "pair": self.result,
            "seconds": self.seconds,
            "fault": self.fault,
        }


def rehearse(
    project: ScratchProject, committed: Sequence[Migration], scripts: Sequence[Migration]
) -> Iterator[Rehearsed]:
    """Each migration in order; those before the first script are applied in one go.

    Raises:
        ReleaseFailed: a migration can't be applied.
    """
    by_version = {script.version: script for script in scripts}
    paired = [place for place, migration in enumerate(committed) if migration.version in by_version]
    first = paired[0] if paired else len(committed)
    work = project.fresh(WORK)
    if first:
        project.push(work, committed[:first])
    yield from (Rehearsed(migration, "missing") for migration in committed[:first])
    for place, migration in enumerate(committed[first:], first + 1):
        script = by_version.get(migration.version)
        if script is None:
            yield Rehearsed(migration, "missing", project.push(work, committed[:place]))
            continue
        before = project.databases.copy(work.name, BEFORE)
        seconds = project.push(work, committed[:place])
        fault = undo(project, work, before, script)
        if fault:
            project.databases.copy(before.name, WORK)
        project.push(work, committed[:place])  # what was undone must apply again
        yield Rehearsed(migration, "wrong" if fault else "proven", seconds, fault)


def undo(project: ScratchProject, work: Database, before: Database, script: Migration) -> str | None:
    """Run a rollback script as a rollback would, and compare; returns what is wrong with it."""
    word = unfit(script.sql)
    if word:
        return f"it holds `{word}`: all scripts run in one transaction"
    limits, orders = project.desk.settings.supabase, [(script.version, script.sql)]
    try:
        Postgres(work).undo(orders, lock_timeout=limits.lock_timeout, timeout=limits.push_timeout)
    except CommandFailed as error:
        return error.message
    with supabase.cli_with_migrations(project.binary, {}, project.folder) as cli:
        difference = supabase.difference(cli, before, work)
    names = sorted(Postgres(before).catalogue() ^ Postgres(work).catalogue())
    return shortened(difference) or (f"other names than before: {', '.join(names)}" if names else None)


def shortened(text: str) -> str:
    """The first lines of a difference, without blank ones."""
    lines = [line for line in text.splitlines() if line.strip()]
    more = f"\n... and {len(lines) - LONGEST_DIFFERENCE} more lines"
    return "\n".join(lines[:LONGEST_DIFFERENCE]) + (more if len(lines) > LONGEST_DIFFERENCE else "")


def rehearse_scripts(desk: Desk, request: RehearseRequest) -> Outcome:
    """Rehearse the commit's migrations; what was proven goes to the ledger."""
    environment = desk.settings.environment(request.env)
    remote = observe_remote(desk)
    commit = desk.git.resolve(request.sha, remote.refs) if request.sha else remote.head(environment)
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`", "name a commit: `--sha REV`")
    folder, scripts = folder_of(desk, commit), rollbacks_of(desk, commit)
    committed = folder.migrations
    for fault in folder.faults:
        desk.progress.note(f"not tried as it was meant: {fault}")
    types = desk.settings.supabase.types
    if not committed:
        return Outcome.nothing(f"`{commit[:12]}` has no migrations", commit=commit, migrations=[])
    written = desk.git.read_file(commit, types) or "" if types else None
    results, unfit_types = _rehearse(desk, environment, committed, scripts, written)
    rows = _rows(results, scripts)
    data: dict[str, Any] = {"environment": environment.name, "commit": commit, "migrations": rows}
    data["annotations"] = list(_annotations(desk, rows, remote.head(environment)))
    refused = _refused(data, types, list(script_faults(results, committed, scripts)), unfit_types)
    if refused:
        return refused
    if request.scratch:
        where = f"on a scratch database (`{commit[:12]}`, not recorded)"
        return Outcome.done(f"{len(committed)} migrations applied {where}", **data)
    pending, measured = dry_run_pending(desk, environment, committed, remote.ledger)
    data["measured"] = [measurement.document() for measurement in measured]
    digests = proof_digests(committed, scripts)
    detail = {**proof(digests, rows), "measured": measurements.documents(measured, pending)}
    event = record(
        desk, environment.name, PROOF, commit=commit, release="", tip=remote.ledger.tip, **detail
    )
    return Outcome.done(
        f"{len(committed)} migrations applied, {len(digests)} rollback scripts proven"
        f" (`{commit[:12]}`, in the ledger)",
        digest=event.detail["digest"],
        **data,
    )


def _refused(data: dict[str, Any], types: str, faults: list[str], unfit_types: list[str]) -> Outcome | None:
    """Why the commit is not as it should be; None where it is."""
    if faults:
        what = "rollback script does" if len(faults) == 1 else "rollback scripts do"
        message = f"{len(faults)} {what} not bring the schema back:{listed(faults)}"
        return Outcome.failed(message, "fix them in a new commit, then rehearse again", **data)
    if unfit_types:
        row = {"file": types, "line": 1, "severity": "error", "rule": "generated types"}
        data["annotations"].append({**row, "message": "; ".join(unfit_types)})
        message = f"`{types}` does not fit the migrations:{listed(unfit_types)}"
        return Outcome.failed(message, "generate it again with `supabase gen types`, and commit it", **data)
    return None


def _rehearse(
    desk: Desk,
    environment: Environment,
    committed: Sequence[Migration],
    scripts: Sequence[Migration],
    types: str | None,
) -> tuple[list[Rehearsed], list[str]]:
    """What became of each migration, and where the app's generated types do not fit them."""
    results = []
    words = {"missing": "applied, has no rollback script", "proven": "up, down, up: the same schema"}
    with scratch_project(desk, environment) as project:
        for rehearsed in rehearse(project, committed, scripts):
            results.append(rehearsed)
            took = f" in {rehearsed.seconds:g} s" if rehearsed.seconds is not None else ""
            desk.progress.note(f"{rehearsed.migration.file}: {words.get(rehearsed.result, 'WRONG')}{took}")
            if rehearsed.fault:
                details = quoted_lines(rehearsed.fault)
                desk.progress.note(f"its rollback script leaves a difference:{details}")
        return results, [] if types is None else list(_unfit_types(project, types))


def _unfit_types(project: ScratchProject, committed: str) -> Iterator[str]:
    """The differences between the committed types and those of the migrated database."""
    has = generated_types.read_types(committed)
    if not has:
        yield "no `Database` type can be read in it"
        return
    work = replace(project.databases.server, name=project.databases.full_name(WORK))
    with supabase.cli_with_migrations(project.binary, {}, project.folder) as cli:
        printed = run(cli.gen_types(work, generated_types.schemas(has)))
    yield from generated_types.differences(has, generated_types.read_types(printed.text))


def script_faults(
    results: Sequence[Rehearsed], committed: Sequence[Migration], scripts: Sequence[Migration]
) -> Iterator[str]:
    """Scripts that are wrong, and scripts whose version is no migration's: a slip in a name."""
    for rehearsed in results:
        if rehearsed.result == "wrong":
            yield f"`{rehearsed.migration.file}`: {(rehearsed.fault or '').splitlines()[0]}"
    versions = {migration.version for migration in committed}
    for script in scripts:
        if script.version not in versions:
            yield f"`{script.file}` has no migration of its version"


def _rows(results: Sequence[Rehearsed], scripts: Sequence[Migration]) -> list[dict[str, Any]]:
    """Each migration's result and verdict, as the task's JSON."""
    undoable = {script.version for script in scripts}
    found = lints([rehearsed.migration for rehearsed in results]) or {}
    rows, knowing = [], Judge(Schema())
    for rehearsed in results:
        migration = rehearsed.migration
        has_script = migration.version in undoable
        verdict = judge(migration.sql, has_script, found.get(migration.file, ()), knowing)
        knowing.schema.settle()  # each file as a release of its own
        judged = {"verdict": verdict.word, "reasons": list(verdict.reasons), "line": verdict.line}
        rows.append({**rehearsed.document(), **judged})
    return rows


def _annotations(
    desk: Desk, rows: Sequence[Mapping[str, Any]], head: str | None
) -> Iterator[dict[str, Any]]:
    """The verdicts on migrations that the environment's branch lacks: a CI job puts them on their lines."""
    there = {each.file for each in folder_of(desk, head).migrations} if head else set()
    for row in rows:
        if row["file"] not in there:
            why = f": {'; '.join(row['reasons'])}" if row["reasons"] else ""
            yield {
                "file": f"{desk.settings.app.migrations.strip('/')}/{row['file']}",
                "line": row["line"],
                "severity": "notice" if row["verdict"] == "compatible" else "warning",
                "rule": f"migration: {row['verdict']}",
                "message": f"{row['verdict']}{why}",
            }


def proof(digests: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the ledger keeps. A script that has the same digest in another commit is proven there too."""
    timeless = [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
    text = json.dumps(timeless, sort_keys=True).encode("utf-8", "replace")
    return {"what": REHEARSAL, "digest": hashlib.sha256(text).hexdigest(), "pairs": dict(digests)}
