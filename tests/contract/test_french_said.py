"""What people see, typed as they type it: no text of it is unknown to the catalogue.

A catalogue in which each text is its own translation stands for the French one, whose completeness
`test_french.py` holds: what is missed here is a text that the extractor does not read.
"""

from __future__ import annotations

import io
import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser

import tasks
from scripts import app, language
from scripts.config.outcome import Outcome
from scripts.config.request import Request
from scripts.console import Console
from scripts.errors import DeskError
from scripts.phrases import Phrases
from scripts.tasks.command_line import grouped
from scripts.tasks.help_text import help_text
from scripts.tasks.mistyped import no_number, problem
from tests.contract.hints import test_followed
from tests.contract.hints.table import FOLLOWED, Scenario
from tests.contract.hints.typist import Agreeing, Typist, parse
from tests.fakes.world import World
from tests.support.desks import configured, invoke
from tests.support.message_catalogue import stored
from tests.support.repositories import seeded

world = test_followed.world  # the fixture
USUAL = """
    status
    deploy --env development --plan
    deploy --env development
    promote --to staging --plan
    promote --to staging
    status
    history
    promote --to production --plan
    promote --to production --yes
    promote --to production
    history -n 1
    history --stats
    lock.show
    rollback --env production --plan
    freeze --env production --until 2h --reason holidays
    promote --to production
    unfreeze --env production --reason back
    release-hold --env production --reason x
    resume --env production
    backmerge --all --plan
    hotfix --branch develop --plan
    approve --env staging
    approve --env staging --withdraw
    backup.list
    backup.prune --env production --plan
    db.status
    db.adopt --env production --plan
    ledger.check
    ledger.repair --plan
    env.check
    env.diff --from staging --to production
    config.show --env staging
    open --env staging
    preview.list
    preview.up --branch x
    lock.steal --env production --reason x
"""
REFUSED = """
    deploy --env prdo
    promote --to development
    rollback --env development --to v9
    promote --to production --sha deadbeef
    freeze --env production --until 2020-01-01 --reason x
    freeze --env production --until soon --reason x
    db.refresh --to staging --plan
    db.restore newest --env production --plan
    test-e2e --env staging --suite nope
    load-test --env staging --profile nope
    env.push --env staging --plan
    backup.prune --plan
    deploy
"""
MISTYPED = """
    promot --to staging
    xyzzy
    deploy --evn dev
    deploy --xyzzy
    deploy --env dev extra
    deploy -env dev
    db.restore
    deploy --env
    db restore x
    loadtest
    help
    history -n few
"""


class Reader(Agreeing):
    """A person at a French terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.console = console()

    def show(self, lines: Iterable[str]) -> None:
        """Lines of a plan."""
        self.console.show(lines)

    def begin(self, step: str, detail: str) -> None:
        """A step begins."""
        self.console.begin(step, detail)

    def end(self, step: str, ending: str, seconds: float) -> None:
        """A step has ended."""
        self.console.end(step, ending, seconds)

    def note(self, text: str) -> None:
        """A line."""
        self.console.note(text)


def console() -> Console:
    """A console that nobody looks at."""
    return Console(stream=io.StringIO(), out=io.StringIO(), reports=True)


@pytest.fixture
def missed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that people see and the catalogue lacks."""
    found: list[str] = []
    monkeypatch.setenv("AIRHOST_LANG", "fr")
    phrases = Phrases({english: english for english in stored()}, found.append)
    monkeypatch.setattr(language, "_phrases", lambda: phrases)
    return found


@pytest.fixture
def typist(world: World, monkeypatch: pytest.MonkeyPatch) -> Typist:
    """In a world whose `develop` has a commit with a migration."""

    def refuse(_request: Request, fault: DeskError) -> None:
        raise fault

    monkeypatch.setattr(app, "refuse", refuse)
    for driver in world.drivers.values():
        driver.unproven_hint = "see the publishing log of the app on Replit"
    return Typist(world, monkeypatch, progress=Reader)


def shown(typist: Typist, line: str) -> Outcome:
    """Type it, and show how it ended."""
    context = parse(shlex.split(line))
    request = tasks.namespace[context.name].request(**context.as_kwargs)
    try:
        outcome = typist.type(line)
    except DeskError as fault:
        outcome = Outcome.of(fault)
    console().finish(request, outcome)
    return outcome


def lines(text: str) -> list[str]:
    """The lines without their indentation."""
    return [line.strip() for line in text.strip().splitlines()]


def test_all_that_usual_commands_say_is_known(typist: Typist, missed: list[str]) -> None:
    """From the first deployment to a takeover: plans, steps, tables, notes, endings."""
    for line in lines(USUAL):
        shown(typist, line)
        assert missed == [], line


def test_all_that_refusals_say_is_known(typist: Typist, missed: list[str]) -> None:
    """What is named and is not there, or may not be."""
    for line in lines(REFUSED):
        assert shown(typist, line).code, line
        assert missed == [], line


@pytest.mark.parametrize("line", lines(MISTYPED))
def test_what_a_mistyped_line_gets_is_known(line: str, missed: list[str]) -> None:
    """Of tasks, options and values."""
    contexts: dict[str, Any] = {
        str(name): each for each in tasks.namespace.to_contexts() for name in (each.name, *each.aliases)
    }
    words = line.split()
    try:
        Parser(contexts=list({id(each): each for each in contexts.values()}.values())).parse_argv(words)
    except ParseError as fault:
        console().finish(Request(), Outcome.of(problem(fault, contexts, words)))
    except ValueError:
        assert no_number(words, contexts)
        console().say(f"error: {no_number(words, contexts)}")
    else:
        pytest.fail("it was read")
    assert missed == []


def test_help_and_the_list_are_known(missed: list[str]) -> None:
    """Each task with each of its options."""
    for name in tasks.namespace.task_names:
        task = tasks.namespace[name]
        assert list(help_text(name, task.__doc__ or "", task.request.options(), 100))
        assert list(
            grouped({name: (task.__doc__ or "").partition("\n")[0].partition(": `")[0].rstrip(".")}, 80)
        )
    assert missed == []


@pytest.mark.skipif(not os.environ.get("DESK_LONG"), reason="takes half a minute: set DESK_LONG=1")
@pytest.mark.parametrize("scenario", FOLLOWED)
def test_what_a_stuck_person_is_told_is_known(
    scenario: Scenario, typist: Typist, missed: list[str]
) -> None:
    """The scenarios of the hints."""
    shown(typist, scenario(typist))
    assert missed == []


def test_people_get_french_and_programs_english(tmp_path: Path) -> None:
    """A real call, with the files of the catalogue."""
    env_dir = configured(tmp_path / "env", seeded(tmp_path)[1].folder)
    ended = invoke(
        "freeze",
        "staging",
        "--until",
        "soon",
        "--reason",
        "x",
        "--json",
        env_dir=env_dir,
        AIRHOST_LANG="fr",
    )
    listed = invoke("--list", env_dir=env_dir, LANG="fr_FR.UTF-8", AIRHOST_LANG="")

    assert ended.code == ended.document["code"] == 2
    assert "`soon` is no time" in ended.document["message"]
    assert ended.err.startswith("erreur : `soon` ")
    assert "\nconseil : " in ended.err
    assert "Quand quelque chose ne va pas" in listed.out
