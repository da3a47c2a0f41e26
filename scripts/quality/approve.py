"""`approve`: a person says that a commit, which was live in an environment, may go on from there."""

from __future__ import annotations

from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.quality.gates import same_person
from scripts.quality.request import ApproveRequest
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import Remote, append, observe_remote


def approve(desk: Desk, request: ApproveRequest) -> Outcome:
    """One for each person, in the ledger; `withdraw` takes one's own back."""
    environment = desk.settings.environment(request.env)
    remote = observe_remote(desk)
    chosen = _chosen(desk, environment, remote, request.commit)
    said = [each.actor for each in remote.ledger.approvals(environment.name, chosen)]
    mine = any(same_person(each, desk.actor) for each in said)
    _refuse_the_maker(desk, environment, chosen)
    if request.withdraw and not mine:
        return Outcome.nothing(f"{desk.actor} has not approved `{chosen[:12]}` on {environment.name}")
    _write(
        desk,
        environment,
        remote,
        chosen,
        ending="failed" if request.withdraw else "done",
        reason=request.reason,
    )
    others = [each for each in said if not same_person(each, desk.actor)]
    people = others if request.withdraw else [*others, desk.actor]
    data: dict[str, Any] = {"environment": environment.name, "commit": chosen, "approvals": people}
    if request.withdraw:
        return Outcome.done(f"{desk.actor} no longer approves `{chosen[:12]}`", **data)
    following = desk.settings.after(environment)
    return Outcome.done(
        f"`{chosen[:12]}` on {environment.name} is approved by {', '.join(people)}",
        f"next: `invoke promote --to {following.name} --plan`" if following else None,
        **data,
    )


def _chosen(desk: Desk, environment: Environment, remote: Remote, commit: str) -> str:
    """The commit that was named, or the one that is live; never one that nobody could try there.

    Raises:
        Refused: it was not proven live here.
    """
    deploy = f"`invoke deploy --env {environment.name}`"
    if not commit:
        live = remote.ledger.live(environment.name)
        if live is None:
            raise Refused(f"nothing was released on {environment.name} yet", deploy)
        return live.commit
    chosen = desk.git.resolve(commit, remote.refs)
    verdict = remote.ledger.verdict(environment.name, chosen)
    if verdict is None or verdict.ending != "done":
        raise Refused(
            f"`{chosen[:12]}` was not proven live on {environment.name}: nobody can have tried it there",
            deploy,
        )
    return chosen


def _refuse_the_maker(desk: Desk, environment: Environment, commit: str) -> None:
    maker = desk.git.log(commit, None, limit=1)[0].author
    if same_person(maker, desk.actor):
        raise Refused(
            f"{maker} made `{commit[:12]}`: another person has to approve it",
            f"ask a colleague to type `invoke approve --env {environment.name} --commit {commit[:12]}`",
        )


def _write(
    desk: Desk, environment: Environment, remote: Remote, commit: str, *, ending: str, reason: str
) -> None:
    run_id = desk.new_id()

    def make(ledger: Ledger) -> Event:
        verdict = ledger.verdict(environment.name, commit)
        return Event(
            environment=environment.name,
            kind="approval",
            ending=ending,
            release=verdict.release if verdict else "",
            commit=commit,
            actor=desk.actor,
            at=desk.now(),
            run=run_id,
            detail={"reason": reason} if reason else {},
        )

    append(desk, remote.ledger.tip, make)
