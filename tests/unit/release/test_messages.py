"""The notices of releases, rollbacks and failures: complete, once each, and harmless."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.config.desk import Desk
from scripts.errors import Interrupted, ReleaseFailed
from scripts.git.client import Commit
from scripts.notify import sentry
from scripts.notify.chat import discord, slack
from scripts.notify.events import Deed, Notice
from scripts.notify.sentry import Deployed
from scripts.release import messages
from scripts.release.plan import Plan, decide
from scripts.release.request import RollbackRequest
from scripts.release.run import ReleaseRun
from scripts.replit.live import Answer
from scripts.sandbox import webhook_rules
from tests.unit.release.samples import PRODUCTION, PROMOTE, THREE, TWO, A, C, answer, event

DEED = Deed("r7", "Ada", "2030-01-02T03:04:05+00:00", 83.4, "it is time")
HOSTILE = "<!channel> @everyone <@U123> [free](https://evil.example)"
VERIFIED = {"name": "verify", "ending": "done", "seconds": 1.0}


def facts_of(notice: Notice) -> dict[str, str]:
    """Label and text."""
    return {fact.label: fact.text for fact in notice.facts}


def test_a_release_says_who_what_where_how_long_and_what_next() -> None:
    """The environment after this one is the next step."""
    notice = messages.of_release(decide(PROMOTE), DEED, "v8", "production")

    assert (notice.id, notice.kind, notice.title) == ("r7-success", "success", "staging: v8 is live")
    assert facts_of(notice) == {
        "what": f"promote of {A[:12]} from development",
        "who": "Ada",
        "reason": "it is time",
        "where": "https://staging.example.org",
        "took": "1 min 23 s",
        "run": "r7",
        "migrations": "none",
        "commits": "aaaaaaaa Ada: better",
    }
    assert notice.hint == "`invoke promote --to production`"


def test_the_last_environment_names_the_rollback_where_there_is_one() -> None:
    """A first release has nothing to go back to."""
    first = decide(replace(PROMOTE, ledger=replace(PROMOTE.ledger, events=())))

    assert messages.of_release(first, DEED, "v1", None).hint == ""
    assert "invoke rollback --env staging" in messages.of_release(decide(PROMOTE), DEED, "v2", None).hint


def test_a_start_names_commit_and_migrations() -> None:
    """And how to watch it; it has no duration yet."""
    plan = decide(replace(PROMOTE, committed=(*PROMOTE.committed, TWO, THREE)))
    notice = messages.of_start(plan, replace(DEED, seconds=None))

    assert (notice.kind, notice.id) == ("start", "r7-start")
    assert facts_of(notice)["migrations"] == "2_x.sql\n3_x.sql"
    assert "took" not in facts_of(notice)
    assert notice.hint == "`invoke lock.show`"


def test_a_rollback_says_that_the_environment_is_held() -> None:
    """What is live again, what is bad, and how to go on."""
    facts = replace(PROMOTE, request=RollbackRequest(), source=None, target=event("staging", "v1", A))
    notice = messages.of_rollback(decide(facts), DEED, "v9")

    assert notice.kind == "rollback"
    assert notice.title == "staging: rolled back to v1, which is live again as v9"
    assert facts_of(notice)["marked bad"] == f"v1 ({C[:12]})"
    assert "held" in facts_of(notice)
    assert "invoke release-hold --env staging" in notice.hint


@pytest.mark.parametrize(("rolled_back", "kind"), [(True, "rollback"), (False, "failure")])
def test_a_failure_is_one_notice(rolled_back: bool, kind: str) -> None:
    """An automatic rollback is in the notice of its failure."""
    notice = messages.of_failure(
        decide(PROMOTE),
        DEED,
        why="/ gives 500",
        hint="`invoke status`",
        at_step="verify",
        release="v9",
        live="`cccccccccccc`",
        rolled_back=rolled_back,
    )

    assert notice.kind == kind
    assert "staging: the promote of v9 failed at verify" in notice.title
    assert ("v1 is live again" in notice.title) == rolled_back
    assert facts_of(notice)["why"] == "/ gives 500"


def test_many_commits_are_counted() -> None:
    """Ten are listed."""
    plan = decide(replace(PROMOTE, commits=PROMOTE.commits * 31))

    assert "and 21 more commits" in facts_of(messages.of_release(plan, DEED, "v8", None))["commits"]


@pytest.mark.parametrize("field", ["author", "subject", "actor", "reason"])
def test_hostile_text_pings_nobody(field: str) -> None:
    """Whatever people write, both chats get it as plain text."""
    author, subject, actor, reason = (
        HOSTILE if field == name else "x" for name in ("author", "subject", "actor", "reason")
    )
    plan = decide(replace(PROMOTE, commits=(Commit(A, author, "", subject),) * 40))
    notice = messages.of_release(plan, replace(DEED, actor=actor, reason=reason), "v8", None)

    assert webhook_rules.slack_error(slack(notice)) is None
    assert webhook_rules.discord_error(discord(notice)) is None
    assert not webhook_rules.slack_pings(slack(notice))
    assert not webhook_rules.discord_pings(discord(notice))
    assert "https://evil" not in json.dumps([slack(notice), discord(notice)])


# ------------------------------------------------------------------------------------ what a run sends


def run_of(plan: Plan, *, live: Answer | None = None, lost: bool = False, **more: Any) -> ReleaseRun:
    """As much of a run as its notices need."""
    desk = SimpleNamespace(
        actor="Ada",
        job="",
        now=lambda: DEED.at,
        settings=SimpleNamespace(
            after=lambda _: PRODUCTION,
            sentry=SimpleNamespace(organization=""),
            github=SimpleNamespace(tell=False),
        ),
    )
    lock = SimpleNamespace(lost=lost, content=SimpleNamespace(reason="it is time", acquired_at=DEED.at))
    fields = {
        "id": "r7",
        "plan": plan,
        "desk": desk,
        "environment": plan.facts.environment,
        "release": "v8",
        "steps": [],
        "maps": None,
    }
    return cast(ReleaseRun, SimpleNamespace(**{**fields, "lock": lock, "live": live, **more}))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Notice, dict[str, Any]]]:
    """What was sent, and how."""
    notices: list[tuple[Notice, dict[str, Any]]] = []
    monkeypatch.setattr(messages, "send", lambda _, make, **how: notices.append((make(), how)))
    return notices


def test_only_a_guarded_environment_announces_a_start(sent: list[tuple[Notice, dict[str, Any]]]) -> None:
    """In the background: the release goes on."""
    messages.start(run_of(decide(PROMOTE)))
    assert sent == []
    messages.start(run_of(decide(PROMOTE), environment=PRODUCTION))

    assert [(notice.kind, how) for notice, how in sent] == [("start", {"wait": False})]


def test_sentry_is_told_of_what_is_live(
    sent: list[tuple[Notice, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its commits; a rollback brings none."""
    told: list[Deployed] = []

    def telling(_desk: Desk, _where: object, deployed: Deployed) -> AbstractContextManager[None]:
        told.append(deployed)
        return nullcontext()

    monkeypatch.setattr(sentry, "telling", telling)
    messages.success(run_of(decide(PROMOTE)))
    back = replace(PROMOTE, request=RollbackRequest(), source=None, target=event("staging", "v1", A))
    messages.success(run_of(decide(back)))

    assert [(each.release, each.commit) for each in told] == [("v8", PROMOTE.wanted), ("v8", back.wanted)]
    assert [tuple(each.commits) for each in told] == [PROMOTE.commits, ()]


