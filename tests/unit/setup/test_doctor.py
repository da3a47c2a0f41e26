"""`doctor` runs every check, and no check can stop it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.errors import Refused
from scripts.setup import doctor, health
from scripts.setup.health import Finding
from scripts.setup.request import DoctorRequest
from tests.support.fake_desk import fake_desk


def fine(*_arguments: Any) -> Iterator[Finding]:
    """A check that finds nothing wrong."""
    yield health.ok("x", "as it should be")


def failing(*_arguments: Any) -> Iterator[Finding]:
    """A check that gets half way."""
    yield health.ok("y", "the first half")
    raise Refused("no answer", "call them")


def hanging(*_arguments: Any) -> Iterator[Finding]:
    """A check that does not end in time."""
    time.sleep(0.5)
    yield health.ok("z", "too late")


def test_every_environment_is_checked_or_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What all share is checked once."""
    monkeypatch.setattr(doctor, "DESK_CHECKS", {"shared": fine})
    monkeypatch.setattr(doctor, "ENVIRONMENT_CHECKS", {"own": fine})
    desk = fake_desk(tmp_path)
    names = [environment.name for environment in desk.settings]
    everything = doctor.doctor(desk, DoctorRequest(env=""))
    one = doctor.doctor(desk, DoctorRequest(env=names[0]))

    assert [check["environment"] for check in everything.data["checks"]] == [None, *names]
    assert [check["environment"] for check in one.data["checks"]] == [None, names[0]]
    assert one.code == 0


def test_a_check_that_fails_or_hangs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it found before is kept; the other checks are not delayed."""
    monkeypatch.setattr(doctor, "TIMEOUT", 0.1)
    monkeypatch.setattr(doctor, "DESK_CHECKS", {"y": failing, "z": hanging, "x": fine})
    monkeypatch.setattr(doctor, "ENVIRONMENT_CHECKS", {})
    outcome = doctor.doctor(fake_desk(tmp_path), DoctorRequest(env=""))
    lines = [(check["check"], check["state"], check["hint"]) for check in outcome.data["checks"]]

    assert lines == [
        ("y", "ok", None),
        ("y", "error", "call them"),
        ("z", "error", "try again; is the network slow?"),
        ("x", "ok", None),
    ]
    assert (outcome.code, outcome.data["counts"]) == (1, {"ok": 2, "warning": 0, "error": 2})
