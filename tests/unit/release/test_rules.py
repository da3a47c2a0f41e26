"""The rules that can say no: each with its reason and the next command, the weightiest first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.config.settings import Gates
from scripts.database.migrations.files import Applied, Migration
from scripts.database.migrations.source import FileFault
from scripts.git.client import Commit
from scripts.release.facts import Facts
from scripts.release.plan import decide
from scripts.release.plan_text import words
from scripts.release.request import PromoteRequest, RollbackRequest
from scripts.replit.live import Answer
from scripts.secrets.finding import Finding
from scripts.state.ledger import Event
from tests.unit.release.samples import (
    DEPLOY,
    DEV,
    HOTFIX,
    LOCK,
    ONE,
    PROMOTE,
    ROW_ONE,
    ROW_THREE,
    ROW_TWO,
    STAGING,
    THREE,
    TWO,
    A,
    B,
    C,
    answer,
    event,
    ledger,
    why,
)


def test_a_locked_environment_is_code_5() -> None:
    """The one refusal with a code of its own names the holder."""
    said, hint, code = why(replace(PROMOTE, lock=LOCK))

    assert "staging is locked by Bob on `laptop` since 2024-01-01T00:00:00+00:00" in said
    assert ("wait for that run (`--wait`), or, if it is dead: `invoke resume --env staging`", 5) == (
        hint,
        code,
    )


def test_an_older_commit_is_named_as_such() -> None:
    """The branch has it already: nothing diverged, and the way back is another task."""
    strangers = (Commit(C, "Bob", "2024", "x"),)
    request = replace(PROMOTE.request, sha="a1b2c3")
    said, hint, _ = why(replace(PROMOTE, request=request, contained=False, commits=(), strangers=strangers))

    assert "is older than what `staging` has" in said
    assert "invoke rollback --env staging" in str(hint)


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
    """What failed before is named as failed, and fixed by a new commit."""
    facts = replace(
        PROMOTE, ledger=ledger(event("development", "v6", C), event("development", "v7", A, "failed"))
    )

    assert (
        "`aaaaaaaaaaaa` failed on development as v7",
        "fix it with a new commit on `develop`, then `invoke deploy --env development`",
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


def test_a_log_in_before_the_app_is_found_before_anything_changes() -> None:
    """No release could be verified. A run that has published must go on."""
    closed = Answer(307, error="it asks for a log-in: the app is private", login=True)
    said, hint, code = why(replace(DEPLOY, live=closed))

    assert (said.partition(" does not let the desk in: ")[2], code) == (closed.error, 1)
    assert '`header = "Authorization"`' in str(hint)
    dead = replace(DEPLOY, live=closed, request=replace(DEPLOY.request, resumes="r1"))
    assert decide(dead).refused is None


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


def test_a_commit_that_failed_elsewhere_may_be_tried_here() -> None:
    """A verdict counts where it was given."""
    facts = replace(DEPLOY, ledger=ledger(event("staging", "v1", A, "failed")))

    assert decide(facts).refused is None


def test_an_error_of_the_desk_is_no_verdict() -> None:
    """After a network fault the same commit goes again without `--retry`."""
    facts = replace(DEPLOY, ledger=ledger(event("development", "v1", A, "error")))

    assert decide(facts).refused is None


# --------------------------------------------------------------------------- stops, proofs and findings


def stop(kind: str, where: str = "staging", **detail: Any) -> Event:
    """An event that is no release, by Bob."""
    return Event(where, kind, "done", "v3", C, "Bob", "2024-01-05T00:00:00+00:00", "r5", detail)


def with_events(*events: Event, **changes: Any) -> Facts:
    """The promotion, after these events; the last one may say when it is now."""
    known: dict[str, Any] = {"now": "2024-01-10T00:00:00+00:00", **changes}
    return replace(PROMOTE, ledger=ledger(*PROMOTE.ledger.events, *events), **known)


@pytest.mark.parametrize(("reason", "said"), [("broken", "broken"), (None, "no reason was given")])
def test_a_held_environment_takes_nothing_new(reason: str | None, said: str) -> None:
    """Until somebody lifts the hold; the hint is the command."""
    held = with_events(stop("rollback", reason=reason))

    assert why(held) == (
        f"staging is held since the rollback v3 by Bob: {said}",
        "`invoke release-hold --env staging` lets releases go on",
        1,
    )
    assert decide(with_events(stop("rollback"), stop("release-hold"))).refused is None
    assert decide(with_events(stop("rollback", "production"))).refused is None


def test_a_frozen_environment_takes_nothing_until_the_time_is_over() -> None:
    """Or somebody lifts it."""
    freeze = stop("freeze", until="2024-01-11T00:00:00+00:00", reason="the fair")

    assert why(with_events(freeze)) == (
        "staging is frozen until 2024-01-11T00:00:00+00:00 by Bob: the fair",
        "wait, or `invoke unfreeze --env staging --reason ...`",
        1,
    )
    assert decide(with_events(freeze, now="2024-01-11T00:00:00+00:00")).refused is None
    assert decide(with_events(freeze, stop("unfreeze"))).refused is None


def test_a_rollback_is_possible_in_a_frozen_and_held_environment() -> None:
    """Going back is never stopped by what stops releases."""
    back = with_events(
        stop("rollback"),
        stop("freeze", until="2030"),
        request=RollbackRequest(env="staging"),
        source=None,
        wanted=C,
        target=event("staging", "v1", C),
    )

    assert decide(back).refused is None


def test_a_commit_that_was_rolled_back_here_needs_a_reason() -> None:
    """It is named with its rollback, and the command that allows it."""
    bad = with_events(stop("rollback", bad=A), stop("release-hold"))
    allowed = replace(bad, request=replace(bad.request, allow_bad="it was the cache"))

    assert why(bad) == (
        "`aaaaaaaaaaaa` was rolled back on staging (v3, 2024-01-05T00:00:00+00:00)",
        "release a commit that fixes it, or: `invoke promote --to staging --allow-bad REASON`",
        1,
    )
    assert decide(allowed).refused is None


def test_errors_of_the_configuration_stop_a_release() -> None:
    """All of them are listed; a warning stops nothing."""
    error = Finding("ENV001", "error", ".env.staging", 3, "API_KEY", "it has no value")
    warning = Finding("ENV009", "warning", ".env.staging", 4, "X", "it is unused")
    reason, hint, code = why(replace(PROMOTE, findings=(error, warning, error)))

    assert reason.startswith("the configuration of staging has 2 error(s):\n  | ")
    assert "it has no value" in reason
    assert "unused" not in reason
    assert (hint, code) == ("`invoke env.check --env staging` says how each is fixed", 1)
    assert decide(replace(PROMOTE, findings=(warning,))).refused is None


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (None, "there was none yet"),
        ("2024-01-01T00:00:00+00:00", "the last one was 2024-01-01T00:00:00+00:00"),
        ("2024-01-08T00:00:00+00:00", None),
    ],
)
def test_a_drill_may_be_demanded_of_the_environment_before(at: str | None, said: str | None) -> None:
    """Within so many days."""
    drill = Event("development", "proof", "done", "v7", A, "Ada", at or "", "r3", {"what": "drill"})
    facts = with_events(*([drill] if at else []), environment=STAGING._replace(drill_days=7))

    refused = decide(facts).refused

    assert (refused.why if refused else None) == (
        f"staging demands a drill on development within 7 days: {said}" if said else None
    )


def test_missing_proofs_are_the_last_reason_and_can_be_got() -> None:
    """The rule has a name: `--run-missing` asks for it."""
    facts = replace(PROMOTE, environment=STAGING._replace(gates=Gates(e2e="smoke")), before=DEV)
    refused = decide(facts).refused

    assert refused is not None
    assert refused.rule == "gates"
    assert "`invoke promote --to staging --run-missing` runs the tests" in str(refused.hint)


def test_time_alone_is_waited_for() -> None:
    """No command makes it pass."""
    facts = with_events(environment=STAGING._replace(gates=Gates(soak_minutes=10**6)), before=DEV)

    assert why(facts)[1] == "wait, and try again"


# ------------------------------------------------------------------------------------------- going back

BACK = replace(
    PROMOTE,
    request=RollbackRequest(env="staging"),
    source=None,
    source_live=None,
    wanted=A,
    target=event("staging", "v1", A),
    ledger=ledger(event("staging", "v1", A), event("staging", "v2", C)),
)


def test_a_rollback_looks_at_no_rule_for_what_is_new() -> None:
    """No history, no proof, no verdict: it was proven here before."""
    facts = replace(
        BACK,
        contained=False,
        ledger=ledger(*BACK.ledger.events, event("staging", "v3", A, "failed")),
        findings=(Finding("ENV001", "error", "x", 1, "x", "x"),),
    )

    assert decide(facts).refused is None


def test_a_rollback_meets_a_lock_like_any_other() -> None:
    """It may be the very run that is broken."""
    assert why(replace(BACK, lock=LOCK))[2] == 5


def test_a_release_whose_migrations_are_gone_can_not_be_gone_back_to() -> None:
    """They were undone since; the files are named."""
    assert why(replace(BACK, committed=(ONE, TWO))) == (
        "the database of staging lacks migrations of that release: `2_x.sql`",
        "`invoke status` says what stands where",
        1,
    )


def test_a_bad_release_is_gone_back_to_only_with_a_reason() -> None:
    """The hint says the very command, with its release."""
    bad = replace(
        BACK,
        ledger=ledger(
            *BACK.ledger.events,
            Event("staging", "rollback", "done", "v3", C, "Bob", "2024-01-05", "r5", {"bad": A}),
        ),
    )

    assert "`invoke rollback --env staging --to v1 --allow-bad REASON`" in str(why(bad)[1])
    assert decide(replace(bad, request=replace(bad.request, allow_bad="why"))).refused is None


def test_a_rollback_with_data_that_no_way_allows_lists_the_ways() -> None:
    """The rules of `rollback_options` speak here."""
    reason, hint, _ = why(replace(BACK, request=RollbackRequest(env="staging", scope="full")))

    assert reason.startswith("staging can't go back with its data:\n  | full: not possible")
    assert hint == "`invoke backup.list --env staging`"


ODD = (
    FileFault("2-b.sql", "is skipped", "", "git mv m/2-b.sql m/2_b.sql"),
    FileFault("1_x.down.sql", "is applied like any other", "1", "git mv m/1_x.down.sql r/1_x.sql"),
    FileFault("3_c.sql", "holds a NUL byte", "3"),
)


def test_files_that_would_not_do_what_was_meant_are_named() -> None:
    """With the commands that fix them; not those that the database has already."""
    said, hint, code = why(replace(DEPLOY, file_faults=ODD))

    assert said == (
        "2 files among the migrations would not do what was meant:"
        "\n  | `2-b.sql` is skipped\n  | `3_c.sql` holds a NUL byte"
    )
    assert (hint, code) == ("`git mv m/2-b.sql m/2_b.sql`, then commit", 1)


def test_files_of_an_app_without_a_database_do_not_matter() -> None:
    """Nor does one that no command fixes get an empty one."""
    assert decide(replace(DEPLOY, file_faults=ODD, applied=None)).refused is None
    said, hint, _ = why(replace(DEPLOY, file_faults=ODD[2:]))

    assert (
        said == "a file among the migrations would not do what was meant:\n  | `3_c.sql` holds a NUL byte"
    )
    assert hint == "fix them in a new commit"


def test_migrations_that_no_release_applies_stop_one_that_would_apply_none() -> None:
    """As in a nested app; where some are applied, the others are told."""
    facts = replace(DEPLOY, committed=(), applied=(), elsewhere=("apps/web/supabase/migrations",))
    said, hint, code = why(facts)

    assert "`[app] migrations` has no migration" in said
    assert "`apps/web/supabase/migrations` has some" in said
    assert '`migrations = "apps/web/supabase/migrations"`' in str(hint)
    assert code == 1
    assert decide(replace(facts, applied=None)).refused is None
    beside = decide(replace(facts, committed=DEPLOY.committed, applied=DEPLOY.applied))
    assert beside.refused is None
    assert "  note: `apps/web/supabase/migrations` has migrations that no release applies" in list(
        words(beside)
    )


@pytest.mark.parametrize(("applied", "said"), [((), "is empty"), ((ROW_TWO,), "lost `1`")])
def test_migrations_are_not_applied_again_to_a_full_database(
    applied: tuple[Applied, ...], said: str
) -> None:
    """The hint puts the rows back."""
    facts = replace(DEPLOY, committed=(ONE, TWO), applied=applied, lost=("1",))
    why_not, hint, code = why(facts)

    assert (f"the history of development {said}, though v1" in why_not, code) == (True, 1)
    assert '`supabase migration repair --status applied 1 --remote="$DATABASE_URL"`' in (hint or "")
