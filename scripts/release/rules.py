# pure
"""The rules that refuse a release, the most important first; each with its reason and a command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from scripts.config.access import how_to_enter
from scripts.config.outcome import Refusal
from scripts.config.settings import Environment
from scripts.database.migrations.files import Comparison, Migration
from scripts.git.client import Commit
from scripts.quality.gates import TESTS, Candidate, Gate, check_gates, hours_between, unmet
from scripts.release import rollback_options
from scripts.release.facts import Facts
from scripts.release.schema_rules import (
    file_objection,
    folder_objection,
    going_back,
    lost_objection,
    objections,
    partial_objection,
    strange_objection,
)
from scripts.replit.live import Answer, Expected, fault
from scripts.secrets.finding import errors

LEAVE_FUNCTIONS = '`[supabase] functions = ""` in `pipeline.toml`: releases leave them alone'
APPROVAL = "approval"  # the gate, and the rule that refuses where nothing else is lacking
WITHOUT_GATES = ("hotfix", "drill")  # tasks that go past the gates, and say so


def refusals(facts: Facts, comparison: Comparison) -> Iterator[Refusal]:
    """The reasons why not, the most important first."""
    name = facts.environment.name
    if facts.lock:
        yield Refusal(
            f"{name} is locked by {facts.lock}",
            f"wait for that run (`--wait`), or, if it is dead: `invoke resume --env {name}`",
            5,
        )
    if facts.rolls_back:
        yield from _target_refusals(facts, comparison)
        return
    yield from _stopped_refusals(facts)
    yield from _closed_refusals(facts)
    yield from _history_refusals(facts)
    yield from facts.barred
    if facts.workspace and not facts.lock:  # while a run is at work, its build may lie there
        yield facts.workspace
    yield from _configuration_refusals(facts)
    if facts.source is not None:
        yield from _source_refusals(facts, facts.source)
        yield from _drill_refusals(facts, facts.source)
    yield from _bad_refusals(facts)
    # a merge that was made for this run is a new commit each time
    verdict = facts.ledger.verdict(name, facts.same if facts.merges else {facts.wanted})
    if verdict and verdict.ending == "failed" and not facts.request.retry:
        yield Refusal(
            f"`{facts.wanted[:12]}` failed on {name} as {verdict.release} ({verdict.at})",
            f"release a new commit, or try this one again: `{again(facts)} --retry`",
        )
    yield from _schema_refusals(facts, comparison)
    partial = partial_objection(facts, again(facts))
    if partial:
        yield Refusal(*partial)
    yield from _function_refusals(facts)
    yield from _pull_refusals(facts, comparison)
    lacking = _gate_objection(facts, again(facts))  # last: no test is run for what may not go anyway
    if lacking:
        yield Refusal(*lacking, rule=APPROVAL if only_approvals(facts) else "gates")


def _stopped_refusals(facts: Facts) -> Iterator[Refusal]:
    """Releases are stopped: by a rollback, until somebody lifts the hold, or by a freeze, for a time."""
    name = facts.environment.name
    hold = facts.ledger.hold(name)
    if hold:
        yield Refusal(
            f"{name} is held since the rollback {hold.release} by {hold.actor}: "
            f"{hold.detail.get('reason') or 'no reason was given'}",
            f"`invoke release-hold --env {name}` lets releases go on",
        )
    freeze = facts.ledger.freeze(name, facts.now)
    if freeze:
        yield Refusal(
            f"{name} is frozen until {freeze.detail.get('until')} by {freeze.actor}: "
            f"{freeze.detail.get('reason')}",
            f"wait, or `invoke unfreeze --env {name} --reason ...`",
        )


def _closed_refusals(facts: Facts) -> Iterator[Refusal]:
    """A log-in stands before the app: no release could be verified."""
    if facts.live.login and not facts.request.resumes:
        yield Refusal(
            f"{facts.environment.url} does not let the desk in: {facts.live.error}",
            how_to_enter(facts.environment),
        )


def _configuration_refusals(facts: Facts) -> Iterator[Refusal]:
    """Errors in the configuration stop a release."""
    stopping = errors(facts.findings)
    if stopping:
        listed = "".join(f"\n  | {each}" for each in stopping)
        name = facts.environment.name
        yield Refusal(
            f"the configuration of {name} has {len(stopping)} error(s):{listed}",
            f"`invoke env.check --env {name}` says how each is fixed",
        )


def _bad_refusals(facts: Facts) -> Iterator[Refusal]:
    name, wanted = facts.environment.name, f"`{facts.wanted[:12]}`{_files_of_another(facts)}"
    rollback = facts.ledger.rolled_back(name, facts.same)
    if rollback and not facts.request.allow_bad:
        yield Refusal(
            f"{wanted} was rolled back on {name} ({rollback.release}, {rollback.at})",
            f"release a commit that fixes it, or: `{again(facts)} --allow-bad REASON`",
        )
    before = facts.before.name if facts.before and gates_of(facts) else ""
    rollback = facts.ledger.rolled_back(before, facts.same)
    if rollback:
        yield Refusal(
            f"{wanted} was rolled back on {before} ({rollback.release}, {rollback.at}):"
            " its proofs there no longer count",
            f"release a commit that fixes it, or: `invoke deploy --env {before} --allow-bad REASON`",
        )


def _files_of_another(facts: Facts) -> str:
    """Which commit with the same files was rolled back, where it is not the commit itself."""
    places = [facts.environment.name, *([facts.before.name] if facts.before else [])]
    bad = {commit for place in places for commit in facts.ledger.bad(place, facts.same)}
    return f" (with the files of `{min(bad)[:12]}`)" if bad and facts.wanted not in bad else ""


def _drill_refusals(facts: Facts, source: Environment) -> Iterator[Refusal]:
    """Where `drill_days` demands it, a drill must have passed recently."""
    days = facts.environment.drill_days
    proof = facts.ledger.proof(source.name, "drill")
    fresh = proof and hours_between(proof.at, facts.now) <= days * 24
    if days and not fresh:
        last = f"the last one was {proof.at}" if proof else "there was none yet"
        yield Refusal(
            f"{facts.environment.name} demands a drill on {source.name} within {days} days: {last}",
            f"`invoke drill --env {source.name}`",
        )


def _target_refusals(facts: Facts, comparison: Comparison) -> Iterator[Refusal]:
    """A rollback needs a commit that fits the database as it is."""
    yield from _bad_refusals(facts)
    back = going_back(facts, comparison)
    yield from (Refusal(*objection) for objection in rollback_options.objections(facts, back))
    if comparison.pending:
        yield Refusal(
            f"the database of {facts.environment.name} lacks migrations of that release:"
            f" {_files(comparison.pending)}",
            "`invoke status` says what stands where",
        )
    yield from (Refusal(*objection) for objection in objections(facts, comparison, again(facts)))


def again(facts: Facts) -> str:
    """The command that was typed."""
    if facts.task == "hotfix":
        return f"invoke hotfix --branch {shlex.quote(facts.request.revision or facts.wanted)}"
    option = "--to" if facts.source else "--env"
    target = f" --to {facts.target.release}" if facts.target else ""
    return f"invoke {facts.task} {option} {facts.environment.name}{target}"


def _history_refusals(facts: Facts) -> Iterator[Refusal]:
    branch, wanted = facts.environment.branch, facts.wanted[:12]
    if facts.task == "hotfix":
        yield from _hotfix_refusals(facts)
        return
    if facts.contained:
        return
    if facts.source is None:
        yield Refusal(
            f"`{wanted}` is not on `{branch}`, the branch of {facts.environment.name}",
            "merge it there first, or promote it from the environment before",
        )
        return
    if facts.request.revision and not facts.commits:
        name = facts.environment.name
        yield Refusal(
            f"`{wanted}` is older than what `{branch}` has: it would bring nothing new",
            f"to go back: `invoke rollback --env {name} --plan`",
        )
        return
    yield Refusal(
        f"histories diverged: `{branch}` has commits that `{wanted}` lacks: {_first_of(facts.strangers)}",
        "`invoke backmerge --all --plan` shows how they come back, and `--yes` instead does it",
    )


def _hotfix_refusals(facts: Facts) -> Iterator[Refusal]:
    """A hotfix is what the environment has, plus the fix; nothing else that is unproven."""
    branch, remote, name = (
        facts.environment.branch,
        facts.remote,
        facts.request.revision or facts.wanted[:12],
    )
    if not facts.contained and not facts.commits:
        deploy = f"`invoke deploy --env {facts.environment.name}`"
        yield Refusal(f"`{name}` is on `{branch}` already", deploy)
    elif not facts.contained:
        fix = shlex.quote(name)
        yield Refusal(
            f"`{name}` does not descend from the head of `{branch}`: it lacks {_first_of(facts.strangers)}",
            f"`git fetch {remote} {fix} && git switch --detach FETCH_HEAD"
            f" && git pull --no-rebase {remote} {branch} && git push {remote} HEAD:{fix}`",
        )
    if facts.carried:
        yield Refusal(
            f"`{name}` was not branched from `{branch}`: it would carry what was proven nowhere:"
            f" {_first_of(facts.carried)}",
            f"branch the fix from `{branch}`; all of it: `invoke promote --to {facts.environment.name}`",
        )


def _files(migrations: Sequence[Migration]) -> str:
    return ", ".join(f"`{migration.file}`" for migration in migrations)


def _first_of(commits: tuple[Commit, ...]) -> str:
    listed = ", ".join(f"`{commit.id[:12]}` {commit.subject}" for commit in commits[:3])
    return listed + (f" and {len(commits) - 3} more" if len(commits) > 3 else "")


def _source_refusals(facts: Facts, source: Environment) -> Iterator[Refusal]:
    """Only a commit that is live and proven in the environment before may be promoted."""
    wanted, deploy = facts.wanted[:12], f"`invoke deploy --env {source.name}`"
    proven = facts.ledger.live(source.name)
    if proven is None or proven.commit not in facts.equal:
        judged = facts.ledger.verdict(source.name, facts.same)
        if judged and judged.ending == "failed":
            yield Refusal(
                f"`{wanted}` failed on {source.name} as {judged.release}",
                f"fix it with a new commit on `{source.branch}`, then {deploy}",
            )
        has = f"{proven.release} is `{proven.commit[:12]}`" if proven else "nothing was released"
        way = deploy if facts.at_source else f"`invoke promote --to {source.name}`"
        yield Refusal(f"`{wanted}` is not proven on {source.name}: {has} there", way)
        return
    problem = fault(facts.source_live or Answer(None), Expected(proven.commit, source.name))
    if problem:
        yield Refusal(f"`{wanted}` is not live on {source.name}: {problem}", deploy)


def _schema_refusals(facts: Facts, comparison: Comparison) -> Iterator[Refusal]:
    name, wanted = facts.environment.name, facts.wanted[:12]
    found = (
        folder_objection(facts),
        lost_objection(facts),
        strange_objection(facts, again(facts)),
        file_objection(facts),
    )
    yield from (Refusal(*each) for each in found if each)
    if comparison.doubled:
        listed = ", ".join(f"`{version}`" for version in comparison.doubled)
        yield Refusal(
            f"two migrations of `{wanted}` have the same version: {listed}",
            "give one of them a new time stamp",
        )
    if comparison.edited:
        yield Refusal(
            f"edited after it was applied to {name}: {_files(comparison.edited)}",
            "put the file back as it was, and write the change as a new migration",
        )
    if comparison.missing:
        listed = ", ".join(f"`{version}`" for version in comparison.missing)
        yield Refusal(
            f"the database of {name} is {comparison.state}: it has {listed}, which `{wanted}` lacks",
            "release a commit that has these migrations",
        )
    if comparison.late and not facts.request.out_of_order:
        yield Refusal(
            f"older than the newest migration that {name} has: {_files(comparison.late)}",
            f"if a hotfix overtook them: `{again(facts)} --out-of-order`;"
            " if not, rename them with newer time stamps",
        )
    yield from (Refusal(*objection) for objection in objections(facts, comparison, again(facts)))


def _function_refusals(facts: Facts) -> Iterator[Refusal]:
    """The Edge Functions of the commit can't be deployed."""
    found, wanted = facts.functions, facts.wanted[:12]
    if found.sources.faults:
        yield Refusal("; ".join(found.sources.faults), f"fix it in a new commit; or {LEAVE_FUNCTIONS}")
    if found.trouble:
        count = len(found.sources.functions)
        yield Refusal(
            f"`{wanted}` has {count} Edge Function{'s' if count != 1 else ''}, and what runs on"
            f" {facts.environment.name} is not known: {found.trouble}",
            f"{found.hint + '; or ' if found.hint else ''}{LEAVE_FUNCTIONS}",
        )


