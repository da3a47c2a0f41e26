"""The step `functions`: deploy the Edge Functions that differ, read them back; and put them back again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.database.edge_functions.changes import Change, FunctionFacts, missing
from scripts.database.edge_functions.deployed import functions_of
from scripts.database.edge_functions.record import Deployed, record_of, recorded_at, row_of
from scripts.database.edge_functions.sources import Sources, sources_of
from scripts.errors import CommandFailed, DeskError, LiveUnknown
from scripts.release.plan import Plan
from scripts.release.run import ReleaseRun
from scripts.secrets.project import ref_of
from scripts.state.ledger import Event


def ready(desk: Desk, plan: Plan) -> None:
    """Check that the functions could be deployed, before anything changes.

    Raises:
        Refused: there are some, and the Supabase CLI is not where it should be.
    """
    if plan.functions:
        supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)


def deploy(run: ReleaseRun) -> None:
    """Deploy those of the plan; believe only the list that is read afterwards.

    Raises:
        ReleaseFailed: the source of one can't be bundled.
        CommandFailed, CommandTimedOut: the CLI or the project failed; some may be deployed.
    """
    changes = run.plan.functions
    if not changes:
        return
    facts = run.plan.facts.functions
    with run.step("functions", _names(changes)):
        run.records = dict(facts.records)
        _deploy(run, facts.sources, changes, facts.deployed or {})


def _deploy(
    run: ReleaseRun, sources: Sources, changes: Sequence[Change], before: Mapping[str, Deployed]
) -> None:
    """Deploy and read back; what is not known to have arrived is in no record.

    The lock holds what was there before: whoever resumes can tell what this run has changed.
    """
    desk, records = run.desk, run.records if run.records is not None else {}
    binary = supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
    project = functions_of(desk, run.environment)
    rows = {each.name: before.get(each.name) for each in changes}
    noted = {name: asdict(row) if row else None for name, row in rows.items()}
    run.lock.heartbeat(functions={**noted, **run.lock.content.functions})
    run.lock.check(ask=False)
    run.deploying = tuple(sorted({*run.deploying, *rows}))
    for name in rows:
        records.pop(name, None)
    project.deploy(binary, sources.folder, [(each.function, each.verify_jwt) for each in changes])
    now = project.listed()
    lost = []
    for change in changes:
        row = now.get(change.name)
        why = missing(change, rows[change.name], row)
        if why or row is None:
            lost.append(f"`{change.name}` {why}")
        else:
            function = change.function
            records[change.name] = record_of(function.digest, function.verify_jwt, row)
            run.deployed = {**run.deployed, change.name: row}
    if lost:
        raise CommandFailed(
            f"`supabase functions deploy` ended with 0, but {', '.join(lost)}", "`invoke status`"
        )


def put_back(run: ReleaseRun, error: DeskError) -> DeskError:
    """Deploy the previous release's version of all that this run, or the dead one, has deployed.

    Returns the error with what came of that: what is live is unknown where one could not be put back.
    """
    previous = run.plan.facts.previous
    if not run.deploying or previous is None:
        return error
    try:
        error.message += _put_back(run, previous)
    except DeskError as second:
        name, behind = run.environment.name, _listed(run.deploying)
        return LiveUnknown(
            f"{error.message}\n  | {behind} could not be put back to `{previous.release}`:"
            f" {second.message}",
            f"`invoke status`, then `invoke deploy --env {name} --sha {previous.commit[:12]}`",
        )
    return error


def _put_back(run: ReleaseRun, previous: Event) -> str:
    """Put them back; returns that in words.

    Raises:
        DeskError: they are not back, or nobody knows.
    """
    facts, desk, asked = run.plan.facts, run.desk, run.deploying
    now = functions_of(desk, run.environment).listed()
    before = {name: row_of(name, row) for name, row in run.lock.content.functions.items()}
    touched = [name for name in asked if now.get(name) != before.get(name)]
    known = facts.functions.records
    records = run.records = dict(known) if run.records is None else run.records
    records |= {name: known[name] for name in asked if name not in touched and name in known}
    sources = sources_of(desk, previous.commit, ref_of(desk.values(run.environment)))
    own = {function.name: function for function in sources.functions}
    there = FunctionFacts(sources, now, records, recorded_at(facts.ledger, previous))
    due = [there.change_of(own[name]) for name in touched if name in own]
    changes = [change for change in due if change]
    if changes:
        with run.step("functions", f"{_names(changes)} of {previous.release} again"):
            _deploy(run, sources, changes, now)
    run.deploying = ()
    stay = [name for name in touched if name not in own and name in now]
    back = f"\n  | Edge Functions of `{previous.release}` again: {_names(changes)}" if changes else ""
    failed = [name for name in asked if name not in touched]
    none = f"\n  | not deployed: {_listed(failed)}" if failed else ""
    new = f"\n  | no release before had {_listed(stay)}: deployed, and not deleted" if stay else ""
    return none + back + new


def left(run: ReleaseRun) -> str:
    """That functions of this run stand though its release does not; "" if none does."""
    if not run.deploying:
        return ""
    return f"\n  | its Edge Functions may stand: {_listed(run.deploying)}; `invoke status` tells"


def words(run: ReleaseRun) -> str:
    """What became of the functions of a release that ended well."""
    facts = run.plan.facts.functions
    if facts.trouble:
        return f"\n  | its Edge Functions were left as they are: {facts.trouble}"
    said = ", ".join(f"`{row.name}` (version {row.version})" for row in run.deployed.values())
    return f"\n  | Edge Functions: {said}" if said else ""


def _names(changes: Sequence[Change]) -> str:
    return _listed([change.name for change in changes])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
