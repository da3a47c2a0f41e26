"""What `init --launcher` writes: the launcher, its configuration, and `.replit`, which can go back."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from scripts.setup.detect import detect
from scripts.setup.facts import AppFacts
from scripts.setup.launcher import launcher_texts, started
from scripts.setup.tree import Tree
from tests.unit.setup.skeletons import package

BRANCHES = {"development": "develop", "production": "main"}
REMOTE = "git@github.com:o/r.git"
SERVER = """\
modules = ["nodejs-20"]
run = ["npm", "run", "dev"]

[deployment]
deploymentTarget = "autoscale"
build = ["sh", "-c", "test -f dist/version.json"]
run = ["node", "server/index.js"]

[[ports]]
localPort = 5000
externalPort = 80
"""


def app(folder: str = "", **files: str) -> tuple[Tree, AppFacts]:
    """A Vite app, in its repository."""
    place = f"{folder}/" if folder else ""
    texts = {f"{place}package.json": package("vite", build="vite build"), f"{place}package-lock.json": "{}"}
    tree = Tree.from_texts({**texts, **{name.replace("__", "."): text for name, text in files.items()}})
    return tree, detect(tree, folder, "app")


def written(tree: Tree, facts: AppFacts) -> tuple[dict[str, Any], dict[str, Any]]:
    """`launcher.json` and `.replit`."""
    texts = launcher_texts(tree, facts, BRANCHES, REMOTE, {"launcher.py": "program"})
    assert texts["launcher.py"] == "program"
    return json.loads(texts["launcher.json"]), tomllib.loads(texts[".replit"])


def test_a_server_is_started_by_its_own_command() -> None:
    """By the launcher where it is told to be one, and by Replit where it is not."""
    config, replit = written(*app(__replit=SERVER))

    assert (config["run"], config["static"]) == (["node", "server/index.js"], "dist")
    assert config["branches"] == BRANCHES
    assert config["install"] == ["npm", "ci"]
    assert config["build_command"] == ["npm", "run", "build"]
    assert replit["run"] == ["npm", "run", "dev"]
    (shell, flag, line) = replit["deployment"]["run"]
    assert (shell, flag) == ("sh", "-c")
    assert line == (
        'if test -n "$DESK_ENVIRONMENT"; then exec python3 launcher.py; else exec node server/index.js; fi'
    )
    assert replit["deployment"]["build"][2].startswith(
        'if test -n "$DESK_ENVIRONMENT"; then exec python3 launcher.py prepare; else exec sh -c '
    )
    assert replit["ports"] == [{"localPort": 5000, "externalPort": 80}]
    assert replit["modules"] == ["nodejs-20", "python-3.11"]


def test_a_static_site_is_served_by_the_launcher() -> None:
    """A static deployment runs nothing, so it becomes one that does."""
    text = '[deployment]\ndeploymentTarget = "static"\npublicDir = "dist"\n'
    config, replit = written(*app(__replit=text))

    assert (config["run"], config["static"]) == (None, "dist")
    assert replit["deployment"]["deploymentTarget"] == "autoscale"
    assert replit["deployment"]["run"] == ["python3", "launcher.py"]


def test_an_app_without_replit_gets_one() -> None:
    config, replit = written(*app())

    assert (config["run"], config["static"]) == (None, "dist")
    assert replit["deployment"]["run"] == ["python3", "launcher.py"]


def test_an_app_in_a_folder_is_built_there() -> None:
    """The launcher lies at the top of the repository, as `.replit` does."""
    config, _ = written(*app("apps/web"))

    assert config["install"] == ["sh", "-c", "cd apps/web && exec npm ci"]
    assert config["static"] == "apps/web/dist"


def test_what_a_person_wrote_is_kept() -> None:
    """And nothing is wrapped twice."""
    told = '{"run": ["mine"]}\n'
    config, replit = written(*app(__replit=started(SERVER), launcher__json=told))

    assert config == {"run": ["mine"]}
    assert replit == tomllib.loads(started(SERVER))


@pytest.mark.parametrize(
    ("run", "words"),
    [('"npm start"', "exec bash -c 'npm start'"), ('{ args = ["npm", "start"] }', "exec npm start")],
)
def test_each_form_of_a_command_is_understood(run: str, words: str) -> None:
    text = f"[deployment]\nrun = {run}\n"

    assert words in tomllib.loads(started(text))["deployment"]["run"][2]


@pytest.mark.parametrize("text", ["", "no toml at all [", "[nix]\nchannel = 'x'\n", "deployment = 7\n"])
def test_a_file_without_a_deployment_gets_one(text: str) -> None:
    """What can't be read is not made worse."""
    made = started(text)

    assert 'run = ["python3", "launcher.py"]' in made
    assert text.strip() in made
