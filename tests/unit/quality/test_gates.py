"""What an environment demands of a commit, and whether the ledger meets it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.config.settings import Gates
from scripts.quality.gates import Check, Gate
from scripts.quality.twins import Twins
from scripts.release.facts import Facts
from scripts.release.plan import decide
from scripts.release.request import DeployRequest, HotfixRequest, PromoteRequest, RollbackRequest
from scripts.release.rules import gates_of
from scripts.state.ledger import Event
from tests.support.tables import environment
from tests.unit.release.samples import ONE, ROW_ONE, A, C, answer, event, ledger

STAGING, PRODUCTION = environment("staging"), environment("production")
NOW = "2024-01-10T12:00:00+00:00"
DIGEST = f"sha256:{'0' * 64}"
LIVE = replace(event("staging", "v3", A), at="2024-01-10T11:00:00+00:00")


def proof(what: str, level: str, commit: str = A, **changes: Any) -> Event:
    """A test's proof of an hour ago on staging."""
    said = {"what": what, "level": level, "verdict": "passed", "digest": DIGEST}
    detail = {**said, **changes.pop("detail", {})}
    at = "2024-01-10T11:00:00+00:00"
    made = Event("staging", "proof", "done", "v3", commit, "Quinn", at, f"{what}-{level}", detail)
    return replace(made, **changes)


def approval(actor: str, commit: str = A, **changes: Any) -> Event:
    """Somebody's approval of an hour ago."""
    at = "2024-01-10T11:00:00+00:00"
    return replace(Event("staging", "approval", "done", "v3", commit, actor, at, f"a-{actor}"), **changes)


def facts(demands: Gates, *events: Event, **changes: Any) -> Facts:
    """`a` is live on staging for an hour and is to go to production, which has `c`; Ada made it."""
    made = Facts(
        request=PromoteRequest(),
        environment=PRODUCTION._replace(gates=demands),
        source=STAGING,
        wanted=A,
        head=C,
        contained=True,
        commits=(),
        strangers=(),
        lock=None,
        ledger=ledger(event("production", "v1", C), LIVE, *events),
        live=answer(C, "production"),
        source_live=answer(A, "staging"),
        committed=(ONE,),
        applied=(ROW_ONE,),
        now=NOW,
        before=STAGING,
        twins=Twins(makers=("Ada",)),
    )
    return replace(made, **changes)


def gate(demands: Gates, *events: Event, **changes: Any) -> Gate:
    """The one gate of these demands."""
    (only,) = gates_of(facts(demands, *events, **changes))
    return only


E2E, LOAD, APPROVAL = Gates(e2e="full"), Gates(load="steady"), Gates(approval=1)
UNIT, INTEGRATION = Gates(unit=True), Gates(integration=True)
NOT_ADA = "missing; not by Ada, who made the commit"
FAILED_AT = "failed (2024-01-10T11:00:00+00:00)"
FAILED: dict[str, Any] = {"ending": "failed"}
OLD: dict[str, Any] = {"at": "2024-01-03T11:00:00+00:00"}


@pytest.mark.parametrize(
    ("demands", "events"),
    [
        (E2E, [proof("e2e", "full")]),
        (Gates(e2e="smoke"), [proof("e2e", "full")]),
        (E2E, [proof("e2e", "full", **FAILED), proof("e2e", "full")]),
        (E2E, [proof("e2e", "full"), proof("e2e", "smoke")]),
        (LOAD, [proof("load", "steady"), proof("load", "spike", **FAILED)]),
        (Gates(load="steady", max_age_hours=1, load_max_age_hours=300), [proof("load", "steady", **OLD)]),
        (APPROVAL, [approval("Bob")]),
        (Gates(approval=2), [approval("Bob"), approval("Cleo")]),
        (UNIT, [proof("unit", "unit", environment="development")]),
        (INTEGRATION, [proof("integration", "integration")]),
        (Gates(soak_minutes=60), []),
    ],
)
def test_a_demand_is_met(demands: Gates, events: list[Event]) -> None:
    """A fresh proof of this very commit counts."""
    assert gate(demands, *events).met
    assert decide(facts(demands, *events)).refused is None


