"""The decision: from facts to steps, to nothing, or to the reason why not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scripts.release.facts import Facts
from scripts.release.plan import Plan, decide
from scripts.state.ledger import Ledger
from tests.unit.release.samples import (
    DEPLOY,
    HOTFIX,
    LOCK,
    ONE,
    PROMOTE,
    RELEASED,
    THREE,
    TWO,
    A,
    C,
    answer,
    event,
    ledger,
    why,
)


def names(plan: Plan) -> list[str]:
    """The names of its steps."""
    return [step.name for step in plan.steps]


# ---------------------------------------------------------------------------------------- what goes


@pytest.mark.parametrize("facts", [PROMOTE, DEPLOY], ids=["promote", "deploy"])
def test_a_good_release_has_its_steps_in_order(facts: Facts) -> None:
    """Lock, build, publish, verify, finish; nothing stands against it."""
    plan = decide(facts)

    assert (None, None) == (plan.refused, plan.nothing)
    assert ["lock", "build", "scan", "publish", "verify", "scan", "finish"] == names(plan)
    assert "publish" == plan.no_return


def test_pending_migrations_come_after_the_build() -> None:
    """A build that fails leaves the database untouched; after migrations, going back means undoing."""
    plan = decide(replace(PROMOTE, committed=(ONE, TWO, THREE)))

    released = ["publish", "verify", "scan", "finish"]
    assert ["lock", "build", "scan", "rehearse", "migrate", *released] == names(plan)
    assert "apply 2 migrations, then read the history again" == plan.steps[4].detail
    assert "migrate" == plan.no_return
    assert "publish `v1` (`cccccccccccc`) again and verify it; the migrations stay" == plan.way_back


def test_one_migration_is_one() -> None:
    """People read the plan."""
    steps = decide(replace(PROMOTE, committed=(ONE, TWO))).steps

    assert "apply 1 migration, then read the history again" == steps[4].detail


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("lock", "idempotent"),
        ("migrate", "once"),
        ("build", "idempotent"),
        ("publish", "once"),
        ("verify", "pure"),
    ],
)
def test_each_step_has_its_class(step: str, kind: str) -> None:
    """What may be repeated, and what may not, stands in the plan."""
    kinds = {each.name: each.kind for each in decide(replace(PROMOTE, committed=(ONE, TWO))).steps}

    assert kind == kinds[step]


def test_only_a_promotion_moves_the_branch() -> None:
    """`deploy` never touches the branch."""
    promote, deploy = decide(PROMOTE).steps[-1].detail, decide(DEPLOY).steps[-1].detail

    assert ("move `staging`" in promote, "move" in deploy) == (True, False)


def test_an_app_without_a_database_has_no_migrations() -> None:
    """Files in the commit don't matter where there is no database."""
    plan = decide(replace(PROMOTE, applied=None, committed=(ONE, TWO, TWO)))

    assert (None, ["lock", "build", "scan", "publish", "verify", "scan", "finish"]) == (
        plan.refused,
        names(plan),
    )


def test_the_first_release_has_no_way_back() -> None:
    """Before the first release there is nothing to go back to, and the plan says so."""
    plan = decide(replace(DEPLOY, ledger=Ledger(None, ()), live=answer(None, "development")))

    assert (None, "none: nothing was released here before") == (plan.refused, plan.way_back)


def test_the_first_promotion_makes_the_branch() -> None:
    """A target branch that is not on the remote yet does not stand in the way."""
    facts = replace(PROMOTE, head=None, ledger=ledger(event("development", "v7", A)))

    assert decide(facts).refused is None


def test_expected_seconds_are_those_of_the_last_release() -> None:
    """Each step is expected to take what it took last time; what is odd in the ledger is passed over."""
    steps = [{"name": "build", "seconds": 41.5}, "odd", {"seconds": 1}]
    facts = replace(
        PROMOTE, ledger=ledger(event("staging", "v1", C, steps=steps), event("development", "v7", A))
    )

    assert {"build": 41.5} == {step.name: step.seconds for step in decide(facts).steps if step.seconds}


# ---------------------------------------------------------------------------------------- nothing to do


