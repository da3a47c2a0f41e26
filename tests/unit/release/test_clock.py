"""The time that counts is that of a server, whatever this machine's clock says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest

from scripts.config.desk import Desk
from scripts.errors import Refused, Unreachable
from scripts.release import clock
from scripts.release.commands import deploy
from scripts.release.freeze import freeze, unfreeze
from scripts.release.request import DeployRequest, FreezeRequest, StatusRequest, UnfreezeRequest
from scripts.release.status import status
from scripts.replit.live import Answer
from tests.fakes.world import Notes, World, ending

DAY, HOUR = 86400.0, 3600.0
REQUEST = DeployRequest(env="development")


def skewed(world: World, seconds: float) -> Desk:
    """A desk whose machine's clock differs from that of the database."""

    def now() -> str:
        ours = datetime.fromisoformat(world.clock.now()) + timedelta(seconds=seconds)
        return ours.isoformat(timespec="seconds")

    return world.desk(now=now)


def without_database(world: World) -> None:
    """Development has none."""
    development = world.settings.environments["development"]._replace(database=False)
    world.settings.environments["development"] = development  # type: ignore[index]


def until(world: World, hours: float) -> FreezeRequest:
    """A freeze that ends in so many hours, by the true clock."""
    end = datetime.fromisoformat(world.clock.now()) + timedelta(hours=hours)
    return FreezeRequest(env="development", until=end.isoformat(), reason="the fair")


@pytest.mark.parametrize("skew", [DAY, -DAY, 365 * DAY, 40.0])
@pytest.mark.parametrize("database", [True, False])
def test_a_clock_that_is_wrong_passes_no_freeze(world: World, skew: float, database: bool) -> None:
    """Nor does it keep one; by how much it is wrong is said, and which clock counts."""
    if not database:
        without_database(world)
        driver = world.drivers["development"]
        driver.faults["live"] = lambda: replace(driver.served, at=world.clock.epoch())
    freeze(world.desk(), until(world, 1))
    desk = skewed(world, skew)
    error = ending(lambda: deploy(desk, REQUEST))
    assert type(error) is Refused
    assert "development is frozen until" in error.message
    which = "ahead of" if skew > 0 else "behind"
    warning = f"warning: this clock is {abs(skew):.0f} s {which} that of"
    assert any(line.startswith(warning) for line in cast(Notes, desk.progress).lines)
    found = status(desk, StatusRequest()).data["environments"][0]
    assert [problem for problem in found["problems"] if "this clock is" in problem]
    assert [state for state in found["states"] if state.startswith("frozen until")]

    world.clock.sleep(HOUR + 1)
    assert deploy(desk, REQUEST).code == 0


def test_a_freeze_is_set_and_lifted_by_the_time_that_counts(world: World) -> None:
    """An end that this machine takes for over, and one that is over though it seems to come."""
    freeze(skewed(world, DAY), until(world, 1))
    assert ending(lambda: freeze(skewed(world, -DAY), until(world, -1))).message.endswith("is over already")
    request = UnfreezeRequest(env="development", reason="urgent")

    assert unfreeze(skewed(world, DAY), request).ending == "done"
    assert unfreeze(skewed(world, -DAY), request).ending == "nothing"


def test_a_freeze_in_another_zone_is_compared_as_a_time(world: World) -> None:
    """Not as a text."""
    request = FreezeRequest(env="development", until="2030-01-01T00:30:00+05:30", reason="x")
    assert ending(lambda: freeze(world.desk(), request)).message.endswith("is over already")
    freeze(world.desk(), FreezeRequest(env="development", until="2029-12-31T23:30:00-05:30", reason="x"))

    assert ending(lambda: deploy(world.desk(), REQUEST)).code == 1


def test_without_a_server_that_tells_the_time_ours_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database does not answer, and the public URL gives no `Date`."""
    development = world.settings.environments["development"]

    def away() -> None:
        raise Unreachable("no route")

    monkeypatch.setattr(world.databases["development"], "server_facts", away)
    desk = skewed(world, DAY)
    asked = clock.begin(desk, development)

    assert clock.time_of(desk, development, asked, Answer(None)) == clock.Time(desk.now())
    theirs = clock.time_of(desk, development, asked, Answer(200, at=world.clock.epoch()))
    assert theirs.now == world.clock.now()
    assert development.url in theirs.skew
