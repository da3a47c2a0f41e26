"""A desk over a made history, whose environments answer at once: what grows is the history alone.

No workspace (nobody listens where ssh is told to connect), and a database only where one is given; each
public URL serves the stamp of what the ledger has as live.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.bench.parts.histories import ENVIRONMENTS, history
from tests.bench.plan import Run
from tests.support.repositories import Repository
from tests.support.servers import Server, closed_port, serving, text

PIPELINE = """
chain = {chain}
[app]
repository = {repository}
migrations = {migrations}
[supabase]
functions = ""
[verify]
request_timeout = 5
"""
ENVIRONMENT = """
[environment.{name}]
branch = "{branch}"
url = "http://127.0.0.1:{port}/{folder}/{name}"
ssh_host = "nobody"
ssh_config = "ssh_config"
publish = "manual"
database = {database}
guarded = {guarded}
"""
SSH = "Host nobody\n  HostName 127.0.0.1\n  Port {port}\n  BatchMode yes\n  StrictHostKeyChecking no\n"


def quiet_world(
    run: Run, *, commits: int, events: int, behind: bool = False, more: int = 0, migrations: int = 0
) -> Path:
    """Make one, as `histories.history` does; gives its folder for `AIRHOST_ENV_DIR`.

    Args:
        more: so many environments beside the usual three, at the same commit as the last of them.
        migrations: so many files in each commit; development then has a database, which the caller makes.
    """
    name = f"c{commits}e{events}b{behind:d}m{more}s{migrations}"
    known: dict[str, Path] = run.shared.setdefault("quiet", {})
    if name not in known:
        run.say(f"  making {commits:,} commits and {events:,} events")
        if "server" not in run.shared:
            run.shared["server"] = run.stack.enter_context(serving())
        folder, server = run.folder / name, run.shared["server"]
        person = history(folder, commits=commits, events=events, migrations=migrations, behind=behind)
        branches = {**ENVIRONMENTS, **{f"extra{number}": f"extra{number}" for number in range(more)}}
        _place(person, folder, server, branches)
        known[name] = quiet_configuration(
            folder, person.folder, server.server_address[1], branches, database=bool(migrations)
        )
    return known[name]


def _place(person: Repository, folder: Path, server: Server, branches: Mapping[str, str]) -> None:
    """Add the branches that are missing, and serve what is at each."""
    for name, branch in branches.items():
        if name not in ENVIRONMENTS:
            person.git("push", "-q", "origin", f"refs/remotes/origin/main:refs/heads/{branch}")
        commit = person.git("rev-parse", f"refs/remotes/origin/{branch}")
        stamp = json.dumps({"commit": commit, "environment": name})
        server.answers[f"/{folder.name}/{name}/version.json"] = text(stamp)
        server.answers[f"/{folder.name}/{name}/"] = text("<p>home</p>")


def quiet_configuration(
    folder: Path,
    repository: Path,
    port: int,
    branches: Mapping[str, str] = ENVIRONMENTS,
    *,
    database: bool = False,
) -> Path:
    """Write it for a checkout and a server; `database`: development has one."""
    env_dir = folder / "env"
    env_dir.mkdir()
    tables = [
        ENVIRONMENT.format(
            name=name, branch=branch, port=port, folder=folder.name,
            database=str(database and name == "development").lower(),
            guarded=str(name == "production").lower(),
        )
        for name, branch in branches.items()
    ]  # fmt: skip
    head = PIPELINE.format(
        chain=json.dumps([*branches]),
        repository=json.dumps(str(repository)),
        migrations=json.dumps("supabase/migrations" if database else ""),
    )
    (env_dir / "pipeline.toml").write_text(head + "".join(tables))
    (env_dir / "ssh_config").write_text(SSH.format(port=closed_port()))
    return env_dir
