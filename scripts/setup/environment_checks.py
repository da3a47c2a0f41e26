"""`doctor` for one environment: its URL, its workspace, publishing, its database, its variables."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from scripts.config.access import how_to_enter
from scripts.config.desk import Desk
from scripts.config.settings import DRIVERS, Environment
from scripts.database.backups import scratch_server
from scripts.database.backups.foresee import foresee
from scripts.database.edge_functions import deployed
from scripts.database.postgres import scratch
from scripts.database.postgres.client import Postgres, configured_database
from scripts.database.postgres.programs import available_majors
from scripts.database.postgres.server_facts import ServerFacts
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, Refused, Unreachable
from scripts.replit import workspace
from scripts.replit.drivers import driver_of
from scripts.setup import health, programs
from scripts.setup.health import LOOPBACK, Finding
from scripts.system.process import attempt, error_tail

SSH_TIMEOUT = 18.0
# Runs in the workspace, and prints what it has as one JSON line; a login may print other lines before it.
PROBE = """
have() {{ command -v "$1" >/dev/null 2>&1 && printf '"%s":true,' "$1" || printf '"%s":false,' "$1"; }}
printf '{{'; for program in git node npm flock; do have "$program"; done
cd -- {workspace} 2>/dev/null && printf '"folder":true,' || printf '"folder":false,'
git rev-parse --verify --quiet HEAD >/dev/null 2>&1 && checkout=true || checkout=false
printf '"checkout":%s}}\\n' "$checkout"
"""


def check_url(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Check that the public URL answers over https with the commit of a release."""
    parts = urlsplit(environment.url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        yield health.error(
            "url", f"`{environment.url}` is not an https address", "correct `url` in `pipeline.toml`"
        )
    answer = driver_of(desk, environment).live()
    if answer.login:
        yield health.error("url", f"`{environment.url}`: {answer.error}", how_to_enter(environment))
    elif answer.status is None:
        hint = f"`curl -sSI {environment.url}`; is the app published?"
        yield health.error("url", f"`{environment.url}`: {answer.error}", hint)
    elif answer.commit is None:
        hint = f"`invoke deploy --env {environment.name}`"
        yield health.warning("url", f"`{environment.url}` names no commit: {answer.error}", hint)
    else:
        yield health.ok("url", f"`{environment.url}` serves `{answer.commit[:12]}`")


def check_workspace(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Check that the ssh alias leads to a workspace that can build, where releases go by way of one."""
    if "ssh_host" not in DRIVERS[environment.publish].keys:
        return
    config = str(desk.config_folder / environment.ssh_config) if environment.ssh_config else None
    alias = environment.ssh_host
    target = programs.ssh_target(alias, config).get("hostname", "")
    if target == alias and not re.search(r"[.:@]", alias) and alias != "localhost":
        hint = f"add a block `Host {alias}` with HostName, User and IdentityFile in the ssh configuration"
        yield health.error("ssh", f"the ssh configuration has no alias `{alias}`", hint)
        return
    yield from _probe(desk, environment, alias, config)


def _probe(desk: Desk, environment: Environment, alias: str, config: str | None) -> Iterator[Finding]:
    script = PROBE.format(workspace=shlex.quote(environment.workspace))
    result = attempt(workspace.ssh(alias, config, script, SSH_TIMEOUT))
    try:
        report = json.loads(result.text.splitlines()[-1])
    except (ValueError, IndexError, RecursionError):
        report = None
    if not isinstance(report, dict):
        hint = f"`ssh {f'-F {shlex.quote(config)} ' if config else ''}{alias} true`"
        yield health.error(
            "ssh", f"no answer from `{alias}` (ssh ended with {result.code}){error_tail(result)}", hint
        )
        return
    yield health.ok("ssh", f"ssh to `{alias}` works")
    missing = [name for name in ("git", "node", "npm", "flock") if report.get(name) is not True]
    if missing:
        hint = "add them to the `.replit` modules of the workspace, and open a new Shell"
        state = health.error if "git" in missing else health.warning
        yield state("workspace", f"`{alias}` has no {', '.join(missing)} on the PATH of ssh", hint)
    if report.get("checkout") is True and report.get("folder") is True:
        yield health.ok("workspace", f"`{environment.workspace}` is a git checkout")
        found = driver_of(desk, environment).objection()
        if found:
            yield health.warning("workspace", found.message, found.hint or "")
    else:
        hint = f"clone the app's repository to `{environment.workspace}` on Replit"
        yield health.error("workspace", f"`{environment.workspace}` is not a git checkout", hint)


def check_publish(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Check that publishing would be accepted."""
    try:
        yield health.ok("publish", driver_of(desk, environment).check())
    except (Refused, Unreachable) as missing:
        yield health.error("publish", missing.message, missing.hint or "")


def check_functions(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Check that the project's Edge Functions can be read, where the app has some."""
    folder = desk.settings.supabase.functions
    if not folder or not (desk.git.folder / folder).is_dir():
        return
    try:
        project = deployed.functions_of(desk, environment)
        count = len(project.listed())
    except (Refused, CommandFailed) as fault:
        yield health.error("functions", fault.message, fault.hint or "try again")
        return
    listed = f"{count} Edge Function{'s' if count != 1 else ''}"
    right = "a scoped token also needs `edge_functions_write`"
    yield health.ok("functions", f"the project `{project.project}` lists {listed}; {right}")


def check_database(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Check that the database answers, over TLS, to a user who may migrate, and that we can dump it."""
    database = configured_database(desk, environment)
    if database is None:
        return
    facts = Postgres(database).server_facts()
    yield health.ok("database", f"PostgreSQL {facts.major} on `{database.host}:{database.port}`")
    yield from _server(database, facts, datetime.fromisoformat(desk.now()).timestamp())


def _server(database: Database, facts: ServerFacts, now: float) -> Iterator[Finding]:
    if not facts.may_create:
        hint = "use the owner of the project's database: `postgres`"
        message = f"`{database.user}` may not create anything in `{database.name}`"
        yield health.error("database", message, hint)
    if facts.unwritable is not None:
        message = f"the database `{database.name}` {facts.unwritable.state}"
        yield health.error("database", message, facts.unwritable.hint)
    yield health.tls(database.host, database.sslmode, facts.tls)
    yield health.pg_client(facts.major, available_majors())
    yield health.clock_skew(f"`{database.host}`", facts.now - now)


def check_scratch(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Name the scratch databases that killed runs left on the server that the environment names."""
    server = scratch_server.configured(desk, environment)
    if server is None:
        return
    left = scratch.abandoned_databases(server)
    where = f"`{server.host}:{server.port}`"
    if left:
        listed = ", ".join(f"`{name}`" for name in left)
        hint = f"a run that uses the server drops them: `invoke db.rehearse --env {environment.name}`"
        yield health.warning("scratch", f"killed runs have left {listed} on {where}", hint)
    else:
        yield health.ok("scratch", f"no killed run has left a database on {where}")


def check_proof(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Say where the proof of a guarded environment's backups would lack what extensions bring."""
    if not environment.guarded:
        return
    found = foresee(desk, environment)
    if found is None:
        yield health.ok("proof", "no extension stands in the way of proving backups as a whole")
    elif found.accepted:
        yield health.ok("proof", f"backups are proven in part, as `[backup] partial_proof` says: {found}")
    else:
        yield health.warning("proof", f"backups can be proven in part only: {found}", found.remedy)


def check_variables(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Check that the build's variables have values, and that tokens have the vendor's format."""
    try:
        values = desk.build_variables(environment)
        empty = ", ".join(f"`{name}`" for name, value in values.items() if not value)
        if empty:
            hint = f"`invoke env.check --env {environment.name}` says where each is set"
            yield health.error("variables", f"empty, and the build needs them: {empty}", hint)
        else:
            yield health.ok("variables", f"all {len(values)} variables of the build have a value")
    except Refused as missing:
        yield health.error("variables", missing.message, missing.hint or "")
    token = desk.values(environment).get("SUPABASE_ACCESS_TOKEN")
    if token is not None and not re.fullmatch(r"sbp_(oauth_|v0_)?[0-9a-f]{40}", token):
        hint = "create one at https://supabase.com/dashboard/account/tokens"
        yield health.error(
            "variables", "`SUPABASE_ACCESS_TOKEN` does not have the format of a Supabase access token", hint
        )
