"""`doctor`, where an environment lives: its URL, its workspace, its database, its secrets."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.postgres.client import Postgres, ServerFacts, configured_database
from scripts.database.postgres.programs import available_majors
from scripts.database.postgres.url import Database
from scripts.errors import Refused
from scripts.replit import workspace
from scripts.replit.drivers import driver_of
from scripts.setup import health, programs
from scripts.setup.health import LOOPBACK, Finding
from scripts.system.process import attempt, error_tail

SSH_TIMEOUT = 18.0
# asked of the workspace: what a release needs there. One JSON line, whatever a login says before it.
PROBE = """
have() {{ command -v "$1" >/dev/null 2>&1 && printf '"%s":true,' "$1" || printf '"%s":false,' "$1"; }}
printf '{{'; for each in git node npm flock; do have "$each"; done
cd -- {workspace} 2>/dev/null && printf '"folder":true,' || printf '"folder":false,'
git rev-parse --verify --quiet HEAD >/dev/null 2>&1 && checkout=true || checkout=false
printf '"checkout":%s}}\\n' "$checkout"
"""


def public(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """The URL answers, by https, with the stamp of a release."""
    parts = urlsplit(environment.url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        yield health.error(
            "url", f"`{environment.url}` is no https address", "correct `url` in `pipeline.toml`"
        )
    seen = driver_of(desk, environment).live()
    if seen.status is None:
        hint = f"`curl -sSI {environment.url}`; is the app published?"
        yield health.error("url", f"`{environment.url}`: {seen.error}", hint)
    elif seen.commit is None:
        hint = f"`invoke deploy --env {environment.name}`"
        yield health.warning("url", f"`{environment.url}` names no commit: {seen.error}", hint)
    else:
        yield health.ok("url", f"`{environment.url}` serves `{seen.commit[:12]}`")


def replit(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """The ssh alias leads to a workspace that can build; Publish lets us in."""
    config = str(desk.config_folder / environment.ssh_config) if environment.ssh_config else None
    alias = environment.ssh_host
    target = programs.ssh_target(alias, config).get("hostname", "")
    if target == alias and not re.search(r"[.:@]", alias) and alias != "localhost":
        hint = f"a block `Host {alias}` with HostName, User and IdentityFile in the ssh configuration"
        yield health.error("ssh", f"`{alias}` is no alias of the ssh configuration", hint)
        return
    yield from _workspace(environment, alias, config)


def _workspace(environment: Environment, alias: str, config: str | None) -> Iterator[Finding]:
    script = PROBE.format(workspace=shlex.quote(environment.workspace))
    result = attempt(workspace.ssh(alias, config, script, SSH_TIMEOUT))
    try:
        found = json.loads(result.text.splitlines()[-1])
    except (ValueError, IndexError, RecursionError):
        found = None
    if not isinstance(found, dict):
        hint = f"`ssh {f'-F {shlex.quote(config)} ' if config else ''}{alias} true`"
        yield health.error(
            "ssh", f"no answer from `{alias}` (ssh ended with {result.code}){error_tail(result)}", hint
        )
        return
    yield health.ok("ssh", f"`{alias}` lets us in")
    lacking = [name for name in ("git", "node", "npm", "flock") if found.get(name) is not True]
    if lacking:
        hint = "add them to the `.replit` modules of the workspace, and open a new Shell"
        state = health.error if {"git"} & set(lacking) else health.warning
        yield state("workspace", f"`{alias}` has no {', '.join(lacking)} on the path of ssh", hint)
    if found.get("checkout") is True and found.get("folder") is True:
        yield health.ok("workspace", f"`{environment.workspace}` is a checkout")
    else:
        hint = f"clone the app's repository to `{environment.workspace}` on Replit"
        yield health.error("workspace", f"`{environment.workspace}` is no git checkout", hint)


def publish(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Whether publishing would be accepted."""
    try:
        yield health.ok("publish", driver_of(desk, environment).check())
    except Refused as missing:
        yield health.error("publish", missing.message, missing.hint or "")


def database(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """It can be reached, safely, by a user who may migrate; this machine has a `pg_dump` for it."""
    found = configured_database(desk, environment)
    if found is None:
        return
    about = Postgres(found).server_facts()
    yield health.ok("database", f"PostgreSQL {about.major} on `{found.host}:{found.port}`")
    yield from _server(found, about, datetime.fromisoformat(desk.now()).timestamp())


def _server(found: Database, about: ServerFacts, now: float) -> Iterator[Finding]:
    if not about.may_create:
        hint = "use the owner of the project's database: `postgres`"
        yield health.error("database", f"`{found.user}` may not make anything in `{found.name}`", hint)
    yield health.tls(found.host, found.sslmode, about.tls)
    yield health.client(about.major, available_majors())
    yield health.skew(f"`{found.host}`", about.now - now)


def variables(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """What the build needs is there, and the tokens have the form that their makers give them."""
    try:
        count = len(desk.build_variables(environment))
        yield health.ok("variables", f"all {count} of the build have a value")
    except Refused as lacking:
        yield health.error("variables", lacking.message, lacking.hint or "")
    token = desk.values(environment).get("SUPABASE_ACCESS_TOKEN")
    if token is not None and not re.fullmatch(r"sbp_(oauth_|v0_)?[0-9a-f]{40}", token):
        hint = "make one at https://supabase.com/dashboard/account/tokens"
        yield health.error("variables", "`SUPABASE_ACCESS_TOKEN` is none of Supabase's access tokens", hint)
