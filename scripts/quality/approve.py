"""`approve`: a person says that a commit, which was live in an environment, may go on from there."""

from __future__ import annotations

from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.github.deployments import tell_proof
from scripts.quality.gates import same_person
from scripts.quality.proofs import live_commit
from scripts.quality.request import ApproveRequest
from scripts.quality.twins import Twins, twins_of
from scripts.state.remote import Remote, observe_remote, record


def approve(desk: Desk, request: ApproveRequest) -> Outcome:
    """Record one person's approval in the ledger; `withdraw` takes back their own."""
    environment = desk.settings.environment(request.env)
    remote = observe_remote(desk)
    commit = _commit(desk, environment, remote, request.commit)
    twins = twins_of(desk.git, remote.ledger, commit)
    _refuse_the_author(desk, environment, commit, twins)
    approvals = remote.ledger.approvals(environment.name, twins.equal, twins.same)
    approvers = [event.actor for event in approvals]
    others = [person for person in approvers if not same_person(person, desk.actor)]
    if request.withdraw and others == approvers:
        return Outcome.nothing(f"{desk.actor} has not approved `{commit[:12]}` on {environment.name}")
    verdict = remote.ledger.verdict(environment.name, twins.equal)
    record(
        desk,
        environment.name,
        "approval",
        "failed" if request.withdraw else "done",
        commit=commit,
        release=verdict.release if verdict else "",
        tip=remote.ledger.tip,
        **({"reason": request.reason} if request.reason else {}),
    )
    people = others if request.withdraw else [*others, desk.actor]
    words = f"by {', '.join(people)}" if people else "withdrawn"
    tell_proof(desk, environment, "approval", commit, passed=bool(people), words=words)
    data: dict[str, Any] = {"environment": environment.name, "commit": commit, "approvals": people}
    if request.withdraw:
        return Outcome.done(f"{desk.actor} no longer approves `{commit[:12]}`", **data)
    following = desk.settings.after(environment)
    return Outcome.done(
        f"`{commit[:12]}` on {environment.name} is approved by {', '.join(people)}",
        f"next: `invoke promote --to {following.name} --plan`" if following else None,
        **data,
    )


def _commit(desk: Desk, environment: Environment, remote: Remote, named: str) -> str:
    """The commit that was named, or the one that is live.

    Raises:
        Refused: neither it nor a commit with its files was proven live here: nobody can have tried it.
    """
    if not named:
        return live_commit(remote.ledger, environment)
    commit = desk.git.resolve(named, remote.refs)
    verdict = remote.ledger.verdict(environment.name, twins_of(desk.git, remote.ledger, commit).equal)
    if verdict is None or verdict.ending != "done":
        raise Refused(
            f"`{commit[:12]}` was never proven live on {environment.name}: nobody can have tried it there",
            f"`invoke deploy --env {environment.name}`",
        )
    return commit


def _refuse_the_author(desk: Desk, environment: Environment, commit: str, twins: Twins) -> None:
    author = next((maker for maker in twins.makers if same_person(maker, desk.actor)), None)
    if author:
        raise Refused(
            f"{author} made `{commit[:12]}`: another person has to approve it",
            f"ask a colleague to type `invoke approve --env {environment.name} --commit {commit[:12]}`",
        )
