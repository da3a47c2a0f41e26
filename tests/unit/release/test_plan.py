"""The decision: from facts to steps, to nothing, or to the reason why not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scripts.database.migrations.files import Applied, Migration
from scripts.git.client import Commit
from scripts.release.facts import Facts
from scripts.release.plan import Plan, decide
from scripts.release.request import DeployRequest, HotfixRequest, PromoteRequest
from scripts.replit.live import Answer
from scripts.state.ledger import Event, Ledger
from scripts.state.lock import Lock
from tests.support.tables import environment

A, B, C = "a" * 40, "b" * 40, "c" * 40
DEV, STAGING, PRODUCTION = map(environment, ("development", "staging", "production"))
LOCK = Lock("r9", "n", "Bob", "laptop", "promote", "staging", C, "2024-01-01T00:00:00+00:00")
ONE, TWO, THREE = (Migration(str(n), f"{n}_x.sql", f"select {n}") for n in (1, 2, 3))
ROW_ONE, ROW_TWO, ROW_THREE = (Applied(str(n), "x", (f"select {n}",)) for n in (1, 2, 3))


def event(where: str, release: str, commit: str, ending: str = "done", **detail: Any) -> Event:
    """A release in the ledger."""
    return Event(where, "release", ending, release, commit, "Ada", "2024-01-01", "r1", detail)


def ledger(*events: Event) -> Ledger:
    """A ledger of these events."""
    return Ledger("tip", events)


def answer(commit: str | None, where: str, schema: str | None = "1") -> Answer:
    """What a public URL answers."""
    return Answer(
        200 if commit else None, commit, where, schema, (("/", 200),), None if commit else "timed out"
    )


# `a` is live and proven on development, `c` on staging; `a` is to go to staging
PROMOTE = Facts(
    request=PromoteRequest(),
    environment=STAGING,
    source=DEV,
    wanted=A,
    head=C,
    contained=True,
    commits=(Commit(A, "Ada", "2024-01-02T00:00:00+00:00", "better"),),
    strangers=(),
    lock=None,
    ledger=ledger(event("staging", "v1", C), event("development", "v7", A)),
    live=answer(C, "staging"),
    source_live=answer(A, "development"),
    committed=(ONE,),
    applied=(ROW_ONE,),
)
# the head `a` of develop is to go live on development, where `c` is
DEPLOY = replace(
    PROMOTE,
    request=DeployRequest(),
    environment=DEV,
    source=None,
    head=A,
    ledger=ledger(event("development", "v1", C)),
    live=answer(C, "development"),
    source_live=None,
)


def why(facts: Facts) -> tuple[str, str | None, int]:
    """The refusal of a plan."""
    refused = decide(facts).refused
    assert refused is not None
    return refused.why, refused.hint, refused.code


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


def test_a_commit_that_failed_elsewhere_may_be_tried_here() -> None:
    """A verdict counts where it was given."""
    facts = replace(DEPLOY, ledger=ledger(event("staging", "v1", A, "failed")))

    assert decide(facts).refused is None


def test_an_error_of_the_desk_is_no_verdict() -> None:
    """After a network fault the same commit goes again without `--retry`."""
    facts = replace(DEPLOY, ledger=ledger(event("development", "v1", A, "error")))

    assert decide(facts).refused is None


# ---------------------------------------------------------------------------------------- nothing to do

RELEASED = replace(DEPLOY, ledger=ledger(event("development", "v2", A)), live=answer(A, "development"))


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


# ---------------------------------------------------------------------------------------- refusals


def test_a_locked_environment_is_code_5() -> None:
    """The one refusal with a code of its own names the holder."""
    said, hint, code = why(replace(PROMOTE, lock=LOCK))

    assert "staging is locked by Bob on `laptop` since 2024-01-01T00:00:00+00:00" in said
    assert ("wait for that run (`--wait`), or, if it is dead: `invoke resume --env staging`", 5) == (
        hint,
        code,
    )


def test_a_diverged_history_names_what_would_be_lost() -> None:
    """A hotfix on the target is named, with the command that brings it back."""
    strangers = tuple(Commit(str(n) * 40, "Bob", "2024", f"hotfix {n}") for n in range(1, 6))
    said, hint, code = why(replace(PROMOTE, contained=False, strangers=strangers))

    assert (
        "histories diverged: `staging` has commits that `aaaaaaaaaaaa` lacks: "
        "`111111111111` hotfix 1, `222222222222` hotfix 2, `333333333333` hotfix 3 and 2 more"
    ) == said
    assert hint is not None
    assert hint.startswith("`invoke backmerge --all --plan`")
    assert 1 == code


def test_a_harmless_divergence_is_said_to_be_harmless() -> None:
    """GitHub's button left merges that bring nothing: that is told, and it is still no fast-forward."""
    strangers = (Commit(C, "Bob", "2024", "Merge pull request #1"),)
    said, hint, _ = why(replace(PROMOTE, contained=False, strangers=strangers, harmless=True))

    assert said.endswith("they are harmless: they bring no content of their own")
    assert "invoke backmerge" in str(hint)


