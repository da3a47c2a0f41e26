"""`env.check`: what it looks at, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.secrets.check import (
    check_environments,
    check_for_release,
    checked_environment,
    report,
    run_rules,
)
from scripts.secrets.finding import Finding
from scripts.secrets.load import load_all, public_names
from scripts.secrets.request import CheckRequest
from tests.support.environments import BUILT, good, text_of
from tests.support.fake_desk import NOW, fake_desk
from tests.support.repositories import Repository
from tests.support.tables import settings

WARNING = Finding("ENV004", "warning", "f", None, "B", "m")
ERROR = Finding("ENV006", "error", "f", 1, "B", "m")


def write(folder: Path, name: str, values: dict[str, str]) -> None:
    """The `.env` file of an environment, as it should be protected."""
    file = folder / f".env.{name}"
    file.write_text(text_of(values))
    file.chmod(0o600)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An app's checkout with three good environments."""
    repository = Repository(tmp_path)
    repository.git("init", "-q")
    (tmp_path / ".gitignore").write_text(".env.*\n")
    changes = {
        f"environment__{name}__url": good(name)["VITE_SITE_URL"]
        for name in ("development", "staging", "production")
    }
    chosen = settings(app__build_variables=list(BUILT), app__migrations="supabase/migrations", **changes)
    for environment in chosen:
        write(tmp_path, environment.name, good(environment.name))
    return fake_desk(tmp_path, settings=chosen, config_folder=tmp_path)


def test_three_good_environments_are_done(desk: Desk) -> None:
    """The document has no finding, and the message says what was looked at."""
    outcome = check_environments(desk, CheckRequest())

    assert (outcome.ending, outcome.code) == ("done", 0)
    assert outcome.data == {"findings": []}
    assert "development, staging, production" in outcome.message


def test_one_environment_is_checked_against_the_others(desk: Desk, tmp_path: Path) -> None:
    """A secret that staging has too; staging's own mistakes are not told."""
    values = good("production") | {"OPENAI_API_KEY": good("staging")["OPENAI_API_KEY"]}
    write(tmp_path, "production", values)
    write(tmp_path, "staging", good("staging") | {"BASH_ENV": "x"})

    outcome = check_environments(desk, CheckRequest(env="prod"))

    assert (outcome.ending, outcome.code) == ("failed", 1)
    assert [(each["rule"], each["name"]) for each in outcome.data["findings"]] == [
        ("ENV010", "OPENAI_API_KEY")
    ]
    assert "(production)" in outcome.message


def test_source_lines_are_warnings(desk: Desk, tmp_path: Path) -> None:
    """They are not part of the gate of a release."""
    (tmp_path / "main.ts").write_text("use(import.meta.env)\n")
    Repository(tmp_path).git("add", "main.ts")

    outcome = check_environments(desk, CheckRequest())

    assert outcome.ending == "done"
    assert [each["rule"] for each in outcome.data["findings"]] == ["SRC001"]
    assert check_for_release(desk, desk.settings.environment("prod")) == ()


def test_a_release_is_checked_for_examples_and_the_builds_own_files(desk: Desk, tmp_path: Path) -> None:
    """Whatever the build could publish."""
    (tmp_path / ".env.staging.example").write_text("VITE_OPENAI_API_KEY=\n")

    found = check_for_release(desk, desk.settings.environment("production"))

    assert [(each.rule, each.file) for each in found] == [("ENV006", ".env.staging.example")]


def test_environments_without_values_are_left_out(tmp_path: Path) -> None:
    """Unless one is asked for: then it lacks what it needs."""
    empty = fake_desk(tmp_path, config_folder=tmp_path)

    assert run_rules(empty, None) == ((), ())
    assert "the examples alone" in check_environments(empty, CheckRequest()).message
    missing = check_for_release(empty, empty.settings.environment("staging"))
    assert {each.rule for each in missing} == {"ENV003"}
    assert {each.name for each in missing} == {"DATABASE_URL", "REPLIT_MCP_TOKEN"}


def test_what_an_environment_needs(desk: Desk, tmp_path: Path) -> None:
    """A password only for a database elsewhere without one; a token only for Publish over MCP."""

    def needed(name: str, url: str) -> set[str]:
        write(tmp_path, name, good(name) | {"DATABASE_URL": url})
        environment = desk.settings.environment(name)
        one = checked_environment(desk, environment, load_all(desk), public_names(desk))
        return {name for name, _ in one.needed} - set(BUILT)

    assert needed("staging", "postgres://a@db.example.org/x") == {
        "DATABASE_URL",
        "DATABASE_PASSWORD",
        "REPLIT_MCP_TOKEN",
    }
    assert needed("staging", "postgres://a:b@db.example.org/x") == {"DATABASE_URL", "REPLIT_MCP_TOKEN"}
    assert needed("staging", "postgres://a@127.0.0.1/x") == {"DATABASE_URL", "REPLIT_MCP_TOKEN"}


def test_an_environment_is_compared_with_the_rest_of_the_chain(desk: Desk) -> None:
    """At the desk's own time; only the first of the chain is one's own machine."""
    files, public = load_all(desk), public_names(desk)
    checked = {each.name: checked_environment(desk, each, files, public) for each in desk.settings}

    assert [other.environment.name for other in checked["staging"].others] == ["development", "production"]
    assert [each.first for each in checked.values()] == [True, False, False]
    assert checked["staging"].now > 1_890_000_000
    assert NOW.startswith("2030")


@pytest.mark.parametrize(
    ("findings", "ending", "code", "count"),
    [
        ((), "done", 0, "nothing was found (x)"),
        ((WARNING,), "done", 0, "0 error(s), 1 warning(s) (x)"),
        ((ERROR, WARNING), "failed", 1, "1 error(s), 1 warning(s) (x)"),
    ],
)
def test_errors_fail_and_warnings_do_not(
    findings: tuple[Finding, ...], ending: str, code: int, count: str
) -> None:
    """The document has all of them."""
    outcome = report(findings, "x")

    assert (outcome.ending, outcome.code, outcome.message) == (ending, code, count)
    assert outcome.data == {"findings": [finding.document() for finding in findings]}
