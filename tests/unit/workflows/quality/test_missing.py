"""`promote --run-missing`: what is run, where, and when nothing is."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scripts.domain.outcome import Outcome
from scripts.domain.release.plan import decide
from scripts.domain.settings import Gates
from scripts.workflows.quality import load_test, missing, test_e2e
from scripts.workflows.toolbox import Toolbox
from tests.unit.domain.quality.test_gates import facts, proof
from tests.unit.domain.release.test_plan import LOCK

ALL = Gates(e2e="full", load="steady", approval=1, soak_minutes=300)
TOOLS = cast("Toolbox", SimpleNamespace(progress=SimpleNamespace(note=lambda _text: None)))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The runs, which do nothing."""
    seen: list[tuple[str, dict[str, Any]]] = []
    for name, workflow in (("e2e", test_e2e), ("load", load_test)):

        def run(_tools: Toolbox, *, _name: str = name, **options: Any) -> Outcome:
            seen.append((_name, options))
            return Outcome.done("passed")

        monkeypatch.setattr(workflow, "run", run)
    return seen


def test_what_can_be_run_is_run_on_the_environment_before(ran: list[tuple[str, dict[str, Any]]]) -> None:
    """Both tests, at the level that is demanded; approvals and time can't be run."""
    assert missing.run_missing(TOOLS, decide(facts(ALL)))
    assert [
        ("e2e", {"env": "staging", "suite": "full"}),
        ("load", {"env": "staging", "profile": "steady"}),
    ] == ran


def test_what_is_there_is_not_run_again(ran: list[tuple[str, dict[str, Any]]]) -> None:
    """One proof is there, the other is missing."""
    assert missing.run_missing(TOOLS, decide(facts(ALL, proof("e2e", "full"))))
    assert ["load"] == [name for name, _ in ran]


def test_nothing_is_run_in_vain(ran: list[tuple[str, dict[str, Any]]]) -> None:
    """Another rule says no, or nothing that could be run is missing."""
    locked = decide(replace(facts(ALL), lock=LOCK))
    only_time = decide(facts(Gates(soak_minutes=300)))

    assert not missing.run_missing(TOOLS, locked)
    assert not missing.run_missing(TOOLS, only_time)
    assert ran == []
