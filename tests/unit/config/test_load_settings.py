"""The defaults of `[load]`, and the profiles that are shipped."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scripts.config.load_settings import CLEANUP, MIX, PATHS, SHIPPED, LoadSettings
from scripts.config.parse import parse
from scripts.errors import ConfigError

MANUAL = tomllib.loads((Path(__file__).resolve().parents[3] / "env" / "pipeline.toml").read_text())["load"]


def test_the_shipped_profiles_are_those_of_the_shipped_file() -> None:
    """The file shows what is there without it."""
    shown = {
        name: [(stage.get("seconds", 60), stage.get("load", 1)) for stage in profile["stages"]]
        for name, profile in MANUAL["profiles"].items()
    }

    assert shown == {name: [tuple(stage) for stage in profile.stages] for name, profile in SHIPPED.items()}
    assert {name: profile["rate"] for name, profile in MANUAL["profiles"].items()} == {
        name: profile.rate for name, profile in SHIPPED.items()
    }
    assert MANUAL["thresholds"] == {
        key: limit for key, limit in LoadSettings().thresholds._asdict().items() if limit
    }


def test_every_profile_reaches_its_peak() -> None:
    """Else the peak of its name is never tried."""
    assert {max(stage.load for stage in profile.stages) for profile in SHIPPED.values()} == {1}


def test_the_defaults_are_those_of_the_shipped_file() -> None:
    """Paths, weights and what takes a run's rows out again."""
    assert MANUAL["paths"] == dict(PATHS)
    assert {name: weight for name, weight in MANUAL["mix"].items() if weight} == dict(MIX)
    assert tuple(MANUAL["cleanup"]) == CLEANUP == LoadSettings().cleanup


def test_what_is_cleaned_up_names_the_run() -> None:
    """A statement without it would delete what others wrote."""
    assert all("{run}" in statement for statement in CLEANUP)


def loaded(**load: Any) -> LoadSettings:
    """`[load]` as it is read."""
    environment = {"branch": "main", "url": "https://a.example.org", "ssh_host": "h", "publish": "manual"}
    return parse({"chain": ["dev"], "environment": {"dev": environment}, "load": load}).load


def test_a_threshold_leaves_the_others_as_they_are() -> None:
    """A table of one key once took all the others away, and a third of the requests could fail."""
    assert loaded(thresholds={"p95": 400}).thresholds == LoadSettings().thresholds._replace(p95=400)
    assert loaded(abort={"seconds": 5}).abort == LoadSettings().abort._replace(seconds=5)
    assert loaded(endpoints={"home": {"p95": 400}}).endpoints["home"].failures == 0


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"thresholds": {"failures": 1}}, "`0.01` for 1 %"),
        ({"thresholds": {"dropped": 0.6}}, "`load.thresholds.dropped` is a ratio"),
        ({"thresholds": {"p95": 1e12}}, "ends a request after 10000 ms"),
        ({"timeout": 1e6, "thresholds": {"p95": 1e9}}, "`load.timeout` is seconds that a request may take"),
        ({"noise": 15}, "`load.noise` is a ratio: `0.15` for 15 %"),
        ({"noise_ms": 1e9}, "`load.noise_ms` is a time in milliseconds"),
        ({"abort": {"failures": 50}}, "`load.abort.failures` is a ratio: `0.5` for 50 %"),
        ({"in_flight": 0}, "`load.in_flight`"),
        ({"paths": {"home": "https://other.example.org/"}}, "`load.paths.home` should begin with one `/`"),
        ({"paths": {"home": "//other.example.org/"}}, "a path of the app itself"),
        ({"profiles": {"x": {"rate": 5, "stages": []}}}, "`load.profiles.x.stages` needs a stage"),
        ({"thresholds": {"failures": 0}}, "`load.thresholds.failures` should be a number above 0"),
        ({"thresholds": {"p95": float("nan")}}, "`load.thresholds.p95` should be a number above 0"),
        ({"endpoints": {"home": {"worst_second": 20_000}}}, "`load.endpoints.home.worst_second`"),
    ],
)
def test_a_limit_that_nothing_could_break_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        loaded(**table)
