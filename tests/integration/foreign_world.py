"""`brewlog`: another team's app, its three environments, and the desk called upon them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.integration.foreign_app import (
    APP,
    BRANCH,
    CHAIN,
    ENVIRONMENT,
    PASSWORDS,
    PIPELINE,
    PLANTED,
    exposed,
    git,
    stamp_of,
)
from tests.integration.foreign_places import Places
from tests.integration.foreign_servers import DESK, SUPERUSER_PASSWORD, call, psql


@dataclass
class Answer:
    """How the desk ended: exit code, document, and every word that it said."""

    code: int
    document: dict[str, Any]
    said: str

    @property
    def message(self) -> str:
        """The document's message."""
        return str(self.document["message"])


class World(Places):
    """The foreign world: made, configured, worked in, and released by the desk."""

    def build(self, ssh_config: Path) -> None:
        """Origin, a stale clone with work in it, three workspaces, three databases, three sites."""
        call("git", "init", "-q", "--bare", "-b", "trunk", self.origin)
        call("git", "clone", "-q", self.origin, self.author)
        git(self.author, "switch", "-q", "-c", "trunk")
        self.commit({"README": "brewlog\n"}, "start")
        self.commit({"site/build.py": "", "notes.txt": "1\n2\n"}, "a commit that the clone ends at")
        call("git", "clone", "-q", "-o", "hub", "--depth", "1", f"file://{self.origin}", self.clone)
        self._dirty_clone()
        self.commit(APP, "the app")
        for name in CHAIN:
            call("git", "clone", "-q", self.origin, self.workspaces[name])
            self._database(name)
        self.served["qa"].mkdir()
        self.home.mkdir()
        self.env_dir.mkdir(mode=0o700)
        shutil.copy(ssh_config, self.env_dir / "ssh_config")
        self.configure()

    def _dirty_clone(self) -> None:
        git(self.clone, "checkout", "-q", "--detach")
        (self.clone / "README").write_text("changed, not staged\n")
        (self.clone / "notes.txt").write_text("staged\n")
        git(self.clone, "add", "notes.txt")
        (self.clone / "notes.txt").write_text("staged, and changed again\n")
        (self.clone / "scratch.txt").write_text("untracked\n")

    def _database(self, name: str) -> None:
        literal = PASSWORDS[name].replace("'", "''")
        for sql in (
            f"create role brew_{name} login password '{literal}'",
            f"create database brew_{name} owner brew_{name}",
        ):
            psql(self.folder, self.port, "postgres", "postgres", SUPERUSER_PASSWORD, sql)

    def configure(
        self,
        *,
        timeout: float = 20,
        hosts: Mapping[str, str] | None = None,
        tls: str = "sslmode=verify-full&sslrootcert={ca}",
        password_in_file: bool = True,
    ) -> None:
        """Write `pipeline.toml` and the `.env` files: all that the desk knows of this world."""
        text = PIPELINE.format(
            clone=json.dumps(str(self.clone)), timeout=timeout, cli=json.dumps(str(self.cli))
        )
        for name in CHAIN:
            text += ENVIRONMENT.format(
                name=name,
                branch=json.dumps(BRANCH[name]),
                url=json.dumps(self.sites[name].url),
                guarded=json.dumps(name == "live"),
                host=json.dumps((hosts or {}).get(name, f"brew-{name}")),
                workspace=json.dumps(str(self.workspaces[name])),
            )
            self._env_file(name, tls, password_in_file=password_in_file)
        (self.env_dir / "pipeline.toml").write_text(text)

    def _env_file(self, name: str, tls: str, *, password_in_file: bool) -> None:
        password = PASSWORDS[name]
        inline = f":{quote(password, safe='')}" if name == "live" else ""
        query = tls.format(ca=self.folder / "tls" / "ca.crt", other=self.folder / "tls/other.crt")
        values = {
            "DATABASE_URL": f"postgresql://brew_{name}{inline}@localhost:{self.port}/brew_{name}?{query}",
            "BREW_NAME": f"Brewlog {name}",
            **PLANTED,
            "OPENAI_API_KEY": f"{PLANTED['OPENAI_API_KEY']} of {name}",
        }
        if not inline and password_in_file:
            values["DATABASE_PASSWORD"] = password
        marks = {key: "'" if '"' in value else '"' for key, value in values.items()}
        file = self.env_dir / f".env.{name}"
        file.touch(mode=0o600)
        file.write_text("".join(f"{k}={marks[k]}{v}{marks[k]}\n" for k, v in values.items()))

    def settle(self) -> None:
        """Everything as a release leaves it: each branch where its environment is, all at rest."""
        self.configure()
        for name in CHAIN:
            self.sites[name].up()
            head = self.answers(name)["commit"]
            git(self.origin, "update-ref", f"refs/heads/{BRANCH[name]}", head)
            git(self.workspaces[name], "reset", "-q", "--hard", head)
            git(self.workspaces[name], "clean", "-qfd")

    def commit(self, files: Mapping[str, str | None], subject: str, branch: str = "trunk") -> str:
        """A developer's commit on a branch of the origin, on top of what is there; None deletes."""
        git(self.author, "fetch", "-q", "origin")
        if git(self.author, "for-each-ref", f"refs/remotes/origin/{branch}"):
            git(self.author, "checkout", "-q", "--detach", f"origin/{branch}")
        for name, content in files.items():
            path = self.author / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_text(content)
        git(self.author, "add", "-A")
        git(self.author, "commit", "-q", "-m", subject)
        git(self.author, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        return git(self.author, "rev-parse", "HEAD")

    def desk(self, *task: str, env: Mapping[str, str] | None = None) -> Answer:
        """Call the desk as CI does; remember what it said and who could see a secret meanwhile."""
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "AIRHOST_ENV_DIR": str(self.env_dir),
            **(env or {}),
        }
        argv = [sys.executable, "-m", "invoke", *task, "--json"]
        with self._watched():
            done = subprocess.run(
                argv, cwd=DESK, env=variables, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=150, check=False,
            )  # fmt: skip
        said = done.stdout + done.stderr
        self.said.append(said)
        assert "Traceback" not in said, said
        return Answer(done.returncode, json.loads(done.stdout), said)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.05):
                self.seen.update(exposed())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @contextmanager
    def button(self, name: str, after: float = 2) -> Iterator[None]:
        """Somebody who sees that the workspace was built, and presses Publish a moment later."""
        over = threading.Event()
        before = stamp_of(self.workspaces[name] / "site" / "public")

        def press() -> None:
            while not over.wait(0.05):
                built = stamp_of(self.workspaces[name] / "site" / "public")
                if built and built != before:
                    time.sleep(after)
                    self.publish(name)
                    return

        thread = threading.Thread(target=press)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def publish(self, name: str) -> None:
        """Copy what the workspace holds to what visitors get."""
        shutil.copytree(self.workspaces[name] / "site" / "public", self.served[name], dirs_exist_ok=True)
