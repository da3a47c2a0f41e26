"""The watch window asks Sentry: new issues are a breach, and a Sentry that is away is a doubt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.notify.sentry import TOKEN
from tests.fakes.world import build_world
from tests.support.posts import Webhook
from tests.support.sentry import KEY, Told, issue, sentry
from tests.unit.monitor.apps import App

WATCH = {"minutes": 2, "on_breach": "rollback", "sentry": True, "issues": 0}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """What Sentry knows."""
    with sentry(tmp_path_factory.mktemp("sentry")) as made:
        yield made


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: Told, chat: Webhook) -> App:
    """v1 is live, and passed; the next commit stands on staging."""
    known()
    known.play()
    table = {"organization": "sandbox", "projects": ["sandbox"], "url": known.settings.url}
    world = build_world(tmp_path, monkeypatch, environment__production__watch=WATCH, sentry=table)
    made = App(world, {"SLACK_WEBHOOK_URL": chat.url.reveal(), TOKEN: KEY})
    passed = made.release("one")()
    assert (passed.code, passed.data["watch"]["issues"]) == (0, 0)
    made.release("two")
    return made


def test_a_new_issue_takes_the_release_back(app: App, known: Told) -> None:
    """Though every page answers."""
    good = app.world.head("main")
    known(issue(app.world.head("staging")))
    outcome = app.watch()

    assert (outcome.code, outcome.data["watch"]["verdict"]) == (1, "failed")
    assert "1 new issue at Sentry, 0 with v1: AIRHOST-1A: TypeError: x is undefined" in outcome.message
    assert app.world.drivers["production"].served.commit == good
    assert app.world.is_clean()


def test_as_many_as_the_release_before_had_are_none_too_many(app: App, known: Told) -> None:
    """Or as the setting allows; what v2 had is what v3 is compared with."""
    environments = app.world.settings.environments
    production = environments["production"]
    environments["production"] = production._replace(watch=production.watch._replace(issues=1))  # type: ignore[index]
    second = app.world.head("staging")
    known(issue(second))
    assert app.watch().code == 0
    environments["production"] = production  # type: ignore[index]
    promoted = app.release("three")
    third = app.world.head("staging")
    known(issue(third))
    assert promoted().code == 0
    promoted = app.release("four")
    known(*(issue(app.world.head("staging"), shortId=f"A-{number}") for number in range(2)))

    assert "2 new issues at Sentry, 1 with v3: A-0" in promoted().message


@pytest.mark.parametrize("status", [403, 500])
def test_a_sentry_that_says_nothing_is_a_doubt(app: App, known: Told, status: int) -> None:
    """The verdict is inconclusive, and the release stays."""
    known.play(*[{"status": status}] * 100)
    outcome = app.watch()

    assert (outcome.code, outcome.data["watch"]["verdict"]) == (8, "inconclusive")
    assert "Sentry can't be asked" in outcome.message
    assert app.world.drivers["production"].served.commit == app.world.head("main")


def test_a_moment_without_an_answer_is_none(app: App, known: Told) -> None:
    """The next one counts."""
    known.play(*[{"status": 500}] * 4)

    assert app.watch().data["watch"]["verdict"] == "passed"


def test_a_breach_of_the_pages_needs_no_sentry(app: App, known: Told) -> None:
    """The one is found while the other is away."""
    known.play(*[{"status": 500}] * 100)
    app.fails[app.world.head("staging")] = 2

    assert app.watch().data["watch"]["verdict"] == "failed"
