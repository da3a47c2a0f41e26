"""What would stop or spoil a release is named, with what to type, and nothing else is."""

from __future__ import annotations

import pytest

from scripts.setup.advice import about
from scripts.setup.detect import detect
from scripts.setup.tree import Tree
from tests.unit.setup.skeletons import package

GOOD = {
    "package.json": package("vite", build="vite build", devDependencies={"supabase": "3.1.0"}),
    "pnpm-lock.yaml": "",
    "index.html": "",
    "supabase/migrations/20250101000000_x.sql": "",
    ".replit": '[deployment]\nrun = ["npm", "start"]\nbuild = ["sh", "-c", "test -f dist/version.json"]\n',
}


def said(files: dict[str, str], **tracked: list[str]) -> str:
    """All that is said of an app, one line each."""
    tree = Tree.from_texts(files)
    given = {name.replace("_", "."): names for name, names in tracked.items()}
    return "\n".join(f"{each.message} -> {each.hint}" for each in about(tree, detect(tree, "", ""), given))


def test_a_good_app_hears_nothing() -> None:
    """Each of these lines would be read."""
    assert not said(GOOD)


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (
            {".replit": '[deployment]\nrun = "npm run dev"\n'},
            "a server for development: `run` is `npm run dev`",
        ),
        ({".replit": '[deployment]\nbuild = "npm run build"\n'}, "test -f dist/version.json"),
        (
            {"package.json": package("vite", build="vite build")},
            "-> `pnpm add --save-dev --save-exact supabase@",
        ),
        (
            {"package.json": package("vite", build="vite build", devDependencies={"supabase": "^2.20.0"})},
            "the Supabase CLI `^2.20.0`: it should be an exact version 3.x",
        ),
        ({"a.ts": "import.meta.env.VITE_OPENAI_API_KEY"}, "let the server read `OPENAI_API_KEY`"),
        ({"a.ts": "import.meta.env.VITE_VERCEL_URL"}, "`VITE_VERCEL_URL` is set by another host"),
    ],
)
def test_each_has_what_to_type(files: dict[str, str], text: str) -> None:
    """One thing at a time."""
    lines = said({**GOOD, **files}).splitlines()

    assert len(lines) == 1
    assert text in lines[0]


def test_a_committed_secret_comes_first() -> None:
    """With the names, never the values."""
    assert said(GOOD, _env=["OPENAI_API_KEY"]).startswith(
        "`.env` is in git with `OPENAI_API_KEY` -> `git rm --cached .env && echo /.env >>.gitignore`"
    )


def test_without_a_replit_its_lines_are_given() -> None:
    """Publish needs them, whatever else is right."""
    files = {name: text for name, text in GOOD.items() if name != ".replit"}

    assert 'build = ["sh", "-c", "test -f dist/version.json"]; publicDir = "dist"' in said(files)
