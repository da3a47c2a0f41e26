"""`init` shows before it writes, asks what it does not know, and never overwrites unasked."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from scripts.config.parse import parse
from scripts.errors import ConfigError, Declined, Refused
from scripts.setup.init import init
from scripts.setup.request import InitRequest
from tests.fakes.world import Notes
from tests.support.repositories import seeded


class Person(Notes):
    """Answers each question with what is in `answers`, else with the default; agrees or not."""

    answers: dict[str, str] = {}  # noqa: RUF012 - each test makes a person of its own
    agrees = False

    def ask(self, question: str, default: str) -> str:
        """Answer a question."""
        return next((text for part, text in self.answers.items() if part in question), default)

    def agree(self, question: str) -> bool:
        """Say yes or no."""
        self.lines.append(question)
        return self.agrees


def request(app: Path, **options: Any) -> InitRequest:
    """The options of a call without any."""
    texts = {"name": "", "remote": "", "branches": "", "urls": "", "repl_ids": ""}
    switches = {"vendor": False, "ask": False, "plan": False, "yes": False}
    given: dict[str, Any] = {"app": str(app), **texts, **switches, **options}
    return InitRequest(**given)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A checkout whose remote has the team's three branches."""
    origin, person = seeded(tmp_path)
    for branch in ("staging", "main"):
        origin.git("branch", branch, "develop")
    return person.folder


def test_a_plan_writes_nothing(app: Path) -> None:
    """It names each file."""
    person = Person()
    outcome = init(person, request(app, plan=True))

    assert outcome.code == 0
    assert "new      env/pipeline.toml" in person.lines
    assert sorted(path.name for path in app.iterdir()) == [".git", "file"]


def test_answers_and_options_are_in_the_configuration(app: Path) -> None:
    """What a person types, else the option, else what was found."""
    person = Person()
    person.answers = {"the app's name": "shop", "public URL of staging": "https://s.example.org"}
    init(person, request(app, ask=True, branches="dev,stage,live", repl_ids="a,b,c"))
    settings = parse(tomllib.loads((app / "env" / "pipeline.toml").read_text()))

    assert settings.app.name == "shop"
    assert [environment.branch for environment in settings] == ["dev", "stage", "live"]
    assert [environment.repl_id for environment in settings] == ["a", "b", "c"]
    assert settings.environment("staging").url == "https://s.example.org"


def test_files_that_differ_are_overwritten_only_after_a_yes(app: Path) -> None:
    """The difference is shown; a second time there is nothing to do."""
    (app / ".gitignore").write_text("mine\n")
    with pytest.raises(Declined):
        init(Person(), request(app))

    assert not (app / "env").exists()

    person = Person()
    person.agrees = True
    init(person, request(app))

    assert "overwrite 1 files as shown?" in person.lines
    assert (app / ".gitignore").read_text().startswith("mine\n")
    assert init(Person(), request(app)).ending == "nothing"


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"branches": "a,b"}, Refused, "`--branches` names 2"),
        ({"repl_ids": "a"}, Refused, "`--repl-ids` names 1"),
        ({"urls": "x,y,z"}, ConfigError, "https"),
    ],
)
def test_an_unusable_option_is_refused(
    app: Path, options: dict[str, str], error: type[Refused], text: str
) -> None:
    """Before anything is written."""
    with pytest.raises(error, match=text):
        init(Person(), request(app, **options))

    assert not (app / "env").exists()
