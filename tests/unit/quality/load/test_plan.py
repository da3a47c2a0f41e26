"""The plan of a load test: profiles, options, caps."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.config.load_settings import Caps, LoadSettings, Profile, Stage
from scripts.errors import Refused, UsageError
from scripts.quality.load.plan import LoadPlan, caps_of, missing_variables, plan_of
from scripts.quality.request import LoadRequest
from tests.support.tables import environment

LOAD = LoadSettings(profiles={"mine": Profile(users=8, warmup=10, stages=(Stage(40, 0.5), Stage(60)))})
STAGING, PRODUCTION = environment("staging"), environment("production")


def planned(**request: Any) -> LoadPlan:
    """The plan of `load-test --env staging --profile mine`."""
    return plan_of(LOAD, STAGING, LoadRequest(**{"profile": "mine", **request}))


def test_a_profile_is_played_as_it_is_written() -> None:
    """Users of the closed model; nothing is written unless the environment allows it."""
    plan = planned()

    assert (plan.model, plan.peak, plan.warmup, plan.seconds, plan.writes) == ("closed", 8, 10, 100, False)
    assert plan.label == "mine: 8 users, 100 s after 10 s of warm-up"
    assert plan.slot == 2


def test_a_rate_makes_it_the_open_model() -> None:
    """Users of the profile don't count then."""
    plan = planned(rate=50.0)

    assert (plan.model, plan.peak) == ("open", 50)
    assert plan.label.startswith("mine: 50 requests/s")


def test_seconds_scale_stages_and_warm_up() -> None:
    """A longer run has no longer warm-up, and there is always a second of it."""
    assert planned(seconds=50.0).stages == (Stage(20, 0.5), Stage(30, 1))
    assert [planned(seconds=seconds).warmup for seconds in (1.0, 50.0, 1000.0)] == [1.0, 5.0, 10.0]


def test_workers_are_here_or_elsewhere() -> None:
    """Only workers of other machines need a port."""
    here, elsewhere = planned(processes=2), planned(workers_expected=3, port=6000)

    assert [(plan.workers, plan.port) for plan in (here, elsewhere)] == [(2, 0), (3, 6000)]


@pytest.mark.parametrize(
    ("request_of", "message"),
    [
        ({"profile": "none"}, "there is no load profile `none`"),
        ({"users": 1, "rate": 1.0}, "name one of them"),
        ({"processes": 1, "workers_expected": 1}, "name one of them"),
        ({"seconds": -1.0}, "numbers above 0"),
        ({"users": 201}, r"201 users \(at most 200\)"),
        ({"rate": 501.0}, r"501 requests/s \(at most 500\)"),
        ({"seconds": 7200.0}, r"120\.2 minutes \(at most 120\)"),
    ],
)
def test_a_plan_that_makes_no_sense_or_is_too_much_is_refused(
    request_of: dict[str, Any], message: str
) -> None:
    """Before any load."""
    with pytest.raises((Refused, UsageError), match=message):
        planned(**request_of)


def test_a_guarded_environment_has_lower_caps() -> None:
    """Its own caps count first."""
    assert caps_of(PRODUCTION) == Caps(users=10, rate=20, minutes=15)
    assert caps_of(STAGING) == Caps(users=200, rate=500, minutes=120)
    own = PRODUCTION._replace(load=Caps(rate=30, writes=True))
    assert caps_of(own) == Caps(users=10, rate=30, minutes=15, writes=True)


def test_runs_are_comparable_only_with_the_same_load() -> None:
    """Peak, stages, processes, writes."""
    same, others = planned().comparable, [planned(users=7), planned(processes=2), planned(seconds=50.0)]

    assert planned().comparable == same
    assert same not in [other.comparable for other in others]


def test_the_generator_s_plan_holds_no_secret() -> None:
    """And all that it needs: paths, mix, when to stop early."""
    document = planned().document(LOAD, "https://x.supabase.co/")

    assert document["rest"] == "https://x.supabase.co"
    assert document["stages"] == [{"seconds": 40, "load": 0.5}, {"seconds": 60, "load": 1}]
    assert document["abort"] == {"failures": 0.5, "p95": 10_000, "seconds": 10, "samples": 50}
    assert (document["paths"]["home"], document["mix"]["browse"]) == ("/", 50)


@pytest.mark.parametrize(
    ("mix", "names"),
    [
        ({"browse": 1}, []),
        ({"rest": 1, "inbox": 0}, ["VITE_SUPABASE_ANON_KEY"]),
        ({"inbox": 1}, ["VITE_SUPABASE_ANON_KEY", "LOAD_ACCOUNTS"]),
    ],
)
def test_journeys_need_their_variables(mix: dict[str, int], names: list[str]) -> None:
    """Those that are played."""
    assert missing_variables(LOAD._replace(mix=mix), {"VITE_SUPABASE_URL": "https://x"}) == names