def test_nothing_to_do() -> None:
    """What is live, proven and written down is not released again."""
    plan = decide(RELEASED)

    assert ("`aaaaaaaaaaaa` is live and proven on development as v2", None) == (plan.nothing, plan.refused)


@pytest.mark.parametrize(
    "changes",
    [
        {"live": answer(C, "development")},
        {"live": answer(None, "development")},
        {"live": answer(A, "staging")},
        {"live": answer(A, "development", "0")},
        {"live": replace(answer(A, "development"), pages=(("/", 500),))},
        {"committed": (ONE, TWO), "live": answer(A, "development", "2")},
        {"ledger": Ledger(None, ())},
        {"ledger": ledger(event("development", "v2", C))},
    ],
    ids=[
        "another commit",
        "silent",
        "another environment",
        "schema",
        "page",
        "pending",
        "no ledger",
        "older",
    ],
)
def test_there_is_something_to_do(changes: dict[str, Any]) -> None:
    """If any of live, database and ledger disagrees, the release goes through."""
    plan = decide(replace(RELEASED, **changes))

    assert (None, None) == (plan.nothing, plan.refused)


def test_nothing_to_promote() -> None:
    """A promotion whose commit is live and whose branch is there has nothing to do."""
    done = ledger(event("development", "v7", A), event("staging", "v2", A))
    facts = replace(PROMOTE, ledger=done, head=A, live=answer(A, "staging"))

    assert "`aaaaaaaaaaaa` is live and proven on staging as v2" == decide(facts).nothing


def test_a_branch_that_lags_is_something_to_do() -> None:
    """A live commit whose branch did not move yet is promoted to the end."""
    done = ledger(event("development", "v7", A), event("staging", "v2", A))
    plan = decide(replace(PROMOTE, ledger=done, head=C, live=answer(A, "staging")))

    assert (None, None) == (plan.nothing, plan.refused)


def test_nothing_to_do_comes_before_every_refusal_but_the_lock() -> None:
    """Who wants what is already so is told so, unless somebody is at work there."""
    failed_source = replace(
        PROMOTE,
        head=A,
        live=answer(A, "staging"),
        source_live=answer(C, "development"),
        ledger=ledger(event("staging", "v2", A)),
    )
    locked = replace(RELEASED, lock=LOCK)

    assert decide(failed_source).nothing is not None
    assert (None, 5) == (decide(locked).nothing, why(locked)[2])


def test_a_hotfix_needs_no_proof_of_staging_and_moves_the_branch() -> None:
    """The same steps and gates; what it does without is said plainly."""
    plan = decide(HOTFIX)

    assert (None, None) == (plan.refused, plan.nothing)
    assert "move `main`" in plan.steps[-1].detail
    assert "never live anywhere" in str(plan.without)
    assert plan.without == plan.document()["without"]
    assert None is decide(PROMOTE).without
    assert [True, True, False] == [each.moves_branch for each in (HOTFIX, PROMOTE, DEPLOY)]


def test_a_hotfix_that_is_live_and_on_the_branch_has_nothing_to_do() -> None:
    """Live alone is not enough: the branch has to be there as well."""
    done = replace(HOTFIX, ledger=ledger(event("production", "v2", A)), live=answer(A, "production"))

    assert None is decide(done).nothing
    assert "live and proven" in str(decide(replace(done, head=A)).nothing)


# ---------------------------------------------------------------------------------------- the document


def test_the_document_is_the_contract() -> None:
    """`--plan --json` holds the keys of the contract, as JSON."""
    document = json.loads(json.dumps(decide(replace(PROMOTE, committed=(ONE, TWO))).document()))

    assert {"steps", "commits", "migrations", "refused"} <= set(document)
    assert ["2"] == [each["version"] for each in document["migrations"]]
    assert all("verdict" in each for each in document["migrations"])
    assert (A, C, "staging", None) == tuple(
        document[k] for k in ("commit", "live", "environment", "refused")
    )
    assert [A] == [each["id"] for each in document["commits"]]


def test_a_refused_plan_says_why_in_the_document() -> None:
    """A program can read the reason."""
    assert "staging is locked" in decide(replace(PROMOTE, lock=LOCK)).document()["refused"]