def gates_of(facts: Facts) -> tuple[Gate, ...]:
    """The gates of this release, met or not; () for a rollback, and for tasks that go past them."""
    if facts.before is None or facts.rolls_back or facts.task in WITHOUT_GATES:
        return ()
    known = facts.ledger.verdict(facts.environment.name, {facts.wanted})
    if facts.source is None and known and known.ending == "done":
        return ()  # it passed the gates when it was promoted
    reviews = tuple((each.who, each.at) for each in facts.pull.approvals) if facts.pull else ()
    candidate = Candidate(
        facts.wanted,
        facts.before,
        facts.ledger,
        facts.now,
        facts.twins,
        facts.altered,
        facts.demands,
        facts.checks,
        reviews,
    )
    return check_gates(candidate, facts.environment.gates)


def only_approvals(facts: Facts) -> bool:
    """Nothing but approvals is lacking, which the pull request may still get."""
    return facts.lands_by_pull and all(gate.name == APPROVAL for gate in unmet(gates_of(facts)))


def _pull_refusals(facts: Facts, comparison: Comparison) -> Iterator[Refusal]:
    """The pull request forbids it. What a resumed run lacks by now, it had: it was withdrawn.

    What is live already, and has only to be recorded, is not taken back for that.
    """
    pull = facts.pull
    if pull is None or not facts.lands_by_pull:
        return
    begun = not comparison.pending and not fault(facts.live, facts.expected)
    why = pull.forbidden
    if facts.request.resumes:
        why = "" if begun else pull.objection
    if why:
        where = f"see {pull.pull.url}, then " if pull.pull else ""
        yield Refusal(why, f"{where}`{again(facts)}`")


def _gate_objection(facts: Facts, again: str) -> tuple[str, str] | None:
    """Why not, and what gets the missing proofs; None when all is there."""
    lacking = unmet(gates_of(facts))
    if not lacking:
        return None
    commands = [f"`{gate.command}`" for gate in lacking if gate.command]
    if TESTS.keys() & {gate.name for gate in lacking} and facts.source is not None:
        commands.append(f"`{again} --run-missing` runs the tests")
    why = f"`{facts.wanted[:12]}` lacks what {facts.environment.name} demands: "
    return why + "; ".join(map(str, lacking)), ", ".join(commands) or "wait, and try again"
