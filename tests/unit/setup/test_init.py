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
from tests.support.repositories import Repository, seeded
from tests.unit.setup.skeletons import package


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
    texts = dict.fromkeys(
        ("name", "remote", "branches", "urls", "repl_ids", "app_folder", "vendor_folder"), ""
    )
    switches = dict.fromkeys(("vendor", "ask", "plan", "yes", "create_branches", "launcher"), False)
    given: dict[str, Any] = {"app": str(app), **texts, **switches, **options}
    return InitRequest(**given)


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    """A remote that has the team's three branches."""
    origin = seeded(tmp_path)[0]
    for branch in ("staging", "main"):
        origin.git("branch", branch, "develop")
    return origin


@pytest.fixture
def app(origin: Repository, tmp_path: Path) -> Path:
    """A checkout."""
    folders = [folder for folder in tmp_path.iterdir() if (folder / ".git").is_dir()]
    assert origin.folder not in folders
    return folders[0]


def test_a_plan_writes_nothing_and_shows_the_whole_file(app: Path) -> None:
    """It names each file, and where each value is from."""
    (app / "package.json").write_text(package("vite", build="vite build"))
    (app / "index.html").touch()
    (app / "netlify.toml").write_text('[build]\npublish = "web"\n')
    person = Person()
    outcome = init(person, request(app, plan=True))
    text = "\n".join(person.lines)

    assert outcome.code == 0
    assert "new      env/pipeline.toml" in person.lines
    assert "output           web  (from `netlify.toml`)" in text
    assert outcome.data["pipeline_toml"] in text + "\n"
    assert ("web", "netlify.toml") == tuple(outcome.data["found"]["output"][k] for k in ("value", "source"))
    assert not (app / "env").exists()


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

    assert "change 1 file as shown?" in person.lines
    assert (app / ".gitignore").read_text().startswith("mine\n")
    assert init(Person(), request(app)).ending == "nothing"


def test_the_launcher_is_shown_first_and_written_after_a_yes(app: Path) -> None:
    """With what a person has to do on Replit; again it is refreshed, and what it is told stays."""
    (app / "package.json").write_text(package("vite", build="vite build"))
    (app / ".replit").write_text('[deployment]\nrun = ["node", "server.js"]\n')
    planned = Person()
    init(planned, request(app, plan=True, launcher=True))
    person = Person()
    person.agrees = True
    outcome = init(person, request(app, launcher=True))

    assert "changed  .replit" in planned.lines
    assert any("`DESK_ENVIRONMENT`" in line for line in planned.lines)
    assert {"launcher.py", "launcher.json", "launcher_listen.cjs", ".replit"} <= set(
        outcome.data["written"]
    )
    assert not (app / "launcher_serve.py").exists()  # no app in Python
    assert ".launcher/" in (app / ".gitignore").read_text().splitlines()
    assert parse(tomllib.loads((app / "env/pipeline.toml").read_text())).environment("staging").publish == (
        "launcher"
    )
    assert "# LAUNCHER_TOKEN=" in (app / "env/.env.staging.example").read_text()
    compile((app / "launcher.py").read_text(), "launcher.py", "exec")

    told = (app / "launcher.json").read_text().replace('"keep": 5', '"keep": 7')
    (app / "launcher.json").write_text(told)
    (app / "launcher.py").write_text("old")
    again = init(person, request(app, launcher=True))

    assert again.data["written"] == ["launcher.py"]
    assert (app / "launcher.json").read_text() == told
    assert init(person, request(app, launcher=True)).ending == "nothing"
    (app / "server.py").touch()
    assert init(person, request(app, launcher=True)).data["written"] == ["launcher_serve.py"]


def test_a_launcher_needs_a_remote_that_it_can_read(app: Path) -> None:
    Repository(app).git("remote", "remove", "origin")

    with pytest.raises(Refused, match="needs the address of the remote"):
        init(Person(), request(app, launcher=True))


