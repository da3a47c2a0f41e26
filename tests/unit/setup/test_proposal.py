"""The files of a new desk: the shipped manual with the app's values, and always a usable one."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from scripts.config.env_files import LINE
from scripts.config.parse import parse
from scripts.setup.proposal import (
    Answers,
    AppFacts,
    default_answers,
    env_example,
    gitignore,
    pipeline_toml,
)
from tests.support.desks import ROOT

TEMPLATE = (ROOT / "env" / "pipeline.toml").read_text()
FOUND = AppFacts(
    name="shop",
    remotes=("origin",),
    branches=("develop", "feature/x", "main", "staging"),
    variables=(
        "VITE_SITE_URL",
        "VITE_SUPABASE_ANON_KEY",
        "VITE_SUPABASE_SERVICE_ROLE_KEY",
        "OPENAI_API_KEY",
    ),
    lockfiles=("package-lock.json",),
    supabase=True,
)


def made(found: AppFacts, answers: Answers | None = None) -> dict[str, object]:
    """The manual for an app, parsed and found usable."""
    table = tomllib.loads(pipeline_toml(TEMPLATE, found, answers or default_answers(found, ".")))
    parse(table)
    return table


def test_the_manual_has_the_values_and_keeps_the_comments() -> None:
    """All that the shipped file explains is still explained."""
    answers = replace(default_answers(FOUND, "../shop"), repl_ids={"staging": "abc"})
    text = pipeline_toml(TEMPLATE, FOUND, answers)
    settings = parse(tomllib.loads(text))

    assert [line for line in TEMPLATE.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]
    assert ("shop", "../shop", ("VITE_SITE_URL", "VITE_SUPABASE_ANON_KEY")) == (
        settings.app.name,
        settings.app.repository,
        settings.app.build_variables,
    )
    assert ["develop", "staging", "main"] == [each.branch for each in settings]
    assert ["manual", "mcp", "manual"] == [each.publish for each in settings]
    assert "https://shop-prod.replit.app" == settings.environment("production").url


FOUNDS = {
    "no database": replace(FOUND, supabase=False),
    "other names": replace(
        FOUND, branches=("dev", "preprod", "master"), remotes=("hub",), lockfiles=("yarn.lock",)
    ),
    "no staging": replace(FOUND, branches=("main", "develop")),
    "nothing": AppFacts("app", (), ()),
    "odd output": replace(FOUND, output='we"ird', lockfiles=("pnpm-lock.yaml",)),
}


@pytest.mark.parametrize("case", FOUNDS)
def test_every_app_gets_a_usable_manual(case: str) -> None:
    """Whatever was found, the desk can read what it wrote."""
    made(FOUNDS[case])


def test_what_is_found_decides() -> None:
    """Branches by their usual names, the package manager by its lock file, the database by its folder."""
    other = parse(made(FOUNDS["other names"]))

    assert ["dev", "preprod", "master"] == [each.branch for each in other]
    assert ("hub", "yarn.lock", ("yarn", "install", "--frozen-lockfile")) == (
        other.app.remote,
        other.app.lockfile,
        other.app.install,
    )
    assert not any(each.database for each in parse(made(FOUNDS["no database"])))
    assert ("development", "production") == parse(made(FOUNDS["no staging"])).chain


def test_the_example_holds_names_and_no_secret_under_a_public_prefix() -> None:
    """A `VITE_` secret of the app is written without the prefix; parsers agree on every line."""
    text = env_example("staging", FOUND, default_answers(FOUND, "."))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    assert [] == [line for line in lines if not LINE.fullmatch(line)]
    assert {"SUPABASE_SERVICE_ROLE_KEY=", "OPENAI_API_KEY=", "VITE_SUPABASE_ANON_KEY="} <= set(lines)
    assert "VITE_SITE_URL=https://shop-staging.replit.app" in lines
    assert "VITE_SUPABASE_SERVICE" not in text


def test_what_is_ignored_comes_once() -> None:
    """What stood there stays; a second time changes nothing."""
    once = gitignore("node_modules\n.env")

    assert once.startswith("node_modules\n.env\n")
    assert {".env.*", "!.env.*.example", ".airhost/"} <= set(once.splitlines())
    assert once == gitignore(once)
