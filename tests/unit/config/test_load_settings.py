"""The defaults of `[load]`, and the profiles that are shipped."""

from __future__ import annotations

import tomllib
from pathlib import Path

from scripts.config.load_settings import CLEANUP, MIX, PATHS, SHIPPED, LoadSettings

MANUAL = tomllib.loads((Path(__file__).resolve().parents[3] / "env" / "pipeline.toml").read_text())["load"]


def test_the_shipped_profiles_are_those_of_the_shipped_file() -> None:
    """The file shows what is there without it."""
    shown = {
        name: [(stage.get("seconds", 60), stage.get("load", 1)) for stage in profile["stages"]]
        for name, profile in MANUAL["profiles"].items()
    }

    assert shown == {name: [tuple(stage) for stage in profile.stages] for name, profile in SHIPPED.items()}
    assert {name: profile["users"] for name, profile in MANUAL["profiles"].items()} == {
        name: profile.users for name, profile in SHIPPED.items()
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
