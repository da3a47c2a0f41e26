"""The one table of steps: whatever the sources call a step is in it, and nothing else is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from scripts.state.steps import STEPS

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
CALLS = ("step", "optional_step")  # methods of `Run`, or a parameter that is one of them


def _called(node: ast.AST) -> str:
    """The name of what a call calls."""
    function = getattr(node, "func", None)
    return str(getattr(function, "attr", getattr(function, "id", "")))


@cache
def done() -> dict[str, set[str]]:
    """Each step that is done somewhere, and in which files."""
    found: dict[str, set[str]] = {}
    for file in sorted(SCRIPTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _called(node) in CALLS and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    found.setdefault(str(name.value), set()).add(str(file.relative_to(SCRIPTS)))
    return found


def planned() -> Iterator[str]:
    """The steps that a plan can have: what `_planned_steps` yields."""
    tree = ast.parse((SCRIPTS / "release" / "plan.py").read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name == "_planned_steps":
            for node in ast.walk(function):
                if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
                    first = node.value.elts[0]
                    assert isinstance(first, ast.Constant)
                    yield str(first.value)


def test_every_step_of_the_sources_is_in_the_table() -> None:
    """A step that is in no table would end a run in its midst."""
    assert {name: where for name, where in done().items() if name not in STEPS} == {}


def test_every_step_of_the_table_is_done_somewhere() -> None:
    """A row that nobody uses says nothing."""
    assert sorted(set(STEPS) - set(done())) == []


def test_every_step_of_a_plan_is_done_by_a_release() -> None:
    """People see in the plan what happens; data are restored by the room of restores."""
    steps, files = set(planned()), done()

    assert len(steps) > 5
    assert {
        name
        for name in steps
        if not any(file.startswith(("release/", "database/restore/in_place")) for file in files[name])
    } == set()


@pytest.mark.parametrize("step", STEPS.values(), ids=lambda step: step.name)
def test_a_step_that_only_reads_changes_nothing_but_by_waiting(step: object) -> None:
    """`verify` reads while a Publish goes on; every other pure step changes nothing."""
    kind, name, changes = (getattr(step, key) for key in ("kind", "name", "changes"))

    assert kind != "pure" or changes == "nothing" or name == "verify"


def test_what_may_not_be_repeated_is_what_changes_a_database_or_the_live_app() -> None:
    """The remote is asked for the lock before each of them."""
    once = {step.name for step in STEPS.values() if step.kind == "once"}

    live = {"publish", "merge"}
    assert once == {"migrate", "undo", "restore", "switch", "drop", "record", "functions", *live}
    assert all(STEPS[name].changes in ("database", "functions", "live") for name in once)
