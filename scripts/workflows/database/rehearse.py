"""`db.rehearse`: every rollback script proven on a scratch database, what is pending tried for real."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from scripts.adapters.database import scratch, supabase
from scripts.domain.database import measure
from scripts.domain.database.migrations import Migration
from scripts.domain.database.pairs import PROOF, REHEARSAL, proof_digests
from scripts.domain.database.verdict import Verdict, judge
from scripts.domain.outcome import Outcome
from scripts.domain.release.ledger import Event, Ledger
from scripts.domain.settings import Environment
from scripts.errors import Refused
from scripts.shell.runner import quoted
from scripts.workflows.database import scratch_server
from scripts.workflows.database.rehearsal import Rehearsed, Stage, rehearse
from scripts.workflows.database.rehearse_pending import pending
from scripts.workflows.database.schema_facts import lints, rollbacks_of
from scripts.workflows.release.observe import migrations_of, observe_remote
from scripts.workflows.run.record import append
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str, sha: str | None) -> Outcome:
    """Rehearse the commit's migrations; what was proven goes to the ledger."""
    environment = tools.settings.environment(env)
    remote = observe_remote(tools)
    commit = tools.git.resolve(sha, remote.refs) if sha else remote.head(environment)
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`", "name a commit: `--sha REV`")
    committed, scripts = migrations_of(tools, commit), rollbacks_of(tools, commit)
    if not committed:
        return Outcome.nothing(f"`{commit[:12]}` has no migrations", commit=commit, migrations=[])
    strays = _strays(committed, scripts)
    results = _play(tools, environment, committed, scripts)
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
    waiting, found = pending(tools, environment, committed, remote.ledger)
    data["measured"] = [each.document() for each in found]
    digests = proof_digests(committed, scripts)
    proof = {**_proof(digests, rows), "measured": measure.documents(found, waiting)}
    event = _write(tools, environment, commit, remote.ledger.tip, proof)
    return Outcome.done(
        f"{len(committed)} migrations applied, {len(digests)} of them proven to go back"
        f" (`{commit[:12]}`, in the ledger)",
        digest=event.detail["digest"],
        **data,
    )


def _play(
    tools: Toolbox, environment: Environment, committed: Sequence[Migration], scripts: Sequence[Migration]
) -> list[Rehearsed]:
    binary = supabase.find(tools.git.folder, tools.settings.supabase.cli)
    results = []
    with (
        scratch_server.folder() as folder,
        scratch_server.server(tools, environment, folder) as server,
        scratch.opened(server, tools.new_id()) as databases,
    ):
        stage = Stage(tools, databases, binary, folder)
        for each in rehearse(stage, committed, scripts):
            results.append(each)
            took = f" in {each.seconds:g} s" if each.seconds is not None else ""
            said = {"missing": "applied, has no rollback script", "proven": "up, down, up: the same schema"}
            tools.progress.note(f"{each.migration.file}: {said.get(each.pair, 'WRONG')}{took}")
            if each.fault:
                tools.progress.note(f"its rollback script leaves a difference:{quoted(each.fault)}")
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
    tools: Toolbox, environment: Environment, commit: str, tip: str | None, proof: dict[str, Any]
) -> Event:
    run, at = tools.new_id(), tools.now()

    def make(_ledger: Ledger) -> Event:
        return Event(
            environment=environment.name,
            kind=PROOF,
            ending="done",
            release="",
            commit=commit,
            actor=tools.actor,
            at=at,
            run=run,
            detail=proof,
        )

    return append(tools, tip, make)
