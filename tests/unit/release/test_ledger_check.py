"""`ledger.check` and `ledger.repair`, and who else names what is no event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.errors import Declined, Refused
from scripts.release.commands import deploy
from scripts.release.history import history
from scripts.release.ledger_check import check, repair
from scripts.release.request import (
    DeployRequest,
    HistoryRequest,
    LedgerCheckRequest,
    LedgerRepairRequest,
    StatusRequest,
)
from scripts.release.status import status
from scripts.setup.remote_checks import check_ledger
from scripts.state.ledger import FILE, REF, event_of
from scripts.state.remote import record
from tests.fakes.world import World, ending
from tests.unit.state.test_event_rules import GOOD

JSON: dict[str, Any] = {"json": True}


def append(world: World, text: str | dict[str, Any], file: str = FILE) -> str:
    """An ordinary push to the ledger, by hand."""
    tip = world.remote.refs.get(REF)
    content = text if isinstance(text, str) else json.dumps(text)
    world.remote.refs[REF] = world.remote.add({file: content}, (tip,) if tip else (), "Eve", "by hand")
    return world.remote.refs[REF]


BROKEN: list[tuple[str | dict[str, Any], str]] = [
    ("{not json", FILE),
    ("", FILE),
    ("[1,2]", FILE),
    ("null", FILE),
    ("# notes", "README.md"),
    ({"environment": "development"}, FILE),
    ({**GOOD, "environment": "development", "commit": "--upload-pack=touch x"}, FILE),
    ({**GOOD, "environment": "development", "commit": 7}, FILE),
]


@pytest.mark.parametrize(("text", "file"), BROKEN, ids=lambda each: str(each)[:20])
def test_one_broken_event_stops_nothing_and_is_named(
    world: World, text: str | dict[str, Any], file: str
) -> None:
    """By `status`, `history`, `doctor` and `ledger.check`; after the correction by nobody."""
    desk = world.desk()
    assert deploy(desk, DeployRequest(env="development")).ending == "done"
    broken = append(world, text, file)
    world.commit("develop", subject="next")

    assert deploy(desk, DeployRequest(env="development")).data["release"] in ("v2", "v4")
    seen = status(desk, StatusRequest())
    (problem,) = seen.data["problems"]
    assert (seen.code, problem[:40]) == (0, f"the ledger's commit `{broken[:12]}` is no event"[:40])
    assert len(history(desk, HistoryRequest(**JSON)).data["events"]) == 2
    (finding,) = check_ledger(desk)
    assert (finding.state, broken[:12] in finding.message) == ("error", True)
    found = check(desk, LedgerCheckRequest())
    assert (found.code, [each["commit"] for each in found.data["skipped"]]) == (1, [broken])

    before = world.remote.refs[REF]
    assert repair(desk, LedgerRepairRequest()).data["corrects"] == [broken]
    assert world.remote.commits[world.remote.refs[REF]].parents == (before,)
    assert check(desk, LedgerCheckRequest()).code == 0
    assert status(desk, StatusRequest()).data["problems"] == []
    assert [each.state for each in check_ledger(desk)] == ["ok"]
    assert repair(desk, LedgerRepairRequest()).ending == "nothing"


def test_a_newer_desk_is_told_and_is_no_fault(world: World) -> None:
    """There is nothing to repair; `ledger.check` is green and says it."""
    append(world, {**GOOD, "kind": "canary", "environment": "development"})
    append(world, {**GOOD, "version": 7, "run": "other", "environment": "development"})
    desk = world.desk()
    found = check(desk, LedgerCheckRequest())

    assert (found.code, len(found.data["newer"])) == (0, 2)
    assert "2 by a newer desk: update this one" in found.message
    assert all("newer desk" in each for each in status(desk, StatusRequest()).data["problems"])
    assert [each.state for each in check_ledger(desk)] == ["warning", "warning"]
    assert repair(desk, LedgerRepairRequest()).ending == "nothing"


def test_an_environment_that_left_is_named_until_that_is_said(world: World) -> None:
    """Its events stay."""
    append(world, {**GOOD, "environment": "nowhere"})
    desk = world.desk()

    assert "`nowhere`" in status(desk, StatusRequest()).data["problems"][0]
    assert [each.state for each in check_ledger(desk)] == ["warning"]
    assert repair(desk, LedgerRepairRequest()).data["departed"] == ["nowhere"]
    assert status(desk, StatusRequest()).data["problems"] == []
    assert len(history(desk, HistoryRequest(**JSON)).data["events"]) == 2


def test_a_plan_appends_nothing(world: World) -> None:
    """It says what would be corrected."""
    broken = append(world, "{")

    assert repair(world.desk(), LedgerRepairRequest(plan=True)).data["corrects"] == [broken]
    assert world.remote.refs[REF] == broken


def test_an_event_that_is_wrong_is_taken_back(world: World) -> None:
    """With a reason; the release before it is live again, and its number is not used again."""
    desk = world.desk()
    deploy(desk, DeployRequest(env="development"))
    first = world.ledger.live("development")
    commit = world.head("develop")
    wrong = append(world, {**GOOD, "environment": "development", "release": "v2", "commit": commit})
    assert type(ending(lambda: repair(desk, LedgerRepairRequest(event=wrong)))) is Refused
    repair(desk, LedgerRepairRequest(event=wrong[:12], reason="nobody released it"))

    assert world.ledger.live("development") == first
    assert world.ledger.next_release("development") == "v3"
    detail = world.ledger.events[-1].detail
    assert detail["why"][wrong].endswith("by Ada is taken back: nobody released it")


def test_an_event_of_a_guarded_environment_needs_consent(world: World) -> None:
    """As a change there does."""
    desk = world.desk()
    record(desk, "production", "freeze", until="2031-01-01T00:00:00+00:00")
    request = LedgerRepairRequest(event=world.remote.refs[REF], reason="by mistake")

    assert type(ending(lambda: repair(desk, request))) is Declined
    assert world.ledger.freeze("production", "2030-06-01T00:00:00+00:00")
    repair(desk, LedgerRepairRequest(event=request.event, reason="by mistake", yes=True))
    assert world.ledger.freeze("production", "2030-06-01T00:00:00+00:00") is None


@pytest.mark.parametrize("name", ["abc", "f" * 40, "--all"])
def test_a_commit_that_is_not_in_the_ledger_is_refused(world: World, name: str) -> None:
    """Too short, unknown, or an option."""
    record(world.desk(), "staging", "approval")
    error = ending(lambda: repair(world.desk(), LedgerRepairRequest(event=name, reason="x")))

    assert error.message == f"`{name}` is no commit of the ledger"


def test_a_correction_is_read_as_an_event(world: World) -> None:
    """Of no environment; it names the commits."""
    broken = append(world, "{")
    repair(world.desk(), LedgerRepairRequest(reason="by hand"))
    document = json.loads(world.remote.commits[world.remote.refs[REF]].files[FILE])

    assert event_of(document).kind == "correction"
    assert (document["corrects"], document["reason"], document["environment"]) == ([broken], "by hand", "")
