"""`freeze`, `unfreeze` and `release-hold`: what stops releases for a time, and lets them go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from scripts.errors import Refused, UsageError
from scripts.notify import deliver
from scripts.notify.events import Notice
from scripts.release import freeze as freezing
from scripts.release.commands import deploy, rollback
from scripts.release.freeze import freeze, moment, release_hold, unfreeze
from scripts.release.request import DeployRequest, FreezeRequest, RollbackRequest, UnfreezeRequest
from scripts.state.ledger import REF
from tests.fakes.world import World, ending

UNTIL = "2030-01-02T00:00:00+00:00"


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's zone: an hour before UTC in winter."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Notice]:
    """The notices that were sent."""
    notices: list[Notice] = []

    def send(_desk: object, make: object, **_how: object) -> None:
        notices.append(make())  # type: ignore[operator]

    monkeypatch.setattr(deliver, "send", send)
    return notices


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2030-01-02", "2030-01-01T23:00:00+00:00"),
        ("2030-01-02T08:00", "2030-01-02T07:00:00+00:00"),
        ("2030-07-02T08:00", "2030-07-02T06:00:00+00:00"),
        ("2030-01-02T08:00:00Z", "2030-01-02T08:00:00+00:00"),
        ("2030-01-02T08:00+05:30", "2030-01-02T02:30:00+00:00"),
    ],
)
def test_a_time_is_typed_in_the_persons_zone(typed: str, expected: str) -> None:
    """Unless it names one; it is kept in UTC."""
    assert moment(typed) == expected


@pytest.mark.parametrize("typed", ["2w", "tomorrow", "2030-13-01", "8:00", "9999-12-31T23:59:59-23:59"])
def test_what_is_no_time_is_refused(typed: str) -> None:
    """With an example."""
    with pytest.raises(UsageError, match="is no time") as caught:
        moment(typed)

    assert "2030-01-02T08:00" in str(caught.value.hint)


def test_a_freeze_stops_releases_until_its_time(world: World, sent: list[Notice]) -> None:
    """It is in the ledger, people are told, and afterwards releases go on by themselves."""
    outcome = freeze(world.desk(), FreezeRequest(env="dev", until="2030-01-02T01:00", reason="the fair"))
    error = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))
    world.clock.sleep(24 * 3600)

    assert outcome.message == f"development is frozen until {UNTIL}"
    assert "invoke unfreeze --env development" in str(outcome.hint)
    assert world.last("development").detail == {"until": UNTIL, "reason": "the fair"}
    assert [notice.environment for notice in sent] == ["development"]
    assert "is frozen until" in error.message
    assert deploy(world.desk(), DeployRequest(env="development")).code == 0


@pytest.mark.parametrize(
    ("until", "reason", "said"),
    [
        ("2029-12-31", "why", "is over already"),
        ("2030-01-01T01:00", "why", "is over already"),
        ("2030-02-01", "", "`--reason` is required"),
        ("2030-02-01", "  ", "`--reason` is required"),
    ],
)
def test_a_freeze_needs_a_time_to_come_and_a_reason(
    world: World, until: str, reason: str, said: str
) -> None:
    """Else nothing is written."""
    asked = FreezeRequest(env="development", until=until, reason=reason)
    error = ending(lambda: freeze(world.desk(), asked))

    assert type(error) in (Refused, UsageError)
    assert said in error.message
    assert REF not in world.remote.refs


def test_a_freeze_is_lifted(world: World, sent: list[Notice]) -> None:
    """By anybody, with a reason; a second time there is nothing to do."""
    freeze(world.desk(), FreezeRequest(env="development", until="2030-02-01", reason="the fair"))
    asked = UnfreezeRequest(env="development", reason="it is over")
    first, second = (unfreeze(world.desk("Bob"), asked) for _ in "12")

    assert (first.ending, second.ending) == ("done", "nothing")
    assert world.last("development").actor == "Bob"
    assert world.last("development").detail == {"reason": "it is over"}
    assert len(sent) == 2
    assert deploy(world.desk(), DeployRequest(env="development")).code == 0


def test_a_freeze_of_one_environment_is_not_one_of_another(world: World, sent: list[Notice]) -> None:
    freeze(world.desk(), FreezeRequest(env="production", until="2030-02-01", reason="the fair"))

    assert unfreeze(world.desk(), UnfreezeRequest(env="development")).ending == "nothing"
    assert deploy(world.desk(), DeployRequest(env="development")).code == 0


def test_a_hold_is_lifted(world: World) -> None:
    """Releases go on; the commit that was rolled back stays bad."""
    deploy(world.desk(), DeployRequest(env="development"))
    bad = world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    rollback(world.desk(), RollbackRequest(env="development"))
    asked = UnfreezeRequest(env="development", reason="fixed")
    first, second = (release_hold(world.desk(), asked) for _ in "12")
    refused = ending(lambda: deploy(world.desk(), DeployRequest(env="development")))
    world.commit("develop", {"file": "fixed"})

    assert (first.ending, second.ending) == ("done", "nothing")
    assert f"`{bad[:12]}` was rolled back" in refused.message
    assert deploy(world.desk(), DeployRequest(env="development")).code == 0


def test_the_ledger_is_read_as_it_is_now(world: World) -> None:
    """Not as this clone has seen it."""
    desk = world.desk()
    assert freezing.now(desk).events == ()
    freeze(world.desk("Bob"), FreezeRequest(env="development", until="2030-02-01", reason="x"))

    assert [event.kind for event in freezing.now(desk).events] == ["freeze"]


@pytest.mark.parametrize(("typed", "hours"), [("90m", 1.5), ("2h", 2), ("3d", 72)])
def test_a_span_begins_now(typed: str, hours: float) -> None:
    """As people say it."""
    ahead = datetime.fromisoformat(moment(typed)) - datetime.now(UTC)
    assert abs(ahead.total_seconds() - hours * 3600) < 60


def test_a_missing_end_is_named() -> None:
    """By its option."""
    with pytest.raises(UsageError, match="`--until` is missing"):
        moment("")
