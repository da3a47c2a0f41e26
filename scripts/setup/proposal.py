# pure
"""The text of a new desk's files, from the facts of the app and the answers of a person."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.config.variables import NAMES, VARIABLES
from scripts.secrets.classify import is_secret_name

PREFIX = "VITE_"
CHAIN = ("development", "staging", "production")
SHORT = {"development": "dev", "staging": "staging", "production": "prod"}
USUAL_BRANCHES = {
    "development": ("develop", "development", "dev"),
    "staging": ("staging", "stage", "preprod", "release"),
    "production": ("main", "master", "production", "prod"),
}
INSTALL_COMMANDS = {
    "package-lock.json": ["npm", "ci"],
    "pnpm-lock.yaml": ["pnpm", "install", "--frozen-lockfile"],
    "yarn.lock": ["yarn", "install", "--frozen-lockfile"],
}
USUAL_VARIABLES = ("VITE_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY", "VITE_ENVIRONMENT", "VITE_SITE_URL")
GITIGNORE = (
    ".env",
    ".env.*",
    "!.env.*.example",
    ".airhost/",
    ".sandbox/",
    ".venv/",
    ".venv.lock",
    "__pycache__/",
)


@dataclass(frozen=True)
class AppFacts:
    """What an app's checkout tells.

    Args:
        variables: names of environment variables in its `.env` files and sources.
        lockfiles: of package managers.
        supabase: whether it has `supabase/config.toml` or `supabase/migrations`.
        output: the folder of the built app.
        publish_rebuilds: whether Replit's Publish would build again, which loses the stamp.
        sites: the public URL of an environment, where a `.env` file names it.
    """

    name: str
    remotes: tuple[str, ...]
    branches: tuple[str, ...]
    variables: tuple[str, ...] = ()
    lockfiles: tuple[str, ...] = ()
    supabase: bool = False
    output: str = "dist"
    publish_rebuilds: bool = False
    sites: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answers:
    """What a person decides; `branches`, `urls` and `repl_ids` are keyed by environment."""

    name: str
    remote: str
    repository: str
    branches: Mapping[str, str]
    urls: Mapping[str, str]
    repl_ids: Mapping[str, str] = field(default_factory=dict)


def default_answers(facts: AppFacts, repository: str) -> Answers:
    """The answers that most teams would give."""
    branches = {
        name: next((branch for branch in usual if branch in facts.branches), usual[0])
        for name, usual in USUAL_BRANCHES.items()
        if name != "staging" or set(usual) & set(facts.branches) or not facts.branches
    }
    urls = {
        name: facts.sites.get(name) or f"https://{facts.name}-{SHORT[name]}.replit.app" for name in branches
    }
    remote = "origin" if "origin" in facts.remotes or not facts.remotes else facts.remotes[0]
    return Answers(facts.name, remote, repository, branches, urls)


def pipeline_toml(template: str, facts: AppFacts, answers: Answers) -> str:
    """`pipeline.toml`: the shipped file with all its comments, and this app's values."""
    lockfile = next((name for name in INSTALL_COMMANDS if name in facts.lockfiles), "package-lock.json")
    chain = [name for name in CHAIN if name in answers.branches]
    text = _set_keys(template, "", {"chain": chain})
    app: dict[str, Any] = {
        "name": answers.name,
        "repository": answers.repository,
        "remote": answers.remote,
        "lockfile": lockfile,
        "install": INSTALL_COMMANDS[lockfile] if facts.lockfiles else ["npm", "install"],
        "build": [INSTALL_COMMANDS[lockfile][0], "run", "build"],
        "output": facts.output,
        "build_variables": sorted(build_variables(facts.variables)),
        **({} if facts.supabase else {"migrations": ""}),
    }
    text = _set_keys(text, "app", app)
    text = _set_keys(text, "drill", {"file": "", "text": ""})
    for name in CHAIN:
        if name in answers.branches:
            text = _set_keys(text, f"environment.{name}", _environment(name, facts, answers))
        else:
            text = re.sub(rf"(?ms)^\[environment\.{name}(?:\.\w+)*\]\n.*?(?=^\[|\Z)", "", text)
    return text.rstrip("\n") + "\n"


def _environment(name: str, facts: AppFacts, answers: Answers) -> dict[str, Any]:
    repl_id = answers.repl_ids.get(name, "")
    return {
        "branch": answers.branches[name],
        "url": answers.urls[name],
        "ssh_host": f"{answers.name}-{SHORT[name]}",
        "publish": "mcp" if repl_id else "manual",
        **({"repl_id": repl_id} if repl_id else {}),
        **({} if facts.supabase else {"database": False}),
    }


def _set_keys(text: str, section: str, values: Mapping[str, Any]) -> str:
    """Set keys of a TOML section; keys that it does not have are added at its end."""
    lines, current, left = text.splitlines(), "", dict(values)
    last = 0 if section == "" else None  # the number of the section's last line that is no comment
    for number, line in enumerate(lines):
        if header := re.fullmatch(r"\[([\w.-]+)\]\s*", line):
            current = header[1]
        key = line.partition("=")[0].strip()
        if current == section and line.strip() and not line.startswith("#"):
            last = number
            if key in left:
                lines[number] = f"{key} = {json.dumps(left.pop(key), ensure_ascii=False)}"
    if left and last is not None:
        lines[last + 1 : last + 1] = [f"{key} = {json.dumps(value)}" for key, value in left.items()]
    return "\n".join(lines) + "\n"


def build_variables(variables: Iterable[str]) -> set[str]:
    """The variables of the build, which every browser may see."""
    names = {name for name in variables if name.startswith(PREFIX) and not _is_secret(name)}
    return names or set(USUAL_VARIABLES)


def env_example(environment: str, facts: AppFacts, answers: Answers) -> str:
    """`.env.<environment>.example`: every variable of this environment; no secret has a value."""
    values = {"VITE_SITE_URL": answers.urls[environment], "VITE_ENVIRONMENT": environment}
    server = {name.removeprefix(PREFIX) for name in facts.variables if _is_secret(name)} - NAMES
    lines = [
        f"# Values of the {environment} environment. Copy to `.env.{environment}` (0600, git-ignored).",
        "# One NAME=value a line; quote a value that holds anything but letters, digits and ._/:@%+,=^-",
        "",
        "# --- for the app's build: these end up in every visitor's browser",
        *(f"{name}={values.get(name, '')}" for name in sorted(build_variables(facts.variables))),
    ]
    if server:
        lines += ["", "# --- for the app's server: never under a `VITE_` name, which Vite may publish"]
        lines += [f"{name}=" for name in sorted(server)]
    proposed = ("always", "database") if facts.supabase else ("always",)
    desk = [variable.name for variable in VARIABLES if variable.proposed in proposed]
    lines += [
        "",
        "# --- for the release desk alone; what is left empty is not used",
        *(f"# {name}=" for name in desk),
    ]
    return "\n".join(lines) + "\n"


def gitignore(content: str) -> str:
    """The content of `.gitignore`, and the patterns that it lacks."""
    missing = [pattern for pattern in GITIGNORE if pattern not in content.splitlines()]
    if not missing:
        return content
    before = content if not content or content.endswith("\n") else content + "\n"
    return before + "\n".join(["", "# the release desk: real values, and what it writes", *missing]) + "\n"


def _is_secret(name: str) -> bool:
    return is_secret_name(name, PREFIX if name.startswith(PREFIX) else "")
