"""`promote` by pull request: open it, wait for checks and approvals, and land the commit that was proven.

Nothing is locked or changed while it waits, so a run that is ended there is simply typed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scripts.branches import pull_request
from scripts.branches.pull_facts import PullFacts
from scripts.config.desk import Desk
from scripts.errors import CommandTimedOut, PushRefused, Refused, TakenBack
from scripts.github.pulls import Pull
from scripts.quality.gates import unmet
from scripts.release import messages, pull_body
from scripts.release.facts import Facts
from scripts.release.plan import Plan
from scripts.release.rules import APPROVAL, again, gates_of
from scripts.release.run import ReleaseRun, write_down

POLL = 10.0  # seconds between two looks; what did not change costs nothing of GitHub's rate limit


def ready(desk: Desk, plan: Plan, plan_again: Callable[[str], Plan]) -> Plan:
    """Open the pull request or find it, wait until it may land, and plan again by what is true then.

    A plan that goes by push, that is only shown or that is refused comes back as it is.

    Args:
        plan_again: observe and decide once more, for this commit.

    Raises:
        Refused: the pull request forbids it: a check failed, somebody asked for changes, its head moved.
        CommandTimedOut: it still waits after `[github] wait` seconds.
    """
    facts = plan.facts
    refused = plan.refused and plan.refused.rule != APPROVAL
    if facts.pull is None or not facts.lands_by_pull or facts.request.plan or plan.nothing or refused:
        return plan
    pull = _open(desk, plan, facts.pull)
    made = "was opened" if pull.opened else "is there"
    desk.progress.note(f"pull request #{pull.number} {made}: {pull.url}")
    if pull.opened:
        _ask_for_reviews(desk, plan, pull)
    _wait(desk, facts, pull)
    again = plan_again(facts.merges or facts.wanted)
    if again.facts.pull and again.facts.lands_by_pull:
        _open(desk, again, again.facts.pull)
    return again


def _ask_for_reviews(desk: Desk, plan: Plan, pull: Pull) -> None:
    """Tell the team once, where approvals are asked for; nobody has approved what is new."""
    facts = plan.facts
    known = facts.pull.needed if facts.pull else 0
    wanted = max(known, facts.environment.gates.approval)
    if wanted:
        messages.review_wanted(desk, plan, pull, f"{wanted} approval{'s' if wanted > 1 else ''}")


def _open(desk: Desk, plan: Plan, pull: PullFacts) -> Pull:
    """Open the pull request if there is none; it gets the plan as its body."""
    text = pull_body.body(plan, pull.pull)
    return pull_request.open_pull(desk, plan.facts.environment, pull, pull_body.title(plan), text)


def _wait(desk: Desk, facts: Facts, opened: Pull) -> None:
    until, told = desk.clock() + desk.settings.github.wait, ""
    while True:
        pull = _look(desk, facts, opened)
        if pull.merged:
            desk.progress.note(f"{pull.name} was merged on GitHub meanwhile")
            return
        lacking = lacks(facts, pull)
        if not lacking:
            return
        words = f"{pull.name} waits: {lacking}"
        if words != told:
            desk.progress.note(words)
            told = words
        if desk.clock() + POLL > until:
            where = pull.pull.url if pull.pull else ""
            late = CommandTimedOut(
                f"{words}, after {desk.settings.github.wait:g} s; nothing was changed ({where})",
                f"`{again(facts)}` goes on from there",
            )
            late.data = {"pull_request": pull.document()}
            raise late
        desk.sleep(POLL)


def _look(desk: Desk, facts: Facts, opened: Pull | None) -> PullFacts:
    """The pull request as it is now; `opened`: as it was.

    Raises:
        Refused: it forbids the release.
    """
    source, known = facts.source, facts.pull
    if source is None or known is None:
        raise Refused("nothing is promoted", f"`{again(facts)}`")
    own = known.head != source.branch
    pull = pull_request.look(desk, source, facts.environment, facts.wanted, facts.twins.equal, own=own)
    if opened and pull.pull is None:
        pull = replace(pull, pull=opened._replace(state="closed"))
    if pull.forbidden:
        where = f"see {pull.pull.url}, then " if pull.pull else ""
        fault = Refused(f"{pull.forbidden}; nothing was changed", f"{where}`{again(facts)}`")
        fault.data = {"pull_request": pull.document()}
        raise fault
    return pull


def lacks(facts: Facts, pull: PullFacts) -> str:
    """What the pull request waits for, with the approvals that the environment's own gate demands."""
    gates = unmet(gates_of(replace(facts, pull=pull)))
    asked = [str(gate) for gate in gates if gate.name == APPROVAL]
    return "; ".join([*pull.lacking, *asked])


def review(run: ReleaseRun) -> None:
    """Under the lock: the pull request still stands as it was waited for. First, and before the database.

    Raises:
        Refused: an approval was withdrawn, a check failed, the head moved.
        TakenBack: the same, for a run that is resumed: what it had changed is undone.
    """
    facts = run.plan.facts
    if not facts.lands_by_pull or facts.pull is None:
        return
    with run.step("review", facts.pull.name):
        try:
            run.plan = replace(run.plan, facts=replace(facts, pull=_standing(run.desk, facts)))
        except Refused as refusal:
            if facts.request.resumes:
                raise TakenBack(refusal.message, bad=False) from None
            raise


def _standing(desk: Desk, facts: Facts) -> PullFacts:
    pull = _look(desk, facts, facts.pull.pull if facts.pull else None)
    why = "" if pull.merged else lacks(facts, pull)
    if why:
        raise Refused(f"{pull.name} waits again: {why}; nothing was changed", f"`{again(facts)}`")
    if pull.merged:
        raise Refused(f"{pull.name} was merged on GitHub meanwhile", f"`{again(facts)}`")
    return pull


def land(run: ReleaseRun) -> None:
    """Move branch, ledger and lock; where the branch takes no push, GitHub merges the very commit first.

    Raises:
        Locked: the branch moved, or the lock is lost.
        CommandFailed: the remote or GitHub refuses, or can't be reached.
    """
    from scripts.release import migrate  # of the steps: it is there by now

    facts, pull = run.plan.facts, run.plan.facts.pull
    mergeable = pull if pull and facts.lands_by_pull else None
    if mergeable and mergeable.by_merge:
        _merge(run, mergeable)
        return
    detail = {}
    if pull and (mergeable or facts.landed):
        detail = {
            "pull_request": {**pull.document(), **({"merged_as": facts.head} if facts.landed else {})}
        }
    try:
        with run.step("finish", "branch, ledger and lock in one push", confirms=True):
            migrate.look_at_tables(run)
            write_down(run, "done", moves_branch=facts.moves_branch, **detail)
    except PushRefused as refusal:
        if not (mergeable and facts.environment.branch in refusal.barred):
            raise
        run.desk.progress.note(
            f"`{facts.environment.branch}` takes no push: GitHub merges {mergeable.name}"
        )
        _merge(run, mergeable)


def _merge(run: ReleaseRun, pull: PullFacts) -> None:
    from scripts.release import migrate

    facts = run.plan.facts
    with run.step("merge", f"{pull.name}, by GitHub"):
        migrate.look_at_tables(run)
        made = pull_request.merge(run.desk, facts.environment, pull, facts.head)
    with run.step("finish", "ledger and lock in one push", confirms=True):
        detail = {**pull.document(), "merged_as": made}
        write_down(run, "done", moves_branch=False, pull_request=detail)
