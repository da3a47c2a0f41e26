"""A desk pointed at the stand-in of an app under load, with a real remote for its ledger."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import fork_server
from tests.support.desks import ROOT, Ended, environment
from tests.support.processes import PYTHON, wait_until
from tests.support.repositories import Repository, seeded

PIPELINE = """
chain = ["staging", "production"]
[app]
repository = {repository}
migrations = ""
[lock]
heartbeat = 0.5
ttl = 4
[verify]
request_timeout = 3
interval = 0.3
[environment.staging]
branch = "staging"
url = "http://127.0.0.1:{port}"
ssh_host = "staging"
publish = "manual"
[environment.staging.load]
writes = true
[environment.production]
branch = "main"
url = "http://localhost:{port}"
ssh_host = "production"
publish = "manual"
guarded = true
[load]
think = 0.2
timeout = 3
drain = 3
[load.profiles.steady]
users = 10
warmup = 1
stages = [{{ seconds = 4 }}]
{more}
"""
THRESHOLDS = """
[load.thresholds]
p95 = 500
failures = 0.001
dropped = 0.001
"""


@dataclass
class LoadWorld:
    """The stand-in, the desk's configuration, the remote."""

    folder: Path
    person: Repository
    child: subprocess.Popen[bytes]
    port: int

    @property
    def env_dir(self) -> Path:
        """The configuration's folder."""
        return self.folder / "env"

    @property
    def commit(self) -> str:
        """What should be served on staging."""
        return self.person.git("rev-parse", "HEAD")

    def behave(self, **how: Any) -> None:
        """From now on."""
        part = self.folder / "behave.part"
        part.write_text(json.dumps({"commit": self.commit, **how}))
        part.replace(self.folder / "behave.json")

    def configure(self, more: str = THRESHOLDS) -> None:
        """Write `pipeline.toml`."""
        text = PIPELINE.format(repository=json.dumps(str(self.person.folder)), port=self.port, more=more)
        self.env_dir.mkdir(exist_ok=True)
        (self.env_dir / "pipeline.toml").write_text(text)

    def start_elsewhere(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin it on another machine: with a clone and a state of its own."""
        folder = self.folder / "elsewhere"
        if not folder.exists():
            folder.mkdir()
            self.person.git(
                "clone", "-q", self.person.git("remote", "get-url", "origin"), str(folder / "app")
            )
        text = (self.env_dir / "pipeline.toml").read_text()
        own = json.dumps(str(self.person.folder))
        (folder / "env").mkdir(exist_ok=True)
        (folder / "env" / "pipeline.toml").write_text(text.replace(own, json.dumps(str(folder / "app"))))
        env = environment(folder / "env")
        return fork_server.start("load-test", *arguments, "--json", cwd=ROOT, env=env)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Begin `invoke load-test ARGUMENTS --json`."""
        env = environment(self.env_dir, **env)
        return fork_server.start("load-test", *arguments, "--json", cwd=ROOT, env=env)

    def __call__(self, *arguments: str, **env: str) -> Ended:
        """Run it to the end."""
        child = self.start(*arguments, **env)
        out, err = child.communicate(timeout=120)
        return Ended(child.returncode, out, err)

    def proofs(self) -> list[dict[str, Any]]:
        """The ledger's events, read with plain git."""
        self.person.git("fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*")
        if "refs/remotes/origin/deploy-ledger" not in self.person.refs():
            return []
        ids = self.person.git("rev-list", "--reverse", "origin/deploy-ledger").split()
        return [json.loads(self.person.git("show", f"{each}:event.json")) for each in ids]


@contextlib.contextmanager
def load_world(folder: Path) -> Iterator[LoadWorld]:
    """For the time of a test."""
    _, person = seeded(folder / "app")
    person.git("push", "-q", "origin", "develop:staging", "develop:main")
    child = subprocess.Popen(
        [PYTHON, "-m", "tests.support.load_target", str(folder)], cwd=ROOT, start_new_session=True
    )
    try:
        if not wait_until((folder / "port").exists, 10):
            raise AssertionError("the stand-in did not start")
        world = LoadWorld(folder, person, child, int((folder / "port").read_text()))
        world.behave()
        world.configure()
        yield world
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGCONT)
            child.terminate()
        child.wait(10)
