"""Hints, followed: each scenario is stuck, types what it is told, and comes to a good end."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.database.migrations import rehearse
from scripts.quality import proofs
from scripts.quality.e2e import command as e2e
from scripts.release.request import StatusRequest
from scripts.release.status import status
from tests.contract.hints.collect import BLANK, commands
from tests.contract.hints.table import ELSEWHERE, FOLLOWED, INSTEAD, Scenario
from tests.contract.hints.typist import Typist
from tests.fakes.world import World, build_world
from tests.support.desks import ROOT
from tests.support.evidence import measured

REPORT: dict[str, Any] = {"level": "full", "digest": "sha256:" + "0" * 64}


@pytest.fixture
def world(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """A commit is on `develop`; a file can be broken by a drill; tests can be run, and pass."""
    made = build_world(tmp_path, monkeypatch, drill__file="index.html", drill__text="BROKEN")
    first = {"supabase/migrations/20240101000000_first.sql": "create table a ();", "index.html": "hello"}
    made.commit("develop", first, "first")

    def test_e2e(desk: Any, request: Any) -> Any:
        environment = desk.settings.environment(request.env)
        live = proofs.live_commit(made.ledger, environment)
        proofs.prove(
            desk,
            environment,
            "e2e",
            live,
            measured=measured(desk, environment, "e2e"),
            **{**REPORT, "level": request.suite},
        )
        return Outcome.done("passed")

    monkeypatch.setattr(e2e, "test_e2e", test_e2e)
    monkeypatch.setattr(rehearse, "rehearse_scripts", lambda *_: Outcome.done("proven"))
    return made


@pytest.fixture
def typist(world: World, monkeypatch: pytest.MonkeyPatch) -> Typist:
    """Ada, and her colleague Bob for what she may not approve."""
    return Typist(world, monkeypatch)


def test_every_kind_of_command_is_followed() -> None:
    """Here or elsewhere; a new one needs a row, and a row needs its test."""
    kinds = {command.shape for command in commands() if "$" not in command.words}
    here = {kind for kinds_here in FOLLOWED.values() for kind in kinds_here}
    tests = dict.fromkeys(ELSEWHERE.values())

    assert kinds - here - ELSEWHERE.keys() == set()
    assert ELSEWHERE.keys() - kinds == set()
    assert [test for test in tests if not _exists(*test.split("::"))] == []


def _exists(file: str, name: str) -> bool:
    path = ROOT / file
    tree = ast.parse(path.read_text()) if path.is_file() else ast.parse("")
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body)


@pytest.mark.parametrize("scenario", FOLLOWED, ids=lambda scenario: scenario.__name__)
def test_it_ends_well(typist: Typist, scenario: Scenario) -> None:
    """What is typed first is done at last, by what the hints say alone; nothing is left locked."""
    line = scenario(typist)
    typist.typed.clear()
    outcome = typist.instead(line) if scenario in INSTEAD else typist.until_good(line)

    assert outcome.code == 0, outcome
    expected = {each.replace(BLANK, line.split()[0]) for each in FOLLOWED[scenario]}
    typed = {tuple(sorted(each.split())) for each in typist.typed}
    assert all(any(set(each.split()) <= set(words) for words in typed) for each in expected), typist.typed
    assert typist.world.is_clean()
    assert isinstance(status(typist.world.desk(), StatusRequest()).message, str)
