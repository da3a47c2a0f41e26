"""Whether a run counts for a promotion, in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.quality.standing import standing
from tests.support.tables import settings

GATES = {"e2e": "smoke", "load": "steady"}


@pytest.mark.parametrize(
    ("given", "counts", "said"),
    [
        ({}, True, "a proof for the promotion to production, which demands load `steady`"),
        ({"level": "smoke"}, False, "recorded, but production demands load `steady`, not `smoke`"),
        ({"kind": "e2e", "level": "full"}, True, "which demands e2e `smoke`"),
        (
            {"changed": ("--rate", "--seconds")},
            False,
            "not `steady` as it is written (`--rate`, `--seconds`)",
        ),
        ({"kind": "e2e", "changed": ("-k",)}, False, "no proof: a part of the suite was run (`-k`)"),
        (
            {"verdict": "failed"},
            False,
            "no proof: the run failed; an earlier pass of the same files counts no",
        ),
        ({"verdict": "inconclusive"}, False, "the run is inconclusive; an earlier pass"),
        ({"verdict": "inconclusive", "recorded": False}, False, "is inconclusive; nothing is recorded"),
        ({"verdict": "infrastructure", "recorded": False}, False, "could not be made; nothing is recorded"),
        ({"verdict": "failed", "changed": ("--rate",)}, False, "not `steady` as it is written (`--rate`)"),
        (
            {"env": "production"},
            False,
            "recorded; no gate needs it: nothing is promoted from production",
        ),
        ({"env": "development", "gates": "staging"}, True, "which demands load `steady`"),
        ({"gates": ""}, True, "a proof, recorded; production demands no load test"),
        ({"gates": "", "kind": "e2e"}, True, "production demands no browser tests"),
    ],
    ids=str,
)
def test_it_says_why(given: dict[str, Any], counts: bool, said: str) -> None:
    """What the next environment demands decides, then whether this run is that very test."""
    place = given.get("gates", "production")
    chosen = settings(**({f"environment__{place}__gates": GATES} if place else {}))
    found = standing(
        chosen,
        chosen.environment(given.get("env", "staging")),
        given.get("kind", "load"),
        given.get("level", "steady"),
        verdict=given.get("verdict", "passed"),
        changed=given.get("changed", ()),
        recorded=given.get("recorded", True),
    )

    assert (found.counts, said in found.said) == (counts, True), found.said


def test_what_is_lacking_can_be_typed() -> None:
    """The profile or the suite that is demanded."""
    chosen = settings(environment__production__gates={"e2e": "full", "load": "steady"})
    staging = chosen.environment("staging")
    load = standing(chosen, staging, "load", "smoke", verdict="passed")
    tests = standing(chosen, staging, "e2e", "smoke", verdict="passed")

    assert load.said.endswith("`invoke load-test --env staging --profile steady`")
    assert tests.said.endswith("`invoke test-e2e --env staging --suite full`")