def test_a_success_names_the_next_environment(sent: list[tuple[Notice, dict[str, Any]]]) -> None:
    """It comes from the chain."""
    messages.success(run_of(decide(PROMOTE)))

    assert sent[0][0].hint == "`invoke promote --to production`"


@pytest.mark.parametrize(
    ("live", "steps", "kind"),
    [
        (answer(C, "staging"), [VERIFIED], "rollback"),
        (answer(C, "staging"), [], "failure"),
        (answer(A, "staging"), [VERIFIED], "failure"),
        (None, [VERIFIED], "failure"),
    ],
)
def test_only_a_verified_previous_release_is_a_rollback(
    sent: list[tuple[Notice, dict[str, Any]]], live: Answer | None, steps: list[Any], kind: str
) -> None:
    """The previous commit must be live, and the run must have verified it."""
    messages.failure(run_of(decide(PROMOTE), live=live, steps=steps), ReleaseFailed("bad"), "verify")

    assert [notice.kind for notice, _ in sent] == [kind]


def test_a_run_that_lost_its_lock_sends_nothing(sent: list[tuple[Notice, dict[str, Any]]]) -> None:
    """Whoever took the lock over reports the end."""
    messages.failure(run_of(decide(PROMOTE), lost=True), ReleaseFailed("bad"), "verify")

    assert sent == []


def test_an_interrupted_run_has_little_time_for_notices(sent: list[tuple[Notice, dict[str, Any]]]) -> None:
    """A cancelled CI job is killed after 10 s."""
    messages.failure(run_of(decide(PROMOTE)), Interrupted("interrupted"), "build")

    assert sent[0][1] == {"budget": messages.INTERRUPTED_BUDGET}
