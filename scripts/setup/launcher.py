# pure
"""What `init --launcher` writes into an app: the launcher, what it is told, and the `.replit` for it."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping
from typing import Any

from scripts.setup.deployment import replit_file
from scripts.setup.facts import AppFacts, Found
from scripts.setup.hosting import command_text
from scripts.setup.proposal import set_keys
from scripts.setup.tree import Tree, join, table

PROGRAM, CONFIG, REPLIT = "launcher.py", "launcher.json", ".replit"
IGNORED = ".launcher/"
FOR_PYTHON = "launcher_serve.py"  # only apps in Python get it
OF_PYTHON = ("requirements.txt", "pyproject.toml", "main.py", "app.py", "server.py", "manage.py", "wsgi.py")
PYTHON = "python-3.11"  # Replit's module, which has what the launcher needs
BY_LAUNCHER = 'test -n "$DESK_ENVIRONMENT"'


def launcher_texts(
    tree: Tree, facts: AppFacts, branches: Mapping[str, str], remote: str, program: Mapping[str, str]
) -> dict[str, str]:
    """The text of each file at the checkout's top, by its name. What a person wrote into one is kept.

    Args:
        branches: environment -> branch.
        remote: the address of the app's repository.
        program: the launcher and its helpers, by their names.
    """
    before = tree.read(REPLIT) if REPLIT in tree.files else replit_file(tree, facts)
    told = tree.read(CONFIG) or _text(config(before, facts, branches, remote))
    is_python = any(name in tree.files for name in (*OF_PYTHON, FOR_PYTHON))
    files = {name: text for name, text in program.items() if is_python or name != FOR_PYTHON}
    return {**files, CONFIG: told, REPLIT: started(before)}


def config(replit: str, facts: AppFacts, branches: Mapping[str, str], remote: str) -> dict[str, Any]:
    """What `launcher.json` says: how this app is built and started.

    Args:
        replit: the text of `.replit`, from before the launcher.
    """
    deployment = _deployment(replit)
    folder = str(facts.settings["folder"].value)
    output = join(folder, str(facts.settings["output"].value))
    static = deployment.get("deploymentTarget") == "static" or not deployment.get("run")
    return {
        "remote": remote,
        "environment_variable": "DESK_ENVIRONMENT",
        "branches": dict(branches),
        "build": "there",
        "install": _in(folder, facts.settings["install"].value),
        "build_command": _in(folder, facts.settings["build"].value),
        "run": None if static else _argv(deployment["run"]),
        "static": output,
        "health": "/",
        "socket": "proxy",
        "keep": 5,
        "warm": 1,
        "poll_seconds": 3,
        "drain_seconds": 10,
        "start_seconds": 60,
        "build_seconds": 900,
        "spa": True,
    }


def started(replit: str) -> str:
    """`.replit` that starts the launcher where `DESK_ENVIRONMENT` is set, else what it started before."""
    deployment = _deployment(replit)
    run, build = deployment.get("run"), deployment.get("build")
    if PROGRAM in command_text(run):
        return replit
    launcher = ["python3", PROGRAM]
    if run and deployment.get("deploymentTarget") != "static":
        otherwise = shlex.join(_argv(run))
        launcher = ["sh", "-c", f"if {BY_LAUNCHER}; then exec python3 {PROGRAM}; else exec {otherwise}; fi"]
    keys: dict[str, Any] = {"run": launcher}
    if build:  # a machine that is started later has the release of the Publish at once
        before, prepare = shlex.join(_argv(build)), f"exec python3 {PROGRAM} prepare"
        keys["build"] = ["sh", "-c", f"if {BY_LAUNCHER}; then {prepare}; else exec {before}; fi"]
    if deployment.get("deploymentTarget") == "static":
        keys["deploymentTarget"] = "autoscale"  # a static deployment runs nothing, and has no Secrets
    text = replit if deployment else f"{replit.rstrip()}\n\n[deployment]\n".lstrip()
    if not deployment:
        keys["deploymentTarget"] = "autoscale"
    text = set_keys(text, "deployment", {key: Found(value) for key, value in keys.items()})
    modules = _modules(text)
    if modules and not any(each.startswith("python") for each in modules):
        text = set_keys(text, "", {"modules": Found([*modules, PYTHON])})
    return text


def steps(environments: list[str]) -> list[str]:
    """What a person does on Replit, and for git, line by line."""
    listed = ", ".join(environments)
    return [
        "then, once:",
        "  a deploy key that only reads: `ssh-keygen -t ed25519 -N '' -C launcher -f launcher_key`,",
        "    its public half to the repository: `gh repo deploy-key add launcher_key.pub --title launcher`",
        f"  the Secrets of each app on Replit ({listed}): `DESK_ENVIRONMENT`, its name here;",
        "    `LAUNCHER_DEPLOY_KEY`, the text of `launcher_key` (then delete both files); `LAUNCHER_TOKEN`,",
        "    `openssl rand -hex 32`, another for each, and the same in `.env.<environment>`; and the",
        "    variables of the app's build and server",
        '  `publish = "launcher"` in `[environment.<name>]` of `pipeline.toml`, one after another',
        "  commit, push, and press Publish on Replit once for each app",
    ]


def _deployment(replit: str) -> dict[str, Any]:
    try:
        return table(tomllib.loads(replit).get("deployment"))
    except tomllib.TOMLDecodeError:
        return {}


def _modules(replit: str) -> list[str]:
    try:
        found = tomllib.loads(replit).get("modules")
    except tomllib.TOMLDecodeError:
        return []
    return [str(each) for each in found] if isinstance(found, list) else []


def _argv(command: object) -> list[str]:
    """A command of `.replit`: a line for a shell, words, or a table with `args`."""
    if isinstance(command, Mapping):
        return _argv(command.get("args"))
    if isinstance(command, list):
        return [str(word) for word in command]
    return ["bash", "-c", str(command)]


def _in(folder: str, argv: object) -> list[str] | None:
    """A command that runs in the app's folder; None for none."""
    words = [str(word) for word in argv] if isinstance(argv, list | tuple) else []
    if not words:
        return None
    return ["sh", "-c", f"cd {shlex.quote(folder)} && exec {shlex.join(words)}"] if folder else words


def _text(document: Mapping[str, Any]) -> str:
    """JSON, a line for each key."""
    rows = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in document.items())
    return "{\n" + ",\n".join(rows) + "\n}\n"
