"""The files of a new desk: the shipped manual with the app's values, and always a usable one."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from scripts.config.env_files import LINE
from scripts.config.parse import parse
from scripts.config.settings import Gates, Settings
from scripts.setup.detect import detect
from scripts.setup.facts import AppFacts, Found, branches_of
from scripts.setup.proposal import (
    CHECK,
    default_answers,
    env_example,
    gitignore,
    masking_toml,
    pipeline_toml,
)
from scripts.setup.tree import Tree
from tests.support.desks import ROOT
from tests.unit.setup.skeletons import SKELETONS, package

TEMPLATE = (ROOT / "env" / "pipeline.toml").read_text()
FILES = {
    "package.json": package("vite", build="vite build"),
    "package-lock.json": "",
    "index.html": "",
    "supabase/migrations/20250101000000_x.sql": "",
    ".env.example": "VITE_SITE_URL=\nVITE_SUPABASE_ANON_KEY=\nVITE_SUPABASE_SERVICE_ROLE_KEY=\nX=",
}


def found(*branches: str, **changes: object) -> AppFacts:
    """The facts of an app whose remote has these branches."""
    by_name, missing = branches_of(branches)
    facts = detect(Tree.from_texts(FILES), "", "shop")
    return replace(facts, remotes=("origin",), branches=by_name, missing=missing, **changes)  # type: ignore[arg-type]


FOUND = found("develop", "feature/x", "main", "staging")


def made(facts: AppFacts) -> Settings:
    """The manual for an app, parsed and found usable."""
    return parse(tomllib.loads(pipeline_toml(TEMPLATE, facts, default_answers(facts, "."))))


def test_the_manual_has_the_values_and_keeps_the_comments() -> None:
    """All that the shipped file explains is still explained."""
    answers = replace(default_answers(FOUND, "../shop"), repl_ids={"staging": "abc"})
    text = pipeline_toml(TEMPLATE, FOUND, answers)
    settings = parse(tomllib.loads(text))

    assert [line for line in TEMPLATE.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#") and not line.startswith(CHECK)
    ]
    assert ("shop", "../shop", ("VITE_SITE_URL", "VITE_SUPABASE_ANON_KEY")) == (
        settings.app.name,
        settings.app.repository,
        settings.app.build_variables,
    )
    assert ["develop", "staging", "main"] == [each.branch for each in settings]
    assert ["manual", "mcp", "manual"] == [each.publish for each in settings]
    assert "https://shop-prod.replit.app" == settings.environment("production").url


@pytest.mark.parametrize("name", SKELETONS)
def test_every_app_gets_a_usable_manual(name: str) -> None:
    """Whatever was found, the desk can read what it wrote; every doubt stands before its key."""
    facts = replace(
        detect(Tree.from_texts(SKELETONS[name].files), "", 'we"ird'), branches=branches_of(("main",))[0]
    )
    lines = pipeline_toml(TEMPLATE, facts, default_answers(facts, ".")).splitlines()
    marked = [lines[n + 1].partition(" =")[0] for n, line in enumerate(lines) if line.startswith(CHECK)]

    assert made(facts).app.output == facts.settings["output"].value
    assert set(SKELETONS[name].checks) <= set(marked)


def test_what_no_file_tells_is_marked() -> None:
    """A branch that is not there, and an address that was only derived."""
    facts = found("main", sites={"production": Found("https://shop.example.org", ".env.production")})
    text = pipeline_toml(TEMPLATE, facts, default_answers(facts, "."))

    assert ("development", "staging") == facts.missing
    assert (
        "# CHECK: `origin` has no branch `staging` yet: `invoke init --create-branches` makes it\n"
        'branch = "staging"\n# CHECK: no file names it: is this its address?\n'
        'url = "https://shop-staging.replit.app"\n'
    ) in text
    assert '\nbranch = "main"\nurl = "https://shop.example.org"\n' in text


@pytest.mark.parametrize(
    ("branches", "head", "expected", "missing"),
    [
        (("dev", "recette", "master"), "master", ["dev", "recette", "master"], ()),
        (("develop", "main", "master"), "master", ["develop", "staging", "master"], ("staging",)),
        (("stable", "develop"), "stable", ["develop", "staging", "stable"], ("staging",)),
        (("main", "develop"), "develop", ["develop", "staging", "main"], ("staging",)),
        ((), "", ["develop", "staging", "main"], ()),
    ],
)
def test_branches_by_their_usual_names(
    branches: tuple[str, ...], head: str, expected: list[str], missing: tuple[str, ...]
) -> None:
    """The remote's default branch decides for production; of several, one is marked."""
    by_name, lacking = branches_of(branches, head)

    assert (expected, missing) == ([each.value for each in by_name.values()], lacking)
    assert branches_of(("dev", "develop", "main"))[0]["development"].check


def test_gates_and_journeys_are_what_the_app_can_pass() -> None:
    """The sample app's are not this app's: a first release to production meets no gate."""
    settings = made(FOUND)

    assert Gates() == settings.environment("production").gates == settings.environment("staging").gates
    assert ({"visit": 1}, ()) == ({k: v for k, v in settings.load.mix.items() if v}, settings.load.cleanup)
    assert not settings.environment("staging").load.writes
    assert not settings.e2e.variables


def test_an_environment_can_be_left_out() -> None:
    """With all its tables."""
    answers = default_answers(FOUND, ".")
    two = {name: answers.branches[name] for name in ("development", "production")}
    text = pipeline_toml(TEMPLATE, FOUND, replace(answers, branches=two))

    assert ("development", "production") == parse(tomllib.loads(text)).chain
    assert "[environment.staging" not in text


def test_the_example_holds_names_and_no_secret_under_a_public_prefix() -> None:
    """A `VITE_` secret of the app is written without the prefix; parsers agree on every line."""
    text = env_example("staging", FOUND, default_answers(FOUND, "."))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    assert [] == [line for line in lines if not LINE.fullmatch(line)]
    assert {"SUPABASE_SERVICE_ROLE_KEY=", "VITE_SUPABASE_ANON_KEY="} <= set(lines)
    assert "VITE_SITE_URL=https://shop-staging.replit.app" in lines
    assert "VITE_SUPABASE_SERVICE" not in text


def test_edge_functions_are_released_once_there_are_some() -> None:
    """The folder is named beforehand; the token and the project are asked for when there is one."""
    folder = "apps/web/supabase/functions"
    some = replace(FOUND, functions=FOUND.functions._replace(value=folder))
    examples = [env_example("staging", facts, default_answers(facts, ".")) for facts in (FOUND, some)]

    assert [made(facts).supabase.functions for facts in (FOUND, some)] == ["supabase/functions", folder]
    assert ["# SUPABASE_ACCESS_TOKEN=" in text for text in examples] == [False, True]


def test_what_is_ignored_comes_once() -> None:
    """What stood there stays; a second time changes nothing; encrypted files go to git."""
    once = gitignore("node_modules\n.env")

    assert once.startswith("node_modules\n.env\n")
    assert {".env.*", "!.env.*.example", "!.env.*.sops", ".airhost/"} <= set(once.splitlines())
    assert once == gitignore(once)


def test_the_masking_file_has_no_rule_for_the_sample_app() -> None:
    """Its manual, and its settings."""
    text = masking_toml((ROOT / "env" / "masking.toml").read_text())

    assert {"domain", "canaries", "allowed", "password_hash"} == tomllib.loads(text).keys()
