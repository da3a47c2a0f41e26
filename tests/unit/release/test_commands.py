"""`promote --run-missing`: what is run, where, and when nothing is."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Gates
from scripts.quality.e2e import command
from scripts.quality.load import command as load_command
from scripts.quality.request import E2eRequest, LoadRequest
from scripts.release import commands
from scripts.release.plan import decide
from tests.unit.quality.test_gates import facts, proof
from tests.unit.release.samples import LOCK

ALL = Gates(e2e="full", load="steady", approval=1, soak_minutes=300)
TOOLS = cast("Desk", SimpleNamespace(progress=SimpleNamespace(note=lambda _text: None)))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """The runs, which do nothing."""
    seen: list[tuple[str, str, str]] = []
    for name, workflow in (("e2e", command), ("load", load_command)):

        def run(_desk: Desk, request: E2eRequest | LoadRequest, *, _name: str = name) -> Outcome:
            level = request.suite if isinstance(request, E2eRequest) else request.profile
            seen.append((_name, request.env, level))
            return Outcome.done("passed")

        monkeypatch.setattr(workflow, {"e2e": "test_e2e", "load": "load_test"}[name], run)
    return seen


def test_what_can_be_run_is_run_on_the_environment_before(ran: list[tuple[str, str, str]]) -> None:
    """Both tests, at the level that is demanded; approvals and time can't be run."""
    assert commands.run_missing(TOOLS, decide(facts(ALL)))
    assert [
        ("e2e", "staging", "full"),
        ("load", "staging", "steady"),
    ] == ran


def test_what_is_there_is_not_run_again(ran: list[tuple[str, str, str]]) -> None:
    """One proof is there, the other is missing."""
    assert commands.run_missing(TOOLS, decide(facts(ALL, proof("e2e", "full"))))
    assert ["load"] == [name for name, _, _ in ran]


def test_nothing_is_run_in_vain(ran: list[tuple[str, str, str]]) -> None:
    """Another rule says no, or nothing that could be run is missing."""
    locked = decide(replace(facts(ALL), lock=LOCK))
    only_time = decide(facts(Gates(soak_minutes=300)))

    assert not commands.run_missing(TOOLS, locked)
    assert not commands.run_missing(TOOLS, only_time)
    assert ran == []
