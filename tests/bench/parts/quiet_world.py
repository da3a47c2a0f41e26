"""A desk over a made history, whose environments answer at once: what grows is the history alone.

No database, no workspace (nobody listens where ssh is told to connect); each public URL serves the stamp of
what the ledger has as live.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.parts.histories import ENVIRONMENTS, history
from tests.bench.plan import Run
from tests.support.servers import Server, closed_port, serving, text

PIPELINE = """
chain = ["development", "staging", "production"]
[app]
repository = {repository}
migrations = ""
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
database = false
guarded = {guarded}
"""
SSH = "Host nobody\n  HostName 127.0.0.1\n  Port {port}\n  BatchMode yes\n  StrictHostKeyChecking no\n"


def quiet_world(run: Run, *, commits: int, events: int, behind: bool = False) -> Path:
    """Make one, as `histories.history` does; gives its folder for `AIRHOST_ENV_DIR`."""
    name = f"c{commits}e{events}{'b' * behind}"
    known: dict[str, Path] = run.shared.setdefault("quiet", {})
    if name not in known:
        run.say(f"  making {commits:,} commits and {events:,} events")
        if "server" not in run.shared:
            run.shared["server"] = run.stack.enter_context(serving())
        known[name] = _made(
            run.folder / name, run.shared["server"], commits=commits, events=events, behind=behind
        )
    return known[name]


def _made(folder: Path, server: Server, *, commits: int, events: int, behind: bool) -> Path:
    person = history(folder, commits=commits, events=events, behind=behind)
    env_dir = folder / "env"
    env_dir.mkdir()
    port = server.server_address[1]
    tables = [
        ENVIRONMENT.format(
            name=name,
            branch=branch,
            port=port,
            folder=folder.name,
            guarded=str(name == "production").lower(),
        )
        for name, branch in ENVIRONMENTS.items()
    ]
    text_ = PIPELINE.format(repository=json.dumps(str(person.folder)))
    (env_dir / "pipeline.toml").write_text(text_ + "".join(tables))
    (env_dir / "ssh_config").write_text(SSH.format(port=closed_port()))
    for name, branch in ENVIRONMENTS.items():
        commit = person.git("rev-parse", f"refs/remotes/origin/{branch}")
        stamp = json.dumps({"commit": commit, "environment": name})
        server.answers[f"/{folder.name}/{name}/version.json"] = text(stamp)
        server.answers[f"/{folder.name}/{name}/"] = text("<p>home</p>")
    return env_dir
