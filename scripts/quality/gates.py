# pure
"""What an environment demands of a commit before it may come in, and whether it is met.

Only proofs of the environment before count, and not older than the gate allows. They count for this very
commit, and for one with the same files that adds nothing to it: what GitHub's buttons make.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scripts.config.settings import SUITES, Environment, Gates
from scripts.quality.evidence import difference
from scripts.quality.twins import Twins
from scripts.state.ledger import Event, Ledger, person

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TESTS = {  # the kinds of proofs that a test gives, and what is typed for one
    "unit": "test-app --suite {level} --sha {commit}",
    "integration": "test-app --suite {level} --env {env}",
    "e2e": "test-e2e --env {env} --suite {level}",
    "load": "load-test --env {env} --profile {level}",
}
CLOCK_SKEW = 0.25  # hours by which another machine's clock may be ahead of ours


@dataclass(frozen=True)
class Gate:
    """One demand, and whether it is met.

    Args:
        name: `unit`, `integration`, `e2e`, `load`, `approval` or `soak`.
        demand: in words: "e2e `full` on staging".
        state: what there is, or why it does not count.
        command: what meets it; None where only time helps.
        level: the suite or profile that is demanded.
    """

    name: str
    demand: str
    state: str
    met: bool
    command: str | None = None
    level: str = ""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.demand}: {self.state}"

    def document(self) -> dict[str, Any]:
        """The gate as JSON."""
        return {
            "gate": self.name,
            "demand": self.demand,
            "met": self.met,
            "said": self.state,
            "command": None if self.met else self.command,
        }


@dataclass(frozen=True)
class Check:
    """What GitHub says of a named check of the commit.

    Args:
        state: in words.
    """

    passed: bool
    state: str


@dataclass(frozen=True)
class Candidate:
    """A commit that is to enter an environment, and what its gates look at.

    Args:
        commit: 40 hex digits.
        before: the environment whose proofs count.
        now: UTC, ISO 8601.
        twins: the commits with the same files, and who made these files.
        altered: runs of proofs whose report on this machine was changed afterwards, or is gone.
        demands: by kind of proof, what must have been measured; a kind that it lacks is not compared.
        checks: by suite, the check on GitHub that counts where the ledger has no proof.
        reviews: who approved the commit in its pull request, and when.
    """

    commit: str
    before: Environment
    ledger: Ledger
    now: str
    twins: Twins = field(default_factory=Twins)
    altered: frozenset[str] = frozenset()
    demands: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    reviews: tuple[tuple[str, str], ...] = ()

    @property
    def same(self) -> frozenset[str]:
        """The commits with the same files, itself too: what speaks against them speaks against it."""
        return self.twins.same | {self.commit}

    @property
    def equal(self) -> frozenset[str]:
        """The commits whose proofs count for it, itself too."""
        return self.twins.equal | {self.commit}


def check_gates(candidate: Candidate, demands: Gates) -> tuple[Gate, ...]:
    """Every gate of the commit, met or not."""
    return tuple(_gates(candidate, demands))


def unmet(gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """The gates that are not met."""
    return tuple(gate for gate in gates if not gate.met)


def place_of(kind: str, before: str) -> str:
    """Where its proofs count: unit tests reach no environment, so theirs do wherever they ran ("")."""
    return "" if kind == "unit" else before


def _gates(candidate: Candidate, demands: Gates) -> Iterator[Gate]:
    for suite in ("unit", "integration"):
        if getattr(demands, suite):
            yield _test_gate(candidate, suite, suite, demands.max_age_hours)
    if demands.e2e:
        hours = demands.e2e_max_age_hours or demands.max_age_hours
        yield _test_gate(candidate, "e2e", demands.e2e, hours)
    if demands.load:
        hours = demands.load_max_age_hours or demands.max_age_hours
        yield _test_gate(candidate, "load", demands.load, hours)
    if demands.approval:
        hours = demands.approval_max_age_hours or demands.max_age_hours
        yield _approval_gate(candidate, demands.approval, hours)
    if demands.soak_minutes:
        yield _soak_gate(candidate, demands.soak_minutes)


def _test_gate(candidate: Candidate, kind: str, level: str, max_hours: float) -> Gate:
    """The newest verdict of that level decides. A failure revokes an earlier pass."""
    name = candidate.before.name
    command = f"invoke {TESTS[kind].format(env=name, level=level, commit=candidate.commit[:12])}"
    what = f"{kind} tests" if kind == level else f"{kind} `{level}`"
    where = f" on {name}" if place_of(kind, name) else ""

    def gate(state: str, *, met: bool = False) -> Gate:
        return Gate(kind, what + where, state, met, command, level)

    proof = _deciding_proof(candidate, kind, level)
    if proof is None and kind in candidate.checks:
        return gate(candidate.checks[kind].state, met=candidate.checks[kind].passed)
    if proof is None:
        other = candidate.ledger.proof(place_of(kind, name), kind)
        last = (other.commit[:12], other.detail.get("level")) if other else None
        return gate("missing" + ("; the last one is of `{}` ({})".format(*last) if last else ""))
    if proof.ending != "done":
        return gate(f"failed ({proof.at})")
    problem = (
        _age_problem(proof.at, candidate.now, max_hours)
        or _verdict_problem(proof)
        or _report_problem(proof, candidate.altered)
        or _other_measure(proof, candidate.demands.get(kind))
    )
    return gate(problem or f"passed ({proof.at}, {proof.actor})", met=problem is None)


def _deciding_proof(candidate: Candidate, kind: str, demanded: str) -> Event | None:
    about = {*candidate.equal, *candidate.same}
    for proof in reversed(candidate.ledger.proofs(place_of(kind, candidate.before.name), kind, about)):
        level = str(proof.detail.get("level", ""))
        counts = _covers(kind, level, demanded)
        commits = candidate.equal if proof.ending == "done" else candidate.same
        if proof.ending != "done":  # a failed smoke run revokes a full run that passed
            counts = counts or _covers(kind, demanded, level)
        if proof.commit in commits and counts:
            return proof
    return None


def _covers(kind: str, level: str, demanded: str) -> bool:
    """Whether a passed proof of one level is also a proof of the demanded one."""
    if kind == "e2e" and level in SUITES and demanded in SUITES:
        return SUITES.index(level) >= SUITES.index(demanded)
    return level == demanded


def _age_problem(at: str, now: str, max_hours: float) -> str | None:
    age = hours_between(at, now)
    if age < -CLOCK_SKEW:
        return f"dated in the future ({at})"
    return f"too old ({at}; at most {max_hours:g} h)" if age > max_hours else None


def _verdict_problem(proof: Event) -> str | None:
    """A desk that writes `done` writes no other verdict beside it."""
    verdict = proof.detail.get("verdict", "passed")
    return None if verdict == "passed" else f"its verdict is `{str(verdict)[:20]}`"


def _report_problem(proof: Event, altered: frozenset[str]) -> str | None:
    if not DIGEST.fullmatch(str(proof.detail.get("digest", ""))):
        return "it names no report"
    if proof.run in altered:
        return f"its report was changed since, or is gone (`{proof.detail.get('report')}`)"
    return None


def _other_measure(proof: Event, demand: Mapping[str, Any] | None) -> str | None:
    return None if demand is None else difference(proof.detail.get("measured"), demand)


def _approval_gate(candidate: Candidate, wanted: int, max_hours: float) -> Gate:
    """One approval per person; the author's own does not count.

    A person has another name on GitHub than here. So approvals of the two kinds are not added up.
    """
    name = candidate.before.name
    typed = candidate.ledger.approvals(name, candidate.equal, candidate.same)
    people = max(
        _approvers(candidate, max_hours, [(each.actor, each.at) for each in typed]),
        _approvers(candidate, max_hours, candidate.reviews),
        key=len,
    )
    demand = f"{wanted} approval{'s' if wanted > 1 else ''} on {name}"
    state = f"{len(people)} ({', '.join(people)})" if people else "missing"
    if len(people) < wanted and candidate.twins.makers:
        state += f"; not by {' or '.join(candidate.twins.makers)}, who made the commit"
    command = f"invoke approve --env {name} --commit {candidate.commit[:12]}"
    return Gate("approval", demand, state, len(people) >= wanted, command)


def _approvers(candidate: Candidate, max_hours: float, approvals: Sequence[tuple[str, str]]) -> list[str]:
    """Those whose approval counts; `approvals`: who, and when."""
    return [
        who
        for who, at in approvals
        if not _age_problem(at, candidate.now, max_hours)
        and not any(same_person(who, maker) for maker in candidate.twins.makers)
    ]


def _soak_gate(candidate: Candidate, minutes: int) -> Gate:
    name = candidate.before.name
    live = candidate.ledger.live(name)
    passed = hours_between(live.at, candidate.now) * 60 if live and live.commit in candidate.equal else 0.0
    if passed == float("inf"):  # an unreadable time proves nothing
        passed = 0.0
    return Gate(
        "soak", f"{minutes} minutes live on {name}", f"{max(0, int(passed))} so far", passed >= minutes
    )


def same_person(one: str, other: str) -> bool:
    """Whether two names mean the same person, as far as names can tell."""
    return bool(person(one)) and person(one) == person(other)


def hours_between(then: str, now: str) -> float:
    """Hours from one ISO 8601 time to another; infinite when one can't be parsed."""
    try:
        return (datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds() / 3600
    except (ValueError, TypeError):
        return float("inf")
