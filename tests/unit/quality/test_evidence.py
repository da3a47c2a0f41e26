"""A proof of something laxer, of another place or of other tests is none, whatever it calls itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.config.load_settings import Limits, LoadSettings, Profile, Stage
from scripts.config.settings import E2E, AppTests, Gates, Settings
from scripts.quality.evidence import Journeys, demanded, difference
from tests.support.tables import environment, settings

STAGING = environment("staging")
SHIPPED = Journeys("sha256:1", "sha256:2")
GATES = Gates(unit=True, integration=True, e2e="full", load="steady")
USUAL = replace(settings(), tests=AppTests(unit=("npm", "test"), integration=("npm", "run", "it")))


def evidence(known: Settings, journeys: Journeys = SHIPPED, **place: Any) -> dict[str, dict[str, Any]]:
    return demanded(known, STAGING._replace(**place), GATES, journeys)


def load(**changes: Any) -> Settings:
    return replace(USUAL, load=LoadSettings(**changes))


CASES: dict[str, tuple[str, Settings, dict[str, Any], str]] = {
    "another address": ("e2e", USUAL, {"url": "https://dev.example.org"}, "another `url`"),
    "an easier profile": (
        "load",
        load(profiles={"steady": Profile(rate=2, warmup=5, stages=(Stage(6),))}),
        {},
        "another `profile`: `rate` (2, where 20 is demanded)",
    ),
    "laxer limits": (
        "load",
        load(thresholds=Limits(p95=9_000)),
        {},
        "another `thresholds`: `p95` (9000, where 800 is demanded)",
    ),
    "no limit for a call": ("load", load(endpoints={"home": Limits(p95=1)}), {}, "another `endpoints`"),
    "an easier address": (
        "load",
        load(paths={"properties": "/version.json"}),
        {},
        'another `paths`: `properties` ("/version.json", where "/api/properties" is demanded)',
    ),
    "more patience": ("load", load(timeout=60), {}, "another `timeout` (60, where 10 is demanded)"),
    "slower than before": ("load", load(noise=1), {}, "another `noise`"),
    "fewer tests": (
        "e2e",
        replace(USUAL, e2e=E2E(min_tests=0)),
        {},
        "another `min_tests`",
    ),
    "other calls": ("load", USUAL, {"journeys": Journeys("sha256:1", "sha256:9")}, "another `journeys`"),
    "other journeys": ("e2e", USUAL, {"journeys": Journeys("sha256:9", "sha256:2")}, "another `journeys`"),
    "another mix": ("load", load(mix={"visit": 1}), {}, "another `mix`"),
    "the app's own suite": (
        "e2e",
        replace(USUAL, e2e=E2E(command=("npx",))),
        {},
        'where "sha256:1" is demanded',
    ),
    "the app's own journeys": ("e2e", replace(USUAL, e2e=E2E(path="e2e")), {}, "another `journeys`"),
    "another command": (
        "unit",
        replace(USUAL, tests=AppTests(unit=("true",), integration=("npm", "run", "it"))),
        {},
        'another `command` (["true"], where ["npm", "test"] is demanded)',
    ),
    "integration elsewhere": ("integration", USUAL, {"url": "https://dev.example.org"}, "another `url`"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_measured_is_compared(case: str) -> None:
    kind, known, place, words = CASES[case]

    assert words in str(difference(evidence(known, **place)[kind], evidence(USUAL)[kind]))


@pytest.mark.parametrize("kind", ["unit", "integration", "e2e", "load"])
def test_the_same_is_no_difference(kind: str) -> None:
    """A slash at the end of the address is none; more that a newer desk says is none."""
    proved = {**evidence(USUAL, url=f"{STAGING.url}/")[kind], "more": 1}

    assert difference(proved, evidence(USUAL)[kind]) is None


@pytest.mark.parametrize("odd", [None, "x", [], {}, {"url": None}])
def test_a_proof_that_says_nothing_is_none(odd: object) -> None:
    assert difference(odd, evidence(USUAL)["e2e"])
