# pure
"""What the files of hosts and of CI say about an app: netlify.toml, vercel.json, .replit, workflows."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Collection, Iterator
from typing import NamedTuple

from scripts.setup.tree import Tree, join, table

WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
MANAGER = re.compile(r"(?<![\w./-])(npm|pnpm|yarn|bun) (?:ci|i|install)\b")
FOLDER = re.compile(r"\bcd ([\w./-]+)\s*&&|--(?:prefix|dir|cwd)[= ]([\w./-]+)")
DEV_SERVER = re.compile(
    r"\b(npm|pnpm|yarn|bun)( run)? (dev|start:dev|develop)\b|(?<![\w:-])vite(?! (build|preview))\b(?!-)"
    r"|\b(next|nuxt|astro|remix|react-router|expo|webpack) (dev|start --dev|serve|watch)\b|\bnodemon\b"
    r"|\breact-scripts start\b"
)


class Word(NamedTuple):
    """What a file says: `value` of `about` (folder, output, build, manager)."""

    about: str
    value: str
    source: str


def words(tree: Tree, folders: Collection[str]) -> tuple[Word, ...]:
    """All that the files of hosts and CI say, the most telling first.

    Args:
        folders: those of the apps; a folder that is none of them is not about an app.
    """
    found = [*_netlify(tree), *_replit(tree), *_vercel(tree, folders), *_workflows(tree)]
    return tuple(
        word
        for word in found
        if word.value and (word.about != "folder" or word.value.strip(".") in folders)
    )


def _netlify(tree: Tree) -> Iterator[Word]:
    for path in sorted(path for path in tree.files if posixpath.basename(path) == "netlify.toml"):
        place = posixpath.dirname(path)
        build = table(tree.toml(path).get("build"))
        base = str(build.get("base", "")).strip("/")
        folder = join(place, base) if base else place
        yield Word("folder", "" if folder == "." else folder, path)
        publish = str(build.get("publish", "")).strip("/")
        if publish:
            inside = (
                posixpath.relpath(publish, folder)
                if folder and publish.startswith(f"{folder}/")
                else publish
            )
            yield Word("output", inside, path)
        yield from _commands(str(build.get("command", "")), path)


def _vercel(tree: Tree, folders: Collection[str]) -> Iterator[Word]:
    for path in sorted(path for path in tree.files if posixpath.basename(path) == "vercel.json"):
        document = tree.json(path)
        folder = posixpath.dirname(path)
        if folder in folders:
            yield Word("folder", folder, path)
        output = str(document.get("outputDirectory") or "").strip("/")
        inside = next(
            (output.removeprefix(f"{each}/") for each in folders if each and output.startswith(f"{each}/")),
            output,
        )
        yield Word("output", inside, path)
        for key in ("installCommand", "buildCommand"):
            yield from _commands(str(document.get(key) or ""), path)


def _replit(tree: Tree) -> Iterator[Word]:
    deployment = deployment_of(tree)
    output = str(deployment.get("publicDir", "")).strip("/")
    text = f"{command_text(deployment.get('build'))} && {command_text(deployment.get('run'))}"
    folder = next((Word("folder", a or b, ".replit") for a, b in FOLDER.findall(text)), None)
    if folder:
        yield folder._replace(value=folder.value.strip("/"))
    inside = output.removeprefix(f"{folder.value}/") if folder else output
    yield Word("output", inside.removeprefix("./"), ".replit")
    yield from _commands(text, ".replit")


def _workflows(tree: Tree) -> Iterator[Word]:
    for path in sorted(path for path in tree.files if WORKFLOW.fullmatch(path)):
        text = re.sub(r"(?m)^\s*#.*$", "", tree.read(path))
        folders = re.findall(r"working-directory:\s*[\"']?\.?/?([\w./-]+?)/?[\"']?\s*$", text, re.MULTILINE)
        folders += [a or b for a, b in FOLDER.findall(text)]
        yield from (Word("folder", folder.strip("/"), path) for folder in dict.fromkeys(folders))
        yield from _commands(text, path)


def _commands(text: str, source: str) -> Iterator[Word]:
    """The package manager that some commands call, and the folder that they go to."""
    yield from (Word("manager", name, source) for name in dict.fromkeys(MANAGER.findall(text)))
    if source.endswith("netlify.toml"):
        yield from (Word("folder", a or b, source) for a, b in FOLDER.findall(text))


def deployment_of(tree: Tree) -> dict[str, object]:
    """The table `[deployment]` of `.replit`."""
    return table(tree.toml(".replit").get("deployment"))


def command_text(command: object) -> str:
    """A command of `.replit`, which is a text or a list, as one line."""
    if isinstance(command, list):
        parts = [str(part) for part in command]
        return (
            parts[2]
            if parts[:2] in (["sh", "-c"], ["bash", "-c"]) and len(parts) == 3
            else shlex.join(parts)
        )
    return str(command or "")


def runs_dev_server(tree: Tree) -> str:
    """The command of `[deployment] run` if it starts a server for development; else ""."""
    text = command_text(deployment_of(tree).get("run"))
    script = re.fullmatch(r"(?:npm|pnpm|yarn|bun)(?: run)? ([\w:-]+)", text.strip())
    called = str(table(tree.json("package.json").get("scripts")).get(script[1], "")) if script else ""
    return text if DEV_SERVER.search(text) or DEV_SERVER.search(called) else ""