@pytest.mark.parametrize(
    ("demands", "events", "state"),
    [
        (E2E, [], "missing"),
        (E2E, [proof("e2e", "full", C)], "missing; the last one is of `cccccccccccc` (full)"),
        (E2E, [proof("e2e", "full", environment="development")], "missing"),
        (E2E, [proof("e2e", "full", environment="production")], "missing"),
        (E2E, [proof("e2e", "smoke")], "missing; the last one is of `aaaaaaaaaaaa` (smoke)"),
        (E2E, [proof("load", "full")], "missing"),
        (E2E, [proof("e2e", "full"), proof("e2e", "full", **FAILED)], FAILED_AT),
        (E2E, [proof("e2e", "full"), proof("e2e", "smoke", **FAILED)], FAILED_AT),
        (E2E, [proof("e2e", "full", **OLD)], "too old (2024-01-03T11:00:00+00:00; at most 168 h)"),
        (Gates(e2e="full", e2e_max_age_hours=0.5), [proof("e2e", "full")],
         "too old (2024-01-10T11:00:00+00:00; at most 0.5 h)"),
        (E2E, [proof("e2e", "full", at="2024-01-11T00:00:00+00:00")],
         "dated in the future (2024-01-11T00:00:00+00:00)"),
        (E2E, [proof("e2e", "full", at="yesterday")], "too old (yesterday; at most 168 h)"),
        (E2E, [proof("e2e", "full", detail={"digest": ""})], "it names no report"),
        (E2E, [proof("e2e", "full", detail={"verdict": "inconclusive"})], "its verdict is `inconclusive`"),
        (LOAD, [proof("load", "steady", detail={"verdict": None})], "its verdict is `None`"),
        (LOAD, [proof("load", "steady", detail={"level": "steady (changed)"})],
         "missing; the last one is of `aaaaaaaaaaaa` (steady (changed))"),
        (LOAD, [proof("load", "stress")], "missing; the last one is of `aaaaaaaaaaaa` (stress)"),
        (LOAD, [proof("e2e", "steady")], "missing"),
        (UNIT, [proof("integration", "integration")], "missing"),
        (INTEGRATION, [proof("integration", "integration", environment="development")], "missing"),
        (APPROVAL, [approval("Ada")], NOT_ADA),
        (APPROVAL, [approval("ada (CI)")], NOT_ADA),
        (APPROVAL, [approval(" ADA ")], NOT_ADA),
        (APPROVAL, [approval("Bob", C)], NOT_ADA),
        (APPROVAL, [approval("Bob", **OLD)], NOT_ADA),
        (APPROVAL, [approval("Bob"), approval("Bob", **FAILED)], NOT_ADA),
        (Gates(approval=2), [approval("Bob"), approval("bob")], "1 (bob); not by Ada, who made the commit"),
        (Gates(approval=2), [approval("Bob"), approval("Bob (CI)")],
         "1 (Bob (CI)); not by Ada, who made the commit"),
        (APPROVAL, [approval("Bob"), approval("Bob (CI)", **FAILED)], NOT_ADA),
        (Gates(soak_minutes=61), [], "60 so far"),
        (Gates(soak_minutes=1), [event("staging", "v4", C)], "0 so far"),
    ],
)  # fmt: skip
def test_a_demand_is_not_met(demands: Gates, events: list[Event], state: str) -> None:
    """Another commit, another place, a lower level, too old, failed since: none of these is a pass."""
    found = gate(demands, *events)

    assert (found.met, found.state) == (False, state)


def test_a_report_that_was_changed_proves_nothing() -> None:
    """The digest in the ledger is no longer that of the report."""
    found = gate(E2E, proof("e2e", "full", detail={"report": "r.xml"}), altered=frozenset({"e2e-full"}))

    assert (found.met, found.state) == (False, "its report was changed since, or is gone (`r.xml`)")


def test_the_refusal_names_every_unmet_gate_and_its_command() -> None:
    """All at once, in the refusal and in the plan's document."""
    plan = decide(facts(Gates(e2e="full", load="steady", approval=1), proof("load", "steady")))

    assert plan.refused is not None
    assert (
        "`aaaaaaaaaaaa` lacks what production demands: e2e `full` on staging: missing;"
        f" 1 approval on staging: {NOT_ADA}"
    ) == plan.refused.why
    assert (
        "`invoke test-e2e --env staging --suite full`,"
        " `invoke approve --env staging --commit aaaaaaaaaaaa`,"
        " `invoke promote --to production --run-missing` runs the tests"
    ) == plan.refused.hint
    assert (plan.refused.code, plan.refused.rule) == (1, "gates")
    assert [(each["gate"], each["met"]) for each in plan.document()["gates"]] == [
        ("e2e", False),
        ("load", True),
        ("approval", False),
    ]
    assert [each["command"] for each in plan.document()["gates"] if each["met"]] == [None]


def test_deploy_of_a_new_commit_needs_its_proofs_too() -> None:
    """A branch moved by hand is no way round the gates; an earlier release has passed them already."""
    by_hand = facts(E2E, request=DeployRequest(), source=None, live=answer(C, "production"))
    again = replace(by_hand, ledger=ledger(event("production", "v1", A), event("production", "v2", C)))

    assert "lacks what production demands" in str(decide(by_hand).refused)
    assert gates_of(again) == ()


def test_a_hotfix_and_a_rollback_have_no_gates() -> None:
    """The plan of a hotfix says so; a rollback brings nothing new."""
    assert gates_of(facts(E2E, request=HotfixRequest(), source=None)) == ()
    assert gates_of(facts(E2E, request=RollbackRequest(), target=event("production", "v1", C))) == ()


def test_nothing_is_demanded_by_default() -> None:
    """A team opts in."""
    assert gates_of(facts(Gates())) == ()


def test_a_check_on_github_counts_where_the_ledger_says_nothing() -> None:
    """A failed run of `test-app` stands against it; the plan says what would give the proof."""
    passed, failed = {"unit": Check(True, "passed there")}, proof("unit", "unit", **FAILED)

    assert gate(UNIT, checks=passed).met
    assert gate(UNIT, failed, checks=passed).state == FAILED_AT
    missing = gate(UNIT, checks={"unit": Check(False, "missing")})
    assert missing.command == "invoke test-app --suite unit --sha aaaaaaaaaaaa"
    assert str(gate(INTEGRATION)) == "integration tests on staging: missing"


@pytest.mark.parametrize(
    ("measured", "met", "words"),
    [({"url": "u"}, True, "passed"), ({"url": "v"}, False, "another `url`"), (None, False, "does not say")],
)
def test_a_gate_takes_what_it_demands(measured: object, met: bool, words: str) -> None:
    """A proof that says nothing of what was measured is none."""
    made = proof("e2e", "full", detail={"measured": measured})
    given = replace(facts(E2E, made), demands={"e2e": {"url": "u"}})
    (gate,) = gates_of(given)

    assert gate.met == met
    assert words in gate.state