HOTFIX = replace(
    PROMOTE,
    request=HotfixRequest(branch="hotfix/x"),
    environment=PRODUCTION,
    source=None,
    source_live=None,
    ledger=ledger(event("production", "v1", C)),
    live=answer(C, "production"),
)


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


@pytest.mark.parametrize(
    ("changed", "says", "then"),
    [
        (
            {"contained": False, "strangers": (Commit(C, "B", "2024", "newer"),)},
            "does not descend from the head of `main`: it lacks `cccccccccccc` newer",
            "git pull --no-rebase origin main && git push origin HEAD:hotfix/x",
        ),
        ({"contained": False, "commits": ()}, "is on `main` already", "invoke deploy --env production"),
        (
            {"carried": (Commit(B, "B", "2024", "half a feature"),)},
            "was not branched from `main`: it would carry what was proven nowhere: `bbbbbbbbbbbb` half a",
            "invoke promote --to production",
        ),
        (
            {"ledger": ledger(event("production", "v1", A, "failed"))},
            "failed on production as v1",
            "invoke hotfix --branch hotfix/x --retry",
        ),
        ({"lock": LOCK}, "production is locked by Bob", "invoke resume --env production"),
    ],
    ids=["behind", "merged", "from develop", "failed", "locked"],
)
def test_a_hotfix_is_refused(changed: dict[str, Any], says: str, then: str) -> None:
    """It is what production has and the fix, nothing else; the gates are those of every release."""
    said, hint, _ = why(replace(HOTFIX, **changed))

    assert says in said
    assert then in str(hint)


def test_a_commit_of_another_branch_is_not_deployed() -> None:
    """`deploy` releases what is on the environment's branch, nothing else."""
    assert (
        "`aaaaaaaaaaaa` is not on `develop`, the branch of development",
        "merge it there first, or promote it from the environment before",
        1,
    ) == why(replace(DEPLOY, contained=False))


def test_an_unproven_source_is_refused() -> None:
    """Only what the environment before has proven passes; the hint is the command that proves it."""
    nothing = replace(PROMOTE, ledger=ledger(event("staging", "v1", C)))
    other = replace(PROMOTE, ledger=ledger(event("development", "v6", C)))

    assert (
        "`aaaaaaaaaaaa` is not proven on development: nothing was released there",
        "`invoke deploy --env development`",
        1,
    ) == why(nothing)
    assert "`aaaaaaaaaaaa` is not proven on development: v6 is `cccccccccccc` there" == why(other)[0]


def test_a_source_that_failed_is_refused() -> None:
    """What failed before is named as failed, and mended by a new commit."""
    facts = replace(
        PROMOTE, ledger=ledger(event("development", "v6", C), event("development", "v7", A, "failed"))
    )

    assert (
        "`aaaaaaaaaaaa` failed on development as v7",
        "mend it with a new commit on `develop`, then `invoke deploy --env development`",
        1,
    ) == why(facts)


def test_retry_does_not_excuse_a_source_that_failed() -> None:
    """`--retry` is about the target only."""
    facts = replace(
        PROMOTE, ledger=ledger(event("development", "v7", A, "failed")), request=PromoteRequest(retry=True)
    )

    assert "`aaaaaaaaaaaa` failed on development as v7" == why(facts)[0]


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (answer(C, "development"), "`cccccccccccc` answers, not `aaaaaaaaaaaa`"),
        (answer(None, "development"), "nobody answers: timed out"),
        (answer(A, "production"), "it says that it is `production`, not `development`"),
        (replace(answer(A, "development"), pages=(("/", 500),)), "`/` gives 500"),
        (None, "nobody answers: None"),
    ],
)
def test_a_source_that_answers_otherwise_is_refused(seen: Answer | None, reason: str) -> None:
    """The ledger alone is no proof: the source must answer with the commit now."""
    assert (
        f"`aaaaaaaaaaaa` is not live on development: {reason}",
        "`invoke deploy --env development`",
        1,
    ) == why(replace(PROMOTE, source_live=seen))


