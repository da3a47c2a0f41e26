"""What the launcher is told: `launcher.json` beside it, and the environment variables of the Replit app."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONFIG_FILE = "launcher.json"
STATE_FOLDER = ".launcher"
NUMBERS = {
    # of each: its default, the least and the most
    "keep": (5, 1, 50),
    "warm": (1, 0, 5),
    "poll_seconds": (3, 1, 600),
    "drain_seconds": (10, 0, 300),
    "start_seconds": (60, 1, 600),
    "build_seconds": (900, 1, 7200),
}
COMMANDS = ("install", "build_command", "run")
TEXTS = ("remote", "environment_variable", "branches", "build", "static", "health", "socket", "spa")
SAFE_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")


class LauncherError(Exception):
    """Something that a person has to fix, in one sentence."""


@dataclass(frozen=True)
class Config:
    """One app, in one environment.

    Args:
        home: the folder of `launcher.json`: the app as it was published.
        build: `there` builds on this machine; `artifact` fetches what was built elsewhere.
        run: the command of the app; None for a static site.
        static: the folder that is public, relative to the release; None if the app has none of its own.
        key, git_token: reach the git remote; either may be "".
        token: reads `/-/release`; "" lets nobody.
    """

    home: Path
    remote: str
    environment: str
    branch: str
    port: int
    build: str = "there"
    install: tuple[str, ...] | None = None
    build_command: tuple[str, ...] | None = None
    run: tuple[str, ...] | None = None
    static: str | None = None
    health: str = "/"
    socket: str = "inherit"
    spa: bool = True
    keep: int = 5
    warm: int = 1
    poll_seconds: float = 3
    drain_seconds: float = 10
    start_seconds: float = 60
    build_seconds: float = 900
    key: str = field(default="", repr=False)
    git_token: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def state(self) -> Path:
        """Where the launcher keeps what it needs; git-ignored."""
        return self.home / STATE_FOLDER

    def public(self, release: Path) -> Path:
        """What visitors may read of a release; without such a folder its stamp is beside its code.

        An artifact is what was built, so its top is that folder, unless it has one of that name.
        """
        public = release / (self.static or ".")
        return release if self.build == "artifact" and not public.is_dir() else public


def load_config(home: Path, environ: Mapping[str, str]) -> Config:
    """Read and check the configuration.

    Raises:
        LauncherError: it can't be read, or a value of it can't work.
    """
    try:
        raw = json.loads((home / CONFIG_FILE).read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise LauncherError(f"can't read `{CONFIG_FILE}`: {fault}") from fault
    if not isinstance(raw, dict):
        raise LauncherError(f"`{CONFIG_FILE}` should hold an object")
    unknown = sorted(set(raw) - {*NUMBERS, *COMMANDS, *TEXTS})
    if unknown:
        raise LauncherError(f"`{CONFIG_FILE}` has unknown keys: {', '.join(unknown)}")
    environment, branch = _environment_of(raw, environ)
    values: dict[str, Any] = {name: _number(raw, name) for name in NUMBERS}
    values |= {name: _command(raw, name) for name in COMMANDS}
    config = Config(
        home=home.resolve(),
        remote=_remote(raw),
        environment=environment,
        branch=branch,
        port=_port(environ),
        build=_choice(raw, "build", ("there", "artifact")),
        socket=_choice(raw, "socket", ("inherit", "proxy")),
        static=_static(raw),
        health=_health(raw),
        spa=bool(raw.get("spa", True)),
        key=environ.get("LAUNCHER_DEPLOY_KEY", ""),
        git_token=environ.get("LAUNCHER_GIT_TOKEN", ""),
        token=environ.get("LAUNCHER_TOKEN", ""),
        **values,
    )
    if config.run is None and config.static is None:
        raise LauncherError(f"`{CONFIG_FILE}` needs `run` (an app) or `static` (a site)")
    return config


def app_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of the app and its build: all but the launcher's own."""
    everything = os.environ if environ is None else environ
    return {name: value for name, value in everything.items() if not name.startswith("LAUNCHER_")}


def _environment_of(raw: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, str]:
    variable, branches = raw.get("environment_variable", "DESK_ENVIRONMENT"), raw.get("branches")
    environment = environ.get(str(variable), "")
    if not isinstance(branches, dict) or environment not in branches:
        known = ", ".join(branches) if isinstance(branches, dict) else "none"
        raise LauncherError(
            f"`{variable}` should name one of the environments ({known}); it is `{environment}`"
        )
    branch = branches[environment]
    for name in (environment, branch):
        if not isinstance(name, str) or not SAFE_REF.fullmatch(name) or ".." in name or "//" in name:
            raise LauncherError(f"`{name}` is no name of a branch or an environment")
    return environment, branch


def _remote(raw: Mapping[str, Any]) -> str:
    remote = raw.get("remote")
    if not isinstance(remote, str) or not remote or remote.startswith("-") or "::" in remote:
        raise LauncherError("`remote` should be the address of a git repository")
    if urlsplit(remote).password:
        raise LauncherError("`remote` holds a password: use `LAUNCHER_GIT_TOKEN`")
    return remote


def _number(raw: Mapping[str, Any], name: str) -> float | int:
    default, least, most = NUMBERS[name]
    value = raw.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise LauncherError(f"`{name}` should be a number from {least} to {most}")
    return int(value) if name in ("keep", "warm") else value


def _command(raw: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    value = raw.get(name)
    if value is None:
        return None
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(word, str) and word for word in value)
    ):
        raise LauncherError(f'`{name}` should be a list of words, such as ["npm", "ci"]')
    return tuple(value)


def _choice(raw: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = raw.get(name, choices[0])
    if value not in choices:
        raise LauncherError(f"`{name}` should be one of: {', '.join(choices)}")
    return str(value)


def _static(raw: Mapping[str, Any]) -> str | None:
    static = raw.get("static")
    if static is None:
        return None
    if not isinstance(static, str) or static.startswith("/") or ".." in static.split("/"):
        raise LauncherError("`static` should be a folder below the app's")
    return static.strip("/") or "."


def _health(raw: Mapping[str, Any]) -> str:
    health = raw.get("health", "/")
    if not isinstance(health, str) or not re.fullmatch(r"/[!-~]{0,500}", health):
        raise LauncherError("`health` should be a path, such as `/health`")
    return health


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("PORT", "5000")
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise LauncherError(f"`PORT` should be a port; it is `{text}`")
    return int(text)
