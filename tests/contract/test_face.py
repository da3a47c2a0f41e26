"""The face of the desk: tasks and their help."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from invoke.main import program

import tasks
from scripts import VERSION
from tests.support.desks import ROOT, invoke

TASKS: dict[str, Any] = {name: tasks.namespace[name] for name in tasks.namespace.task_names}
DEFAULTS = {  # `backup`, the default task of its collection, is listed as `backup.take`
    f"{name}.{collection.default}": name
    for name, collection in tasks.namespace.collections.items()
    if collection.default
}
OPTIONS = {name: task.get_arguments() for name, task in TASKS.items()}
HEAVY = "psycopg requests git rich mcp httpx httpx2 asyncssh hypothesis locust dotenv".split()
DESIGN = (
    "deploy promote rollback backup.take test-e2e load-test status history resume approve freeze unfreeze "
    "release-hold hotfix backmerge drill doctor init demo check test lock.show lock.steal env.check "
    "env.diff env.scan env.push db.status db.drift db.adopt db.rehearse db.refresh db.restore backup.list "
    "backup.verify backup.prune preview.up preview.list preview.down preview.sweep monitor.check "
    "monitor.watch sandbox.up sandbox.down"
).split()


def flags(name: str) -> set[str]:
    """The flags of a task as they are typed."""
    names = {each for option in OPTIONS[name] for each in option.names}
    return {f"--{each}" if len(each) > 1 else f"-{each}" for each in names}


def examples(text: str) -> list[list[str]]:
    """The words after `invoke` of each call in backticks."""
    return [call.split() for call in re.findall(r"`invoke ([^`]*)`", " ".join(text.split()))]


def test_the_list_is_the_collection() -> None:
    """What is listed is what can be called, under the names of the design."""
    listed = re.findall(r"^  ([a-z][a-z0-9.-]*)(?= |$)", invoke("--list").out, re.MULTILINE)

    assert sorted(listed) == sorted(DEFAULTS.get(name, name) for name in TASKS)
    assert set(DESIGN) - set(TASKS) == set()


def test_every_task_has_help_with_an_example(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--help` shows options, and a call of that very task in backticks."""
    monkeypatch.chdir(ROOT)
    for name in TASKS:
        with pytest.raises(SystemExit, match="0"):
            program.run(["invoke", "--help", name])
        shown = capsys.readouterr()

        assert (name, shown.err) == (name, "")
        assert shown.out.startswith(f"Usage: invoke {DEFAULTS.get(name, name)} ")
        assert (name, examples(shown.out)[0][0]) == (name, DEFAULTS.get(name, name))
        bare = {f"--{option.name}" for option in OPTIONS[name] if option.positional}
        told = set(re.findall(r"--?[a-z0-9-]+", shown.out.replace("[no-]", "")))
        assert (name, flags(name) - bare - told) == (name, set())


def test_there_is_one_version() -> None:
    """In the list, in the changelog with its date, and in what `--json` prints."""
    changes = (ROOT / "CHANGELOG.md").read_text()

    assert f"Release desk {VERSION}." in invoke("--list").out
    assert re.search(rf"^## {re.escape(VERSION)} - 20\d\d-\d\d-\d\d$", changes, re.MULTILINE)
    assert invoke("deploy", "--json").document["desk"] == VERSION


def test_help_after_the_task_is_help_as_well() -> None:
    """`invoke TASK --help`, also where the task has an option without a flag."""
    for name in ("deploy", "env.scan"):
        ended = invoke(name, "--help")

        assert (ended.code, ended.err) == (0, "")
        assert f"`invoke {name} " in " ".join(ended.out.split())


def test_every_example_can_be_parsed() -> None:
    """The flags of an example are flags of its task."""
    for name, task in TASKS.items():
        used = {word.partition("=")[0] for word in examples(task.__doc__)[0][1:] if word.startswith("-")}

        assert (name, used - flags(name)) == (name, set())


def test_every_flag_has_help() -> None:
    """No option is left unexplained."""
    unexplained = [
        (name, option.name) for name, options in OPTIONS.items() for option in options if not option.help
    ]

    assert unexplained == []


def test_every_task_speaks_json() -> None:
    """`--json` is a flag of every task."""
    assert [name for name in TASKS if "--json" not in flags(name)] == []


@pytest.mark.parametrize("name", ["deploy", "promote", "rollback", "hotfix", "db.restore", "db.refresh"])
def test_what_changes_something_can_be_planned_and_confirmed(name: str) -> None:
    """`--plan` and `--yes` are flags of every task that changes an environment."""
    assert {"--plan", "--yes"} - flags(name) == set()


@pytest.mark.parametrize("call", [("--list",), ("deploy", "--help")], ids=" ".join)
def test_listing_imports_nothing_heavy(call: tuple[str, ...]) -> None:
    """`invoke --list` stays as quick as bare Invoke: no library, and of the rooms only the requests."""
    ended = invoke(*call, PYTHONPROFILEIMPORTTIME="1")
    imported = {
        line.rpartition("|")[2].strip()
        for line in ended.err.splitlines()
        if line.startswith("import time:")
    }
    loaded = {module for module in imported if module.startswith("scripts.")}
    rooms = {module.rpartition(".")[0] for module in loaded} | {"scripts.sandbox", "scripts.tasks"}
    light = re.compile(r"scripts\.(tasks(\..*)?|language)|.*\.request")

    assert ended.code == 0
    assert {"invoke", "invoke.tasks"} - imported == set()
    assert {module for module in imported if module.split(".")[0] in HEAVY} == set()
    assert {module for module in loaded - rooms if not light.fullmatch(module)} == set()


def test_the_tasks_file_is_short() -> None:
    """`tasks.py` is the collection, and holds no logic."""
    assert len(Path(tasks.__file__).read_text().splitlines()) <= 150
