"""The face of the desk: tasks and their help."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import tasks
from tests.support.desks import invoke

TASKS: dict[str, Any] = {name: tasks.namespace[name] for name in tasks.namespace.task_names}
HELP = {name: {each.name: each.help for each in task.request.options()} for name, task in TASKS.items()}
DEFAULTS = {
    f"{each}.{its.default}": each for each, its in tasks.namespace.collections.items() if its.default
}
OPTIONS = {name: task.get_arguments() for name, task in TASKS.items()}


def listed() -> list[str]:
    """The tasks as `invoke --list` shows them."""
    return re.findall(r"^  ([a-z][a-z0-9.-]*)(?= |$)", invoke("--list").out, re.MULTILINE)


def test_the_list_is_the_collection() -> None:
    """What is listed is what can be called, under the names of the design."""
    assert sorted(TASKS) == sorted(listed())
    assert {
        "deploy",
        "promote",
        "status",
        "history",
        "demo",
        "test",
        "check",
        "sandbox.up",
        "sandbox.down",
    } <= set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_help_with_an_example(name: str) -> None:
    """`--help` works, says what the task does, and shows a call of that very task in backticks."""
    ended = invoke(name, "--help")
    examples = re.findall(r"`invoke ([^`]*)`", " ".join(ended.out.split()))

    assert (0, "") == (ended.code, ended.err)
    assert [] != [each for each in examples if each.split()[0] == DEFAULTS.get(name, name)]


@pytest.mark.parametrize("name", TASKS)
def test_every_example_can_be_parsed(name: str) -> None:
    """The flags of an example are flags of its task."""
    flags = {
        flag
        for argument in OPTIONS[name]
        for flag in (
            f"--{each.replace('_', '-')}" if len(each) > 1 else f"-{each}" for each in argument.names
        )
    }
    example = re.findall(r"`invoke ([^`]*)`", TASKS[name].__doc__)[0].split()

    assert set() == {word.partition("=")[0] for word in example[1:] if word.startswith("-")} - flags


@pytest.mark.parametrize("name", TASKS)
def test_every_flag_has_help(name: str) -> None:
    """No option is left unexplained, and no explanation stands without its option."""
    assert {argument.name for argument in OPTIONS[name]} == set(HELP[name])
    assert [] == [option for option, text in HELP[name].items() if not text.strip()]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_speaks_json(name: str) -> None:
    """`--json` is a flag of every task."""
    assert "json" in {argument.name for argument in OPTIONS[name]}


@pytest.mark.parametrize("name", ["deploy", "promote"])
def test_what_changes_something_can_be_planned_and_confirmed(name: str) -> None:
    """`--plan` and `--yes` are flags of every task that changes an environment."""
    assert {"plan", "yes"} <= {argument.name for argument in OPTIONS[name]}


HEAVY = (
    "psycopg",
    "requests",
    "git",
    "rich",
    "mcp",
    "httpx",
    "httpx2",
    "asyncssh",
    "hypothesis",
    "locust",
    "dotenv",
)


@pytest.mark.parametrize("call", [("--list",), ("deploy", "--help")], ids=" ".join)
def test_listing_imports_nothing_heavy(call: tuple[str, ...]) -> None:
    """`invoke --list` stays as quick as bare Invoke: no library, and of the rooms only the requests."""
    ended = invoke(*call, PYTHONPROFILEIMPORTTIME="1")
    imported = {
        line.rpartition("|")[2].strip()
        for line in ended.err.splitlines()
        if line.startswith("import time:")
    }

    assert 0 == ended.code
    assert "invoke" in imported
    assert "invoke.tasks" in imported
    assert set() == {each for each in imported if each.split(".")[0] in HEAVY}
    loaded = {each for each in imported if each.startswith("scripts.")}
    rooms = {each.rpartition(".")[0] for each in loaded} | {"scripts.sandbox", "scripts.tasks"}
    light = re.compile(r"scripts\.tasks(\..*)?|.*\.request")
    assert set() == {each for each in loaded - rooms if not light.fullmatch(each)}


def test_the_counter_is_short() -> None:
    """`tasks.py` parses and calls, and holds no logic."""
    assert len(Path(tasks.__file__).read_text().splitlines()) <= 150
