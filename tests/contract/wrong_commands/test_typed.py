"""What people type wrongly: nothing is done, the mistake is named, and the hint leads on.

The table is the list of a person who tried the desk for the first time, and what is near to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import tasks
from scripts.tasks.mistyped import no_task
from tests.contract.wrong_commands.world import World, built, typed
from tests.support.desks import ROOT, Ended, environment

TABLE: dict[str, dict[str, list[Any]]] = tomllib.loads((Path(__file__).parent / "table.toml").read_text())
CONTEXTS = {
    str(name): each for each in tasks.namespace.to_contexts() for name in (each.name, *each.aliases)
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Releases, backups and proofs are in the ledger; nothing answers."""
    return built(tmp_path_factory.mktemp("world"))


def faults(ended: Ended, wanted: list[Any], *, document: bool) -> list[str]:
    """How the ending differs from what is wanted."""
    code, said, hint = wanted
    flat = " ".join(ended.err.split())
    error, _, advice = flat.partition("hint: ")
    found = [] if ended.code == code else [f"exit code {ended.code}"]
    found += [f"says {flat}"] if "error: " not in error or said not in error or hint not in advice else []
    found += ["a traceback"] if "Traceback" in ended.out + ended.err else []
    found += ["Invoke's own words"] if "No idea what" in ended.out + ended.err else []
    if not document:
        return found
    try:
        told = json.loads(ended.out)
        found += [] if told["code"] == code and said in told["message"] else ["another document"]
    except ValueError:
        found += [f"no document: {ended.out[:80]}"]
    return found


@pytest.mark.parametrize("kind", TABLE)
def test_what_is_typed_wrongly_is_named_and_changes_nothing(world: World, kind: str) -> None:
    """In words and as a document, with the exit code; no ref, file or lock is another one afterwards."""
    before = world.state()
    head = world.origin.refs()["refs/heads/develop"][:12]

    def differs(row: tuple[str, list[Any]]) -> list[str]:
        line, (code, said, hint) = row
        as_json = not line.startswith(("--list", "--help"))  # Invoke takes the next word for their value
        ended = typed(world, f"{line} --json" if as_json else line)
        wanted = [code, said, hint.replace("HEAD", head)]
        return [f"{line}: {each}" for each in faults(ended, wanted, document=as_json)]

    assert [each for row in TABLE[kind].items() for each in differs(row)] == []
    assert world.state() == before


def slips(name: str) -> set[str]:
    """What the keys make of a task's name: a letter lacks, is there twice, changed places, is large."""
    middle = len(name) // 2
    swapped = name[: middle - 1] + name[middle] + name[middle - 1] + name[middle + 1 :]
    made = {name[:middle] + name[middle + 1 :], name[:middle] + name[middle] + name[middle:], swapped}
    made |= {name.upper(), name.replace("-", "_"), name.replace("-", "")}
    return made - CONTEXTS.keys()


@pytest.mark.parametrize("name", [each for each in CONTEXTS if len(each) > 4])
def test_a_slip_in_a_tasks_name_leads_to_the_task(name: str) -> None:
    """The hint is the line with its name, or its help where the line lacks something."""
    aliases = {name, *CONTEXTS[name].aliases, str(CONTEXTS[name].name)}
    wrong = {
        slip: hint
        for slip in slips(name)
        for hint in [str(no_task(slip, [slip], CONTEXTS).hint)]
        if not aliases & set(hint.strip("`").split())
    }

    assert wrong == {}


def test_nobody_reads_on(world: World) -> None:
    """`| head -1` has seen enough: no traceback, whatever was asked for."""
    for line in ("--list", "deploy --help", "history", "history --json", "env.check --json"):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as gone:
            ended = subprocess.run(
                [sys.executable, "-m", "invoke", *line.split()],
                cwd=ROOT, env=environment(world.env_dir), stdin=subprocess.DEVNULL, stdout=gone,
                stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            )  # fmt: skip
        assert (line, "Traceback" in ended.stderr) == (line, False)


@pytest.mark.parametrize(
    ("line", "shows"),
    [
        ("db.status", "staging      unknown"),
        ("doctor --env staging", "ok       desk"),
        ("env.check", "ENV003 error: .env.staging"),
        ("backup.list", "20300317T164640Z-00000000-daily-0000"),
        ("ledger.check", "28 events in 28 commits"),
        ("lock.show", "nothing is locked"),
    ],
)
def test_what_was_asked_for_is_on_standard_output(world: World, line: str, shows: str) -> None:
    """So that `| grep` and `> file` get it, also where it is bad news."""
    ended = typed(world, line)

    assert shows in ended.out
    assert shows not in ended.err
    assert "error: " not in [text[:7] for text in ended.out.splitlines()]
