"""An app without a `.replit` gets one that ships the release's own build."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from scripts.setup.deployment import replit_file
from scripts.setup.detect import detect
from scripts.setup.tree import Tree
from tests.unit.setup.skeletons import package


def deployment(files: dict[str, str]) -> dict[str, Any]:
    """The table that Publish reads."""
    tree = Tree.from_texts({"package-lock.json": "", **files})
    table: dict[str, Any] = tomllib.loads(replit_file(tree, detect(tree, "", "")))["deployment"]
    return table


@pytest.mark.parametrize(
    ("files", "run", "stamp"),
    [
        (
            {"package.json": package("next", build="next build"), "next.config.js": ""},
            ["npx", "--no-install", "next", "start"],
            ".next",
        ),
        (
            {"package.json": package("nuxt", build="nuxt build"), "nuxt.config.ts": ""},
            ["node", ".output/server/index.mjs"],
            ".output/public",
        ),
        (
            {
                "package.json": package("@sveltejs/kit", build="vite build"),
                "svelte.config.js": "import a from '@sveltejs/adapter-node'",
            },
            ["node", "build"],
            "build/client",
        ),
        (
            {
                "package.json": package("astro", build="astro build"),
                "astro.config.mjs": "import node from '@astrojs/node'; output: 'server', adapter: node()",
            },
            ["node", "dist/server/entry.mjs"],
            "dist/client",
        ),
        (
            {
                "package.json": '{"scripts": {"build": "vite build", "start": "node server.js"},'
                ' "dependencies": {"vite": "5"}}',
                "index.html": "",
            },
            ["npm", "run", "start"],
            "dist",
        ),
        (
            {
                "pnpm-lock.yaml": "",
                "apps/web/package.json": '{"dependencies": {"@react-router/dev": "7"}, "scripts": {'
                '"build": "react-router build", "start": "react-router-serve build/server/index.js"}}',
                "apps/web/react-router.config.ts": "",
                "package.json": "{}",
                "pnpm-workspace.yaml": "packages: ['apps/*']",
                "package-lock.json": "",
            },
            ["sh", "-c", "cd apps/web && exec npm run start"],
            "apps/web/build/client",
        ),
    ],
)
def test_a_server_is_started_and_nothing_is_built_again(
    files: dict[str, str], run: list[str], stamp: str
) -> None:
    """By the framework's own command, in the app's folder."""
    table = deployment(files)

    assert table["run"] == run
    assert table["build"] == ["sh", "-c", f"test -f {stamp}/version.json"]
    assert table["deploymentTarget"] == "autoscale"


@pytest.mark.parametrize("start", ["vite", "vite preview", "npm run dev", ""])
def test_an_app_of_files_alone_is_static(start: str) -> None:
    """Its pages are made in the browser: every path is the one page. A server for development is none."""
    scripts = f'{{"build": "vite build", "start": "{start}"}}'
    table = deployment(
        {"package.json": f'{{"scripts": {scripts}, "dependencies": {{"vite": "5"}}}}', "index.html": ""}
    )

    assert (table["deploymentTarget"], table["publicDir"]) == ("static", "dist")
    assert table["rewrites"] == [{"from": "/*", "to": "/index.html"}]
    assert "run" not in table


def test_pages_that_were_written_need_no_rewrite() -> None:
    """Astro makes a file of each."""
    table = deployment({"package.json": package("astro", build="astro build"), "astro.config.mjs": ""})

    assert table["publicDir"] == "dist"
    assert "rewrites" not in table