@pytest.mark.parametrize(
    ("facts", "again"),
    [
        (
            replace(DEPLOY, ledger=ledger(event("development", "v2", A, "failed"))),
            "`invoke deploy --env development --retry`",
        ),
        (
            replace(PROMOTE, ledger=ledger(*PROMOTE.ledger.events, event("staging", "v2", A, "failed"))),
            "`invoke promote --to staging --retry`",
        ),
    ],
    ids=["deploy", "promote"],
)
def test_what_failed_here_needs_retry(facts: Facts, again: str) -> None:
    """A bad commit does not go again by itself, and goes when a person says so."""
    said, hint, code = why(facts)

    assert (f"`aaaaaaaaaaaa` failed on {facts.environment.name} as v2 (2024-01-01)", 1) == (said, code)
    assert f"release a new commit, or try this one again: {again}" == hint
    assert decide(replace(facts, request=replace(facts.request, retry=True))).refused is None


SCHEMA: list[tuple[dict[str, Any], str]] = [
    (
        {"committed": (ONE, TWO, replace(TWO, file="2_y.sql"))},
        "two migrations of `aaaaaaaaaaaa` have the same version: `2`",
    ),
    ({"committed": (replace(ONE, sql="select 7"),)}, "edited after it was applied to staging: `1_x.sql`"),
    (
        {"applied": (ROW_ONE, ROW_TWO)},
        "the database of staging is ahead: it has `2`, which `aaaaaaaaaaaa` lacks",
    ),
    (
        {"committed": (ONE, THREE), "applied": (ROW_ONE, ROW_TWO)},
        "the database of staging is diverged: it has `2`, which `aaaaaaaaaaaa` lacks",
    ),
    (
        {"committed": (ONE, TWO, THREE), "applied": (ROW_ONE, ROW_THREE)},
        "older than the newest migration that staging has: `2_x.sql`",
    ),
]


@pytest.mark.parametrize(
    ("changes", "said"), SCHEMA, ids=["doubled", "edited", "ahead", "diverged", "late"]
)
def test_a_schema_that_does_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    """Doubled, edited, missing and late migrations are each refused with their names."""
    reason, hint, code = why(replace(PROMOTE, **changes))

    assert (said, 1) == (reason, code)
    assert hint


def test_the_weightiest_reason_is_said() -> None:
    """Lock, history, source, verdict, then the schema: doubled, edited, missing, late."""
    base = ledger(event("staging", "v1", C), event("development", "v7", A))
    edited_one = replace(ONE, sql="select 7")
    four, row_four, row_five = Migration("4", "4_x.sql", "x"), Applied("4"), Applied("5")
    layers: list[tuple[dict[str, Any], str]] = [
        ({"committed": (ONE, THREE, four), "applied": (ROW_ONE, row_four)}, "older than"),
        ({"applied": (ROW_ONE, row_four, row_five)}, "the database of staging is"),
        ({"committed": (edited_one, THREE, four)}, "edited after"),
        ({"committed": (edited_one, THREE, THREE, four)}, "two migrations"),
        (
            {"ledger": ledger(*base.events, event("staging", "v2", A, "failed"))},
            "`aaaaaaaaaaaa` failed on staging",
        ),
        ({"source_live": answer(C, "development")}, "`aaaaaaaaaaaa` is not live on development"),
        (
            {"ledger": ledger(event("staging", "v1", C), event("staging", "v2", A, "failed"))},
            "`aaaaaaaaaaaa` is not proven on development",
        ),
        ({"contained": False, "strangers": (Commit(C, "Bob", "2024", "x"),)}, "histories diverged"),
        ({"lock": LOCK}, "staging is locked"),
    ]
    facts = PROMOTE
    for changes, said in layers:
        facts = replace(facts, **changes)

        assert why(facts)[0].startswith(said)


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


def test_the_expected_answer_is_that_of_the_commit() -> None:
    """What is verified afterwards follows from the facts."""
    facts = replace(PROMOTE, committed=(ONE, TWO))

    assert (A, "staging", "2") == (facts.expected.commit, facts.expected.environment, facts.expected.schema)
    assert replace(facts, committed=()).schema is None


def test_what_a_hotfix_overtook_goes_out_of_order_on_a_persons_word() -> None:
    """The hint names the option; with it, the older migrations are pending like any others."""
    late = replace(PROMOTE, committed=(ONE, TWO, THREE), applied=(ROW_ONE, ROW_THREE))
    _reason, hint, _code = why(late)
    allowed = decide(replace(late, request=replace(late.request, out_of_order=True)))

    assert "`invoke promote --to staging --out-of-order`" in (hint or "")
    assert (None, ("2_x.sql",)) == (
        allowed.refused,
        tuple(each.file for each in allowed.comparison.pending),
    )
