# pure
"""The `.replit` of an app that has none: Publish ships what the release built, and starts its server."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping

from scripts.setup.facts import AppFacts
from scripts.setup.hosting import DEV_SERVER
from scripts.setup.tree import Tree, join, table

# Where a framework's build puts its server, from the folder of its static files.
SERVERS: Mapping[str, str] = {
    "Nuxt": "../server/index.mjs",
    "TanStack Start": "../server/index.mjs",
    "SvelteKit": "..",
    "Astro": "../server/entry.mjs",
}
SERVES = re.compile(r"\b(node|tsx|bun|next start|[\w-]+-serve|deno)\b")
PREVIEWS = re.compile(r"\b(vite preview|astro preview|nuxt preview|serve -s)\b")


def replit_file(tree: Tree, facts: AppFacts) -> str:
    """The text of a `.replit`, as docs/frameworks.md shows it."""
    folder, output = (str(facts.settings[key].value) for key in ("folder", "output"))
    place = join(folder, output)
    check = json.dumps(["sh", "-c", f"test -f {place}/version.json"])
    head = 'modules = ["nodejs-20"]\n\n[deployment]\n'
    run = _server(tree, facts, folder, output)
    if not run:
        page = '\n[[deployment.rewrites]]\nfrom = "/*"\nto = "/index.html"\n'
        return (
            f'{head}deploymentTarget = "static"\nbuild = {check}\npublicDir = {json.dumps(place)}\n'
            + page * (facts.framework in ("Vite", "Create React App", "Vue CLI"))
        )
    argv = ["sh", "-c", f"cd {folder} && exec {' '.join(run)}"] if folder else run
    return f'{head}deploymentTarget = "autoscale"\nbuild = {check}\nrun = {json.dumps(argv)}\n'


def _server(tree: Tree, facts: AppFacts, folder: str, output: str) -> list[str]:
    """The command that starts the app's server, in its folder; [] for an app of files alone."""
    framework, static = facts.framework, str(facts.settings["static"].value)
    inside = static or output.endswith("/client")
    if framework in SERVERS and inside:
        return ["node", posixpath.normpath(posixpath.join(output, SERVERS[framework]))]
    start = str(table(tree.json(join(folder, "package.json")).get("scripts")).get("start", ""))
    serves = SERVES.search(start) and not DEV_SERVER.search(start) and not PREVIEWS.search(start)
    if serves and framework not in SERVERS and not (framework == "Next" and not static):
        tool = next(iter(facts.settings["install"].value), "npm")
        return [tool, "run", "start"]
    return ["npx", "--no-install", "next", "start"] if framework == "Next" and static else []
