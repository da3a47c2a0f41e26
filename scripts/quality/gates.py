# pure
"""What an environment demands of a commit before it may come in, and what of that is there.

The proofs that count are those of the environment before, for this very commit, and young enough. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scripts.config.settings import Environment, Gates
from scripts.state.ledger import Event, Ledger

SUITES = ("smoke", "full")  # the later ones hold the earlier ones
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SKEW = 0.25  # hours by which another machine's clock may be ahead of ours


@dataclass(frozen=True)
class Gate:
    """One demand, and how it stands.

    Args:
        name: `e2e`, `load`, `approval` or `soak`.
        demand: in words: "e2e `full` on staging".
        said: what is there, or why it does not count.
        met: whether it holds.
        command: what gets it; None where only time helps.
        level: the suite or profile that is demanded.
    """

    name: str
    demand: str
    said: str
    met: bool
    command: str | None = None
    level: str = ""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.demand}: {self.said}"

    def document(self) -> dict[str, Any]:
        """The gate as JSON."""
        command = None if self.met else self.command
        return {
            "gate": self.name,
            "demand": self.demand,
            "met": self.met,
            "said": self.said,
            "command": command,
        }


@dataclass(frozen=True)
class Candidate:
    """A commit that is to enter an environment, and what its gates look at.

    Args:
        commit: 40 hex digits.
        before: the environment whose proofs count.
        now: UTC, ISO 8601.
        maker: who made the commit; empty when nobody knows.
        altered: runs of proofs whose report on this machine is no longer the one that was proven.
    """

    commit: str
    before: Environment
    ledger: Ledger
    now: str
    maker: str = ""
    altered: frozenset[str] = frozenset()


def gates(candidate: Candidate, demands: Gates) -> tuple[Gate, ...]:
    """All that is demanded of the commit, met or not."""
    return tuple(_demanded(candidate, candidate.before, demands))


def missing(found: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """Those that do not hold."""
    return tuple(each for each in found if not each.met)


def _demanded(candidate: Candidate, before: Environment, demands: Gates) -> Iterator[Gate]:
    if demands.e2e:
        hours = demands.e2e_max_age_hours or demands.max_age_hours
        yield _verdict(candidate, before, "e2e", demands.e2e, hours)
    if demands.load:
        hours = demands.load_max_age_hours or demands.max_age_hours
        yield _verdict(candidate, before, "load", demands.load, hours)
    if demands.approval:
        hours = demands.approval_max_age_hours or demands.max_age_hours
        yield _approval(candidate, before, demands.approval, hours)
    if demands.soak_minutes:
        yield _soak(candidate, before, demands.soak_minutes)


def _verdict(candidate: Candidate, before: Environment, what: str, level: str, hours: float) -> Gate:
    """The newest verdict of that level decides; a failure takes back what passed before it."""
    option = "test-e2e --suite" if what == "e2e" else "load-test --profile"
    task, _, flag = option.partition(" ")
    command = f"invoke {task} --env {before.name} {flag} {level}"

    def gate(said: str, *, met: bool = False) -> Gate:
        return Gate(what, f"{what} `{level}` on {before.name}", said, met, command, level)

    proof = _judging(candidate.ledger, before, what, level, candidate.commit)
    if proof is None:
        return gate(_none(candidate.ledger, before, what))
    if proof.ending != "done":
        return gate(f"failed ({proof.at})")
    fault = _stale(proof, candidate.now, hours) or _unproven(proof, candidate.altered)
    return gate(fault or f"passed ({proof.at}, {proof.actor})", met=fault is None)


def _judging(ledger: Ledger, before: Environment, what: str, level: str, commit: str) -> Event | None:
    for each in reversed(ledger.proofs(before.name, what)):
        done, found = each.ending == "done", str(each.detail.get("level", ""))
        # a full run that passed covers a smoke test; a smoke test that failed takes back a full one
        if each.commit == commit and (covers(what, found, level) if done else _related(what, found, level)):
            return each
    return None


def covers(what: str, found: str, demanded: str) -> bool:
    """Whether a passed proof of the one level is one of the other, too."""
    if what == "e2e" and found in SUITES and demanded in SUITES:
        return SUITES.index(found) >= SUITES.index(demanded)
    return found == demanded


def _related(what: str, one: str, other: str) -> bool:
    return covers(what, one, other) or covers(what, other, one)


def _none(ledger: Ledger, before: Environment, what: str) -> str:
    others = ledger.proofs(before.name, what)
    last = (
        f"; the last one is of `{others[-1].commit[:12]}` ({others[-1].detail.get('level')})"
        if others
        else ""
    )
    return f"missing{last}"


def _stale(event: Event, now: str, hours: float) -> str | None:
    age = hours_between(event.at, now)
    if age < -SKEW:
        return f"dated in the future ({event.at})"
    return f"too old ({event.at}; at most {hours:g} h)" if age > hours else None


def _unproven(proof: Event, altered: frozenset[str]) -> str | None:
    if not DIGEST.fullmatch(str(proof.detail.get("digest", ""))):
        return "it names no report"
    if proof.run in altered:
        return f"its report was changed since (`{proof.detail.get('report')}`)"
    return None


def _approval(candidate: Candidate, before: Environment, wanted: int, hours: float) -> Gate:
    """One for each person; never from the one who made the commit."""
    valid = [
        each.actor
        for each in candidate.ledger.approvals(before.name, candidate.commit)
        if not _stale(each, candidate.now, hours) and not same_person(each.actor, candidate.maker)
    ]
    number = f"{wanted} approval{'s' if wanted > 1 else ''} on {before.name}"
    said = f"{len(valid)} ({', '.join(valid)})" if valid else "missing"
    if len(valid) < wanted and candidate.maker:
        said += f"; not by {candidate.maker}, who made the commit"
    command = f"invoke approve --env {before.name} --commit {candidate.commit[:12]}"
    return Gate("approval", number, said, len(valid) >= wanted, command)


def _soak(candidate: Candidate, before: Environment, minutes: int) -> Gate:
    live = candidate.ledger.live(before.name)
    passed = hours_between(live.at, candidate.now) * 60 if live and live.commit == candidate.commit else 0.0
    known = passed if passed != float("inf") else 0.0
    demand = f"{minutes} minutes live on {before.name}"
    return Gate("soak", demand, f"{max(0, int(known))} so far", known >= minutes)


def same_person(one: str, other: str) -> bool:
    """Whether two names mean the same person, as far as names can tell."""
    first, second = (each.removesuffix(" (CI)").strip().casefold() for each in (one, other))
    return bool(first) and first == second


def hours_between(then: str, now: str) -> float:
    """From one ISO 8601 time to another; endless when one can't be read."""
    try:
        return (datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds() / 3600
    except (ValueError, TypeError):
        return float("inf")
