"""A git remote, an app that follows it, and a platform that starts the launcher again when it dies."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scripts.replit.launcher_bundle import bundle, helper

TOKEN = "status-token-of-the-test"
DEADLINE = 60.0
SERVER = """\
const http = require("node:http");
const fs = require("node:fs");
const listen = require("./launcher_listen.cjs");
const stamp = fs.readFileSync("public/version.json");
const commit = JSON.parse(stamp).commit;
const broken = fs.existsSync("broken");
const server = http.createServer((request, response) => {
  if (request.url === "/health") return response.writeHead(broken ? 500 : 200).end();
  const file = "public" + request.url;
  if (request.url.startsWith("/assets/")) {
    return fs.readFile(file, (fault, data) => response.writeHead(fault ? 404 : 200).end(data));
  }
  if (request.url === "/version.json") return response.end(stamp);
  response.end(commit);
});
listen(server, Number(process.env.PORT ?? 5000), "0.0.0.0");
"""
CONFIG: dict[str, Any] = {
    "branches": {"staging": "staging"},
    "build_command": ["sh", "build.sh"],
    "run": ["node", "server.cjs"],
    "static": "public",
    "health": "/health",
    "keep": 5,
    "warm": 1,
    "poll_seconds": 1,
    "drain_seconds": 2,
    "start_seconds": 20,
}


def git(where: Path, *words: str) -> str:
    """Run git; what it says."""
    identity = [
        word
        for pair in ("user.name=t", "user.email=t@example.com", "protocol.file.allow=always")
        for word in ("-c", pair)
    ]
    done = subprocess.run(
        ["git", *identity, *words], cwd=where, check=True, capture_output=True, timeout=60, text=True
    )
    return done.stdout.strip()


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class World:
    """The remote (`origin`), where commits are made (`work`), and the published app (`app`)."""

    def __init__(
        self, root: Path, config: dict[str, Any] | None = None, files: dict[str, str] | None = None
    ) -> None:
        self.origin, self.work, self.app = root / "origin.git", root / "work", root / "app"
        self.port = free_port()
        self.variables: dict[str, str] = {}
        self.commits: list[str] = []
        git(root, "init", "--quiet", "--bare", str(self.origin))
        git(self.origin, "config", "uploadpack.allowFilter", "true")
        git(self.origin, "config", "uploadpack.allowAnySHA1InWant", "true")
        git(root, "init", "--quiet", "-b", "staging", str(self.work))
        self.files = files or {
            "server.cjs": SERVER,
            "launcher_listen.cjs": helper("launcher_listen.cjs"),
            "build.sh": "mkdir -p public/assets && cp number public/assets/app-$(cat number)abcdefgh.js\n",
        }
        for name, text in self.files.items():
            (self.work / name).write_text(text)
        self.app.mkdir()
        (self.app / "launcher.py").write_text(bundle())
        self.config = {**CONFIG, "remote": f"file://{self.origin}", **(config or {})}
        (self.app / "launcher.json").write_text(json.dumps(self.config))
        self._process: subprocess.Popen[bytes] | None = None
        self._platform: threading.Thread | None = None
        self._up = False
        self.output = (root / "output").open("ab")

    # the remote

    def commit(self, files: dict[str, str] | None = None, *, push: bool = True) -> str:
        """Another commit on the branch."""
        (self.work / "number").write_text(f"{len(self.commits):03}")
        for name, text in (files or {}).items():
            (self.work / name).write_text(text)
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "-m", f"commit {len(self.commits)}")
        self.commits.append(git(self.work, "rev-parse", "HEAD"))
        if push:
            git(self.work, "push", "--quiet", "--force", str(self.origin), "HEAD:refs/heads/staging")
        return self.commits[-1]

    def want(self, commit: str) -> None:
        """Move the ref that says what is wanted."""
        git(self.work, "push", "--quiet", "--force", str(self.origin), f"{commit}:refs/deploy/live/staging")

    def candidate(self, commit: str, run: str = "run-1") -> None:
        """Have a commit prepared."""
        name = f"refs/deploy/candidate/staging/{run}"
        git(self.work, "push", "--quiet", "--force", str(self.origin), f"{commit}:{name}")

    # the platform

    def start(self) -> None:
        """Start the launcher, and start it again at once whenever it ends, as Replit does."""
        self._up = True
        self._spawn()
        self._platform = threading.Thread(target=self._watch, daemon=True)
        self._platform.start()

    def _spawn(self) -> None:
        variables = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "DESK_ENVIRONMENT": "staging",
            "LAUNCHER_TOKEN": TOKEN,
            "PORT": str(self.port),
            "VITE_PUBLIC": "everybody-may-know-this-1",
            "SESSION_SECRET": "very-secret-value-0123456789",
            **self.variables,
        }
        self._process = subprocess.Popen(
            [os.environ.get("DESK_LAUNCHER_PYTHON") or sys.executable, "launcher.py"],
            cwd=self.app,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )

    def _watch(self) -> None:
        while self._up and self._process:
            self._process.wait()
            if self._up:
                time.sleep(0.05)
                self._spawn()

    @property
    def supervisor(self) -> int:
        """The process id of the launcher that the platform started."""
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        """End it all."""
        self._up = False
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._platform:
            self._platform.join(20)
        self.kill_all()
        self.output.close()

    def processes(self) -> dict[int, str]:
        """Every process of this app by its id, with its command line; the launcher's own are among them."""
        mark, found = f"RELEASE_HOME={self.app / '.launcher'}".encode(), {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                variables = (entry / "environ").read_bytes().split(b"\0")
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                own = "launcher.py" in line and (entry / "cwd").readlink() == self.app
                if mark in variables or own:
                    found[int(entry.name)] = line
        return found

    def kill_all(self) -> None:
        """What is left of it."""
        for pid in self.processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    # a visitor

    def get(
        self, path: str = "/", method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """What the launcher reports; empty when it does not answer."""
        try:
            code, body = self.get("/-/release", headers={"Authorization": f"Bearer {TOKEN}"})
        except (OSError, http.client.HTTPException):
            return {}
        return dict(json.loads(body)) if code == 200 else {}

    def poke(self) -> int:
        """Have it look at the remote now."""
        return self.get("/-/release", "POST", {"Authorization": f"Bearer {TOKEN}"})[0]

    def answers(self, commit: str) -> bool:
        """Whether a visitor gets this commit now."""
        try:
            return self.get("/") == (200, commit.encode())
        except (OSError, http.client.HTTPException):
            return False

    def until(self, condition: Callable[[], bool], what: str = "") -> None:
        """Wait for a condition, for long."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"did not come: {what}; {self.status()}")
            time.sleep(0.02)

    def until_live(self, commit: str) -> None:
        """Wait until visitors get this commit."""
        self.until(lambda: self.answers(commit), f"{commit} live")


@contextlib.contextmanager
def world(root: Path, **options: Any) -> Iterator[World]:
    """A world, and its end."""
    made = World(root, **options)
    try:
        yield made
    finally:
        made.stop()
