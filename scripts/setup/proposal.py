# pure
"""What a new desk's files say, made from what was found in the app and what people answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.config.variables import NAMES, VARIABLES
from scripts.secrets.classify import is_secret_name

CHAIN = ("development", "staging", "production")
SHORT = {"development": "dev", "staging": "staging", "production": "prod"}
USUAL = {
    "development": ("develop", "development", "dev"),
    "staging": ("staging", "stage", "preprod", "release"),
    "production": ("main", "master", "production", "prod"),
}
INSTALLS = {
    "package-lock.json": ["npm", "ci"],
    "pnpm-lock.yaml": ["pnpm", "install", "--frozen-lockfile"],
    "yarn.lock": ["yarn", "install", "--frozen-lockfile"],
}
PUBLIC = ("VITE_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY", "VITE_ENVIRONMENT", "VITE_SITE_URL")
IGNORED = (
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
class Found:
    """An app's checkout, as far as it tells something.

    Args:
        variables: names of environment variables in its `.env` files and sources.
        locks: the lock files of package managers that lie there.
        migrations: whether it has `supabase/config.toml` or `supabase/migrations`.
        rebuilds: whether Replit's Publish would build again (`.replit`), which loses the stamp.
    """

    name: str
    remotes: tuple[str, ...]
    branches: tuple[str, ...]
    variables: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    migrations: bool = False
    output: str = "dist"
    rebuilds: bool = False
    sites: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answers:
    """What the files will be made of; `branches`, `urls` and `repl_ids` by environment."""

    name: str
    remote: str
    repository: str
    branches: Mapping[str, str]
    urls: Mapping[str, str]
    repl_ids: Mapping[str, str] = field(default_factory=dict)


def guess(found: Found, repository: str) -> Answers:
    """The answers that most teams would give."""
    branches = {
        name: next((each for each in usual if each in found.branches), usual[0])
        for name, usual in USUAL.items()
        if name != "staging" or set(usual) & set(found.branches) or not found.branches
    }
    urls = {
        name: found.sites.get(name) or f"https://{found.name}-{SHORT[name]}.replit.app" for name in branches
    }
    remote = "origin" if "origin" in found.remotes or not found.remotes else found.remotes[0]
    return Answers(found.name, remote, repository, branches, urls)


def manual(template: str, found: Found, answers: Answers) -> str:
    """`pipeline.toml`: the shipped one with all its comments, and this app's values."""
    lock = next((each for each in INSTALLS if each in found.locks), "package-lock.json")
    chain = [name for name in CHAIN if name in answers.branches]
    text = _put(template, "", {"chain": chain})
    app: dict[str, Any] = {
        "name": answers.name,
        "repository": answers.repository,
        "remote": answers.remote,
        "lockfile": lock,
        "install": INSTALLS[lock] if found.locks else ["npm", "install"],
        "build": [INSTALLS[lock][0], "run", "build"],
        "output": found.output,
        "build_variables": sorted(public(found.variables)),
        **({} if found.migrations else {"migrations": ""}),
    }
    text = _put(text, "app", app)
    text = _put(text, "drill", {"file": "", "text": ""})
    for name in CHAIN:
        if name in answers.branches:
            text = _put(text, f"environment.{name}", _environment(name, found, answers))
        else:
            text = re.sub(rf"(?ms)^\[environment\.{name}(?:\.\w+)*\]\n.*?(?=^\[|\Z)", "", text)
    return text.rstrip("\n") + "\n"


def _environment(name: str, found: Found, answers: Answers) -> dict[str, Any]:
    repl_id = answers.repl_ids.get(name, "")
    return {
        "branch": answers.branches[name],
        "url": answers.urls[name],
        "ssh_host": f"{answers.name}-{SHORT[name]}",
        "publish": "mcp" if repl_id else "manual",
        **({"repl_id": repl_id} if repl_id else {}),
        **({} if found.migrations else {"database": False}),
    }


def _put(text: str, section: str, values: Mapping[str, Any]) -> str:
    """Give keys of a section their values; those that it does not have yet come at its end."""
    lines, here, left = text.splitlines(), "", dict(values)
    place = 0 if section == "" else None  # the last line of the section that says something
    for number, line in enumerate(lines):
        if header := re.fullmatch(r"\[([\w.-]+)\]\s*", line):
            here = header[1]
        key = line.partition("=")[0].strip()
        if here == section and line.strip() and not line.startswith("#"):
            place = number
            if key in left:
                lines[number] = f"{key} = {json.dumps(left.pop(key), ensure_ascii=False)}"
    if left and place is not None:
        lines[place + 1 : place + 1] = [f"{key} = {json.dumps(each)}" for key, each in left.items()]
    return "\n".join(lines) + "\n"


def public(variables: Iterable[str]) -> set[str]:
    """The variables of the build that are meant for every browser."""
    found = {each for each in variables if each.startswith("VITE_") and not secret(each)}
    return found or set(PUBLIC)


def secret(name: str) -> bool:
    """Whether a variable is a secret by its name."""
    return is_secret_name(name, "VITE_" if name.startswith("VITE_") else "")


def example(environment: str, found: Found, answers: Answers) -> str:
    """`.env.<environment>.example`: every name that this environment needs, no value that is secret."""
    known = {"VITE_SITE_URL": answers.urls[environment], "VITE_ENVIRONMENT": environment}
    server = {each.removeprefix("VITE_") for each in found.variables if secret(each)}
    server -= NAMES
    lines = [
        f"# Values of the {environment} environment. Copy to `.env.{environment}` (0600, git-ignored).",
        "# One NAME=value a line; quote a value that holds anything but letters, digits and ._/:@%+,=^-",
        "",
        "# --- for the app's build: these end up in every visitor's browser",
        *(f"{name}={known.get(name, '')}" for name in sorted(public(found.variables))),
    ]
    if server:
        lines += ["", "# --- for the app's server: never under a `VITE_` name, which Vite may publish"]
        lines += [f"{name}=" for name in sorted(server)]
    proposed = ("always", "database") if found.migrations else ("always",)
    desk = [variable.name for variable in VARIABLES if variable.proposed in proposed]
    lines += [
        "",
        "# --- for the release desk alone; what is left empty is not used",
        *(f"# {name}=" for name in desk),
    ]
    return "\n".join(lines) + "\n"


def ignoring(present: str) -> str:
    """`.gitignore` with what must not be committed, behind what it says already."""
    lacking = [each for each in IGNORED if each not in present.splitlines()]
    if not lacking:
        return present
    before = present if not present or present.endswith("\n") else present + "\n"
    return before + "\n".join(["", "# the release desk: real values, and what it writes", *lacking]) + "\n"