def test_a_configuration_that_is_there_stays(app: Path) -> None:
    """Also with `--yes`: what somebody decided is no guess of ours."""
    init(Person(), request(app, yes=True))
    file = app / "env" / "pipeline.toml"
    mine = file.read_text().replace('publish = "manual"', 'publish = "mcp"\nrepl_id = "x"', 1)
    file.write_text(mine)
    outcome = init(Person(), request(app, yes=True, name="other"))

    assert ("nothing", ["env/pipeline.toml"]) == (outcome.ending, outcome.data["kept"])
    assert mine == file.read_text()


def test_a_configuration_that_git_would_ignore_is_let_in(app: Path) -> None:
    """`env/` is in many templates of `.gitignore`."""
    (app / ".gitignore").write_text("env/\n")
    init(Person(), request(app, yes=True))

    assert "\n!/env/\n" in (app / ".gitignore").read_text()
    assert "nothing" == init(Person(), request(app, yes=True)).ending


def test_several_apps_are_asked_about(app: Path) -> None:
    """Without an answer it is refused, and the hint names the option."""
    for name in ("web", "admin"):
        (app / name).mkdir()
        (app / name / "package.json").write_text(package("next", build="next build"))
    with pytest.raises(Refused, match="several apps") as caught:
        init(Person(), request(app, plan=True))

    assert "--app-folder admin" in str(caught.value.hint)

    assert "admin" == init(Person(), request(app / "admin", plan=True)).data["found"]["folder"]["value"]

    person = Person()
    person.answers = {"which app": "web"}
    init(person, request(app, ask=True))

    assert '\nfolder = "web"\n' in (app / "env" / "pipeline.toml").read_text()


def test_branches_that_lack_are_made_when_somebody_agrees(app: Path, origin: Repository) -> None:
    """From production's branch; a plan and a no make none."""
    origin.git("branch", "-D", "staging")
    first = Person()
    init(first, request(app, yes=True))

    assert "missing  `staging` on `origin`: `invoke init --create-branches` makes them" in first.lines

    second = Person()
    init(second, request(app, plan=True, create_branches=True))

    assert "new      `staging` on `origin`, from `main`" in second.lines
    assert "refs/heads/staging" not in origin.refs()

    third = Person()
    third.agrees = True
    outcome = init(third, request(app, ask=True))

    assert "make `staging` on `origin`, from `main`?" in third.lines
    assert "done" == outcome.ending
    assert origin.refs()["refs/heads/staging"] == origin.refs()["refs/heads/main"]
    assert "nothing" == init(Person(), request(app, yes=True, create_branches=True)).ending


def test_a_copied_desk_has_a_folder_of_its_own(app: Path) -> None:
    """Its configuration lies in it, and nothing else in the app changes."""
    for name in ("requirements.txt", "tasks.py", ".gitignore"):
        (app / name).write_text("mine")
    init(Person(), request(app, vendor=True))
    settings = parse(tomllib.loads((app / "release-desk" / "env" / "pipeline.toml").read_text()))

    assert ".." == settings.app.repository
    assert {"mine"} == {(app / name).read_text() for name in ("requirements.txt", "tasks.py", ".gitignore")}
    assert "!.env.*.sops" in (app / "release-desk" / ".gitignore").read_text()
    assert sorted(path.name for path in app.iterdir()) == [
        ".git", ".gitignore", "file", "release-desk", "requirements.txt", "tasks.py",
    ]  # fmt: skip
    assert "nothing" == init(Person(), request(app, vendor=True)).ending


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"branches": "a,b"}, Refused, "`--branches` names 2"),
        ({"branches": ",,"}, Refused, "names no branch"),
        ({"repl_ids": "a"}, Refused, "`--repl-ids` names 1"),
        ({"urls": "x,y,z"}, ConfigError, "https"),
        ({"app_folder": "nowhere"}, Refused, "no app in `nowhere`"),
    ],
)
def test_an_unusable_option_is_refused(
    app: Path, options: dict[str, str], error: type[Refused], text: str
) -> None:
    """Before anything is written."""
    with pytest.raises(error, match=text):
        init(Person(), request(app, **options))

    assert not (app / "env").exists()
