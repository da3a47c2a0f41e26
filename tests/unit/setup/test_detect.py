"""Every kind of app is seen as it is, or a person is asked: nothing is guessed in silence."""

from __future__ import annotations

import pytest

from scripts.errors import Refused
from scripts.setup import hosting
from scripts.setup.detect import Ambiguous, detect, listed
from scripts.setup.tree import Tree
from tests.unit.setup.skeletons import SKELETONS, package


@pytest.mark.parametrize("name", SKELETONS)
def test_each_kind_of_app_is_seen(name: str) -> None:
    """Its folder, commands, output, variables and database; what is doubtful is marked, nothing else is."""
    skeleton = SKELETONS[name]
    facts = detect(Tree.from_texts(skeleton.files), "", "fallback")
    found = listed(facts)

    assert skeleton.app == {key: found[key].value for key in skeleton.app}
    assert (skeleton.framework, skeleton.database) == (facts.framework, facts.database)
    assert skeleton.public == facts.public.value
    assert skeleton.checks == tuple(key for key, each in found.items() if each.check)


def test_a_fact_names_its_source() -> None:
    """The file that a person would open."""
    found = listed(
        detect(Tree.from_texts(SKELETONS["netlify names the folder and the output"].files), "", "")
    )

    assert ("netlify.toml", "netlify.toml") == (found["folder"].source, found["output"].source)
    assert "frontend/package-lock.json" == found["install"].source


@pytest.mark.parametrize(
    ("scripts", "files", "expected"),
    [
        ({"test": "vitest run"}, {"package-lock.json": ""}, {"unit": ["npm", "run", "test"]}),
        (
            {"test": "x", "test:unit": "vitest", "test:integration": "vitest -c i.ts"},
            {"pnpm-lock.yaml": ""},
            {"unit": ["pnpm", "run", "test:unit"], "integration": ["pnpm", "run", "test:integration"]},
        ),
        ({"test": 'echo "Error: no test specified" && exit 1'}, {"package-lock.json": ""}, {}),
        ({}, {"package-lock.json": ""}, {}),
    ],
)
def test_the_apps_own_tests_are_found(
    scripts: dict[str, str], files: dict[str, str], expected: dict[str, list[str]]
) -> None:
    """By the scripts of its package; what `npm init` writes is no test."""
    tree = Tree.from_texts(
        {"package.json": package("vite", scripts={"build": "vite build", **scripts}), **files}
    )

    assert expected == {suite: each.value for suite, each in detect(tree, "", "").tests.items()}


def test_generated_types_are_found() -> None:
    """By what is in them."""
    text, name = (
        "export type Database = {\n  public: {\n    Tables: {\n",
        "src/integrations/supabase/types.ts",
    )
    files = {"package.json": package("vite"), "src/types.ts": "export type A = 1", name: text}

    assert detect(Tree.from_texts(files), "", "").types.value == name


TWO = {
    "apps/web/package.json": package("next", build="next build"),
    "apps/admin/package.json": package("vite", build="vite build"),
    "apps/admin/index.html": "",
    "examples/demo/package.json": package("next", build="next build"),
}


def test_several_apps_are_a_question() -> None:
    """Unless one is named; an example is none of them."""
    with pytest.raises(Ambiguous, match=r"`apps/admin` .Vite., `apps/web` .Next."):
        detect(Tree.from_texts(TWO), "", "")

    assert "Next" == detect(Tree.from_texts(TWO), "apps/web/", "").framework
    with pytest.raises(Refused, match="no app in `apps/x`"):
        detect(Tree.from_texts(TWO), "apps/x", "")


@pytest.mark.parametrize(
    ("run", "scripts", "dev"),
    [
        ('"npm run dev"', "", True),
        ('["sh", "-c", "npm run start"]', '"start": "vite"', True),
        ('["npm", "run", "start"]', '"start": "node server.js"', False),
        ('["sh", "-c", "npx vite preview --host"]', "", False),
        ('["npx", "next", "dev"]', "", True),
        ('"node dist/index.js"', "", False),
    ],
)
def test_a_server_for_development_is_seen(run: str, scripts: str, *, dev: bool) -> None:
    """In the command itself, or in the script that it calls."""
    files = {
        ".replit": f'run = "npm run dev"\n[deployment]\nrun = {run}\n',
        "package.json": f'{{"scripts": {{{scripts}}}}}',
    }

    assert bool(hosting.runs_dev_server(Tree.from_texts(files))) is dev


@pytest.mark.parametrize("text", ["", "[", "{", "[build]\npublish = 1", '{"scripts": []}', "a: [\x00"])
def test_odd_files_are_no_traceback(text: str) -> None:
    """Other people's files hold anything."""
    names = (
        "package.json", "netlify.toml", "vercel.json", ".replit", ".github/workflows/a.yml", "turbo.json",
        "pnpm-workspace.yaml", "vite.config.ts", "app.json", ".env", "supabase/config.toml", "nx.json",
    )  # fmt: skip

    assert detect(Tree.from_texts(dict.fromkeys(names, text)), "", "My App").name.value == "my-app"
