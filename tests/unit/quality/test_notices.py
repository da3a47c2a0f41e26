"""Failed tests and a wanted approval are told, each once, with what to type next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.config.settings import Gates
from scripts.notify import deliver
from scripts.notify.chat import discord, slack
from scripts.notify.events import Notice
from scripts.quality import proofs
from scripts.quality.approve import approve
from scripts.quality.request import ApproveRequest
from scripts.sandbox import webhook_rules
from tests.fakes.world import World
from tests.support.evidence import measured

REPORT: dict[str, Any] = {"level": "full", "digest": "sha256:" + "0" * 64}
PAGE = "https://github.com/acme/app/actions/runs/7"


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Notice]:
    """What was told; production demands a test, an approval and some minutes."""
    demanded = Gates(e2e="full", load="steady", approval=1, soak_minutes=60)
    environment = world.settings.environments["production"]
    world.settings.environments["production"] = environment._replace(gates=demanded)  # type: ignore[index]
    said: list[Notice] = []
    monkeypatch.setattr(deliver, "send", lambda _desk, make: said.extend(filter(None, [make()])))
    return said


def prove(world: World, what: str, *, level: str = "full", passed: bool = True, commit: str = "") -> None:
    desk = replace(world.desk("Quinn"), job=PAGE)
    staging = desk.settings.environment("staging")
    detail = {**REPORT, "level": level, "measured": measured(desk, staging, what, level)}
    proofs.prove(desk, staging, what, commit or world.head("staging"), passed=passed, **detail)


def facts(notice: Notice) -> dict[str, str]:
    return {fact.label: fact.text for fact in notice.facts}


def test_an_approval_is_asked_for_when_nothing_else_is_missing(world: World, told: list[Notice]) -> None:
    """Time alone is no reason to wait with it."""
    prove(world, "e2e")
    assert told == []
    prove(world, "load", level="steady")

    (asked,) = told
    assert asked.kind == "approval"
    assert asked.title == "production: v3 of staging waits for an approval"
    assert "then `invoke approve --env staging --commit " in asked.hint
    assert (facts(asked)["who"], facts(asked)["log"]) == ("Quinn", PAGE)
    assert world.head("staging")[:12] in facts(asked)["what"]
    assert webhook_rules.slack_error(slack(asked)) is None
    assert webhook_rules.discord_error(discord(asked)) is None


def test_nobody_is_asked_for_what_is_there(world: World, told: list[Notice]) -> None:
    """Not after an approval, and not for a commit that is live no longer."""
    approve(world.desk("Bob"), ApproveRequest(env="staging"))
    prove(world, "e2e")
    prove(world, "load", level="steady")
    other = world.commit("staging")
    for what, level in (("e2e", "full"), ("load", "steady")):
        prove(world, what, level=level, commit=other)

    assert told == []


def test_failed_tests_are_told(world: World, told: list[Notice]) -> None:
    """With the environment that stays closed to the commit."""
    prove(world, "load", level="steady", passed=False)

    (failed,) = told
    assert (failed.kind, failed.title) == ("failure", "staging: load steady FAILED")
    assert facts(failed)["closed to it"] == "production"
    assert "invoke deploy --env development" in failed.hint
