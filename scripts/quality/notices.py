"""What a proof tells the team: that tests failed, or that an approval is all that a commit still lacks."""

from __future__ import annotations

from contextlib import suppress

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import CommandFailed
from scripts.notify import deliver
from scripts.notify.events import Deed, Fact, Notice, notice, shorten, who
from scripts.quality import evidence
from scripts.quality.digests import journeys_here
from scripts.quality.gates import Candidate, Gate, check_gates, unmet
from scripts.state.ledger import Event
from scripts.state.remote import observe_remote


def tell(desk: Desk, environment: Environment, proof: Event) -> None:
    """Send the notice of a proof that was written, if it has one. Never fails the caller."""
    if proof.ending == "failed":
        deliver.send(desk, lambda: of_failed_tests(desk, environment, proof))
    else:
        deliver.send(desk, lambda: of_wanted_approval(desk, environment, proof))


def of_failed_tests(desk: Desk, environment: Environment, proof: Event) -> Notice:
    """Tests of a commit failed: nothing that demands them takes it."""
    what, level = str(proof.detail.get("what")), str(proof.detail.get("level") or "")
    following = desk.settings.after(environment)
    closed = [Fact("closed to it", following.name)] if following else []
    facts = [_commit(desk, proof), *who(environment, _deed(desk, proof)), *closed]
    title = f"{environment.name}: {what} {level} FAILED".replace("  ", " ")
    hint = f"the report is with the run; after a fix: `invoke deploy --env {desk.settings.chain[0]}`"
    return notice("failure", environment.name, _deed(desk, proof), title, facts, hint=hint)


def of_wanted_approval(desk: Desk, environment: Environment, proof: Event) -> Notice | None:
    """An approval is the only thing to be done for a commit; None while something else is missing."""
    following = desk.settings.after(environment)
    if following is None or not following.gates.approval:
        return None
    ledger = observe_remote(desk).ledger
    live = ledger.live(environment.name)
    if live is None or live.commit != proof.commit:
        return None  # an older commit: nobody waits for it
    demands = evidence.demanded(desk.settings, environment, following.gates, journeys_here())
    candidate = Candidate(live.commit, environment, ledger, desk.now(), demands=demands)
    gates = check_gates(candidate, following.gates)
    to_do = [gate for gate in unmet(gates) if gate.command]
    if [gate.name for gate in to_do] != ["approval"]:
        return None
    return _of_approval(desk, environment, following, proof, to_do[0])


def _of_approval(
    desk: Desk, environment: Environment, following: Environment, proof: Event, gate: Gate
) -> Notice:
    facts = [_commit(desk, proof), Fact("wanted", str(gate)), *who(environment, _deed(desk, proof))]
    title = f"{following.name}: {proof.release or 'a commit'} of {environment.name} waits for an approval"
    hint = f"look at {environment.name}, then `{gate.command}`"
    return notice("approval", environment.name, _deed(desk, proof), title, facts, hint=hint)


def _commit(desk: Desk, proof: Event) -> Fact:
    """The commit with its author and subject, as far as this clone has it."""
    subject = ""
    with suppress(CommandFailed):
        for made in desk.git.log(proof.commit, None, limit=1):
            subject = f' "{made.subject}" by {made.author}'
    return Fact("what", shorten(f"{proof.commit[:12]}{subject}"))


def _deed(desk: Desk, proof: Event) -> Deed:
    return Deed(proof.run, proof.actor, proof.at, job=desk.job)
