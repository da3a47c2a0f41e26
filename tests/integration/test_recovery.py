"""The page about recovery, run as it is written: each loss is played, and each block is pasted.

A variable that the page sets by `export NAME=...` gets the test's value, and a secret that it reads with
`read -rs NAME` is typed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest

from scripts.database.postgres.local_server import LocalServer
from tests.support import databases, fork_server, s3, skips
from tests.support.desks import ROOT
from tests.support.s3 import Service

PAGE = ROOT / "docs" / "recovery.md"
PREPARE, CLONE, LOOK = "What it takes", "On a new machine", "What there is"
LOSSES = (
    "The project is lost", "The laptop is lost", "The bucket is lost", "The git remote is lost",
    "An age key is lost", "Everything but the bucket is lost",
)  # fmt: skip
PIPELINE = """
chain = ["production"]
[app]
name = "app"
repository = {app}
[environment.production]
branch = "main"
url = "http://127.0.0.1:9/production"
ssh_host = "production"
publish = "manual"
guarded = true
[backup]
recipients = {recipients}
bucket = {bucket}
endpoint = {endpoint}
"""
ROWS = 300
CONTENT = """
select (select count(*) from public.bookings), (select sum(total) from public.bookings),
  (select count(*) from auth.users), (select count(*) from public.totals),
  (select count(*) from pg_trigger where tgname = 'on_auth_user_created'),
  (select count(*) from pg_policies where policyname = 'own files')
"""


def blocks() -> dict[str, list[str]]:
    """The commands of each section, a line each."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            title = line[3:]
        elif line.startswith("    "):
            found.setdefault(title, []).append(line.strip())
    return found


@dataclass
class World:
    """A team with one environment: a project, a bucket, a remote, a laptop and two age keys.

    Args:
        secrets: what a person types.
    """

    home: Path
    server: LocalServer
    service: Service
    keys: list[str]
    secrets: dict[str, str]
    remote: Path
    laptop: str = "laptop"
    bucket: str = s3.BUCKET

    @property
    def app(self) -> Path:
        """The app's clone on the laptop."""
        return self.home / self.laptop / "app"

    @property
    def env_dir(self) -> Path:
        """The folder of `pipeline.toml`; its state lies beside it."""
        return self.home / self.laptop / "desk" / "env"

    def configure(self) -> None:
        """Write `pipeline.toml`, without a file of secrets."""
        self.env_dir.mkdir(parents=True, exist_ok=True)
        recipients = [str(pyrage.x25519.Identity.from_str(key).to_public()) for key in self.keys]
        values = {
            "app": str(self.app),
            "recipients": recipients,
            "bucket": self.bucket,
            "endpoint": self.service.endpoint,
        }
        text = PIPELINE.format(**{name: json.dumps(value) for name, value in values.items()})
        (self.env_dir / "pipeline.toml").write_text(text)

    def new_remote(self, name: str) -> None:
        """An empty repository."""
        self.remote = self.home / name
        databases.git("init", "-q", "--bare", str(self.remote))

    def new_app(self) -> None:
        """The app's source in a repository of its own, which knows no remote yet."""
        databases.git("init", "-q", "-b", "main", str(self.app))
        databases.git("-C", str(self.app), "remote", "add", "origin", "/nowhere")
        for key, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
            databases.git("-C", str(self.app), "config", key, value)
        databases.git("-C", str(self.app), "commit", "-q", "--allow-empty", "-m", "first")

    def new_project(self, name: str) -> None:
        """What a new project is before its first migration."""
        self.server.create_database(name)
        self.secrets["DATABASE_URL"] = self.server.url(name)

    def content(self) -> tuple[Any, ...] | None:
        """Of the project, as psycopg sees it."""
        with psycopg.connect(self.secrets["DATABASE_URL"]) as connection:
            return connection.execute(CONTENT).fetchone()

    def environment(self) -> dict[str, str]:
        """Of the person's shell, which has everything but the secrets."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        bin_folder = str(Path(sys.executable).parent)
        return {
            **kept,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "AIRHOST_ENV_DIR": str(self.env_dir),
            "ENVIRONMENT": "production",
            "APP": str(self.app),
            "REMOTE": str(self.remote),
        }

    def invoke(self, *arguments: str) -> dict[str, Any]:
        """One command, whose secrets are all set."""
        env = {**self.environment(), **self.secrets}
        out, _err = fork_server.start(*arguments, "--json", cwd=ROOT, env=env).communicate()
        document = json.loads(out)
        assert isinstance(document, dict)
        return document

    def newest(self) -> str:
        """The id of the newest regular backup that the list says is proven, else the newest."""
        rows = self.invoke("backup.list", "--env", "production")["backups"]
        regular = [row for row in rows if row["kind"] == "manual"]
        return str(max(regular, key=lambda row: (row["proven"], row["backup"]))["backup"])

    def paste(self, section: str, **exported: str) -> str:
        """Run the blocks of a section after those that prepare it; every command must end with 0."""
        assert section in LOSSES
        values = {**self.environment(), **exported}
        lines, typed, known = list[str](), list[str](), dict(self.secrets)
        sections = (PREPARE, *([] if self.app.exists() else [CLONE]), LOOK, section)
        for line in [line for name in sections for line in blocks()[name]]:
            setting = re.match(r"export (\w+)=", line)
            reading = re.match(r"read -rs (\w+) && export \1\b", line)
            if setting:
                assert setting[1] in values, line
                continue
            if reading:
                typed.append(known[reading[1]])
            lines.append(line)
        script = "\n".join(["set -x", *lines])
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=values | ({} if "DATABASE_URL" in script else {"DATABASE_URL": known["DATABASE_URL"]}),
            input="\n".join(typed) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With one proven backup, in the bucket and on the laptop."""
    home = tmp_path_factory.mktemp("team")
    keys = [str(pyrage.x25519.Identity.generate()) for _ in range(2)]
    with databases.serving(home) as server, s3.serving() as service:
        secrets = {
            "DATABASE_URL": databases.filled(server, "app", ROWS),
            **s3.VALUES,
            "BACKUP_IDENTITY": keys[0],
        }
        made = World(home, server, service, keys, secrets, home)
        made.new_remote("origin")
        made.new_app()
        databases.git("-C", str(made.app), "remote", "set-url", "origin", str(made.remote))
        databases.git("-C", str(made.app), "push", "-q", "origin", "main")
        made.configure()
        assert made.invoke("backup", "--env", "production")["proven"] is True
        yield made


@pytest.fixture
def before(world: World) -> tuple[Any, ...] | None:
    """What the project holds before it is lost."""
    return world.content()


@skips.LONG
def test_the_project_is_lost(world: World, before: tuple[Any, ...] | None) -> None:
    identity = world.newest()
    world.new_project("second")
    assert world.secrets["DATABASE_URL"].endswith("/second")
    said = world.paste("The project is lost", ID=identity)

    assert world.content() == before
    assert f"production holds what `{identity}` holds" in said


@skips.LONG
def test_a_key_is_lost(world: World) -> None:
    """The other one opens every backup."""
    identity, lost = world.newest(), world.keys[0]
    world.secrets["BACKUP_IDENTITY"] = world.keys[1]
    said = world.paste("An age key is lost", ID=identity)
    assert f"`{identity}` is proven" in said

    world.keys[0] = str(pyrage.x25519.Identity.generate())
    world.configure()
    world.secrets["BACKUP_IDENTITY"] = world.keys[0]
    assert world.invoke("backup", "--env", "production")["proven"] is True
    newest = world.newest()
    assert world.invoke("backup.verify", newest, "--env", "production")["proven"] is True
    world.secrets["BACKUP_IDENTITY"] = lost
    refused = world.invoke("backup.verify", newest, "--env", "production")
    assert "is not encrypted for the key that was given" in refused["message"]
    world.secrets["BACKUP_IDENTITY"] = world.keys[0]


@skips.LONG
def test_the_bucket_is_lost(world: World) -> None:
    """First it does not answer; then there is another one, which gets what this machine has."""
    identity = world.newest()
    world.service.mode = "forbidding"
    listed = world.invoke("backup.list", "--env", "production")
    assert next(row for row in listed["backups"] if row["backup"] == identity)["proven"] is True
    planned = world.invoke("db.restore", identity, "--env", "production", "--plan")
    assert (listed["code"], planned["code"]) == (0, 0)
    failed = world.invoke("backup", "--env", "production")
    assert failed["code"] == 3
    assert "on this machine only: it is not in s3://kept/production/" in failed["message"]
    kept = re.search(r"backup\.verify (\S+) ", failed["hint"])
    assert kept
    assert world.invoke("backup.verify", kept[1], "--env", "production")["proven"] is True

    world.service.mode = "plain"
    world.bucket = "another"
    world.service.client.create_bucket(Bucket=world.bucket)
    world.configure()
    world.paste("The bucket is lost", ID=kept[1])
    rows = world.invoke("backup.list", "--env", "production", "--deep")["backups"]
    held = next(row for row in rows if row["backup"] == kept[1])
    assert [copy["state"] for copy in held["copies"][:2]] == ["intact", "intact"]


@skips.LONG
def test_the_laptop_is_lost(world: World) -> None:
    """What was on it alone is named; the rest is in the bucket."""
    world.laptop = "other laptop"
    world.configure()
    said = world.paste("The laptop is lost", ID="")

    assert world.home.name in said
    assert "is stored and proven" in said


@skips.LONG
def test_the_remote_is_lost(world: World) -> None:
    """Everything can be read without it; a new one gets the ledger from the clone."""
    identity = world.newest()
    events = len(world.invoke("history")["events"])
    shutil.rmtree(world.remote)
    refused = world.invoke("db.restore", identity, "--env", "production", "--yes")
    assert refused["code"] == 3
    assert "needs the environment's lock" in refused["message"]
    verified = world.invoke("backup.verify", identity, "--env", "production")
    assert (verified["code"], verified["proven"], verified["recorded"]) == (0, True, False)

    world.new_remote("new-origin")
    before, after = split_at(blocks()["The git remote is lost"], "remote set-url")
    assert len(before) == 2
    assert len(after) >= 5
    said = world.paste("The git remote is lost", ID=identity)
    assert "the ledger can't be read" in said
    assert len(world.invoke("history")["events"]) >= events


@skips.LONG
def test_everything_but_the_bucket_is_lost(world: World, before: tuple[Any, ...] | None) -> None:
    """A new remote, whose ledger is empty, and a new project: the backup vouches for itself."""
    identity = world.newest()
    world.laptop = "third laptop"
    world.new_remote("last-origin")
    world.new_app()
    world.configure()
    world.new_project("third")
    said = world.paste("Everything but the bucket is lost", ID=identity)

    assert world.content() == before
    assert f"production holds what `{identity}` holds" in said
    ours = world.invoke("backup.list", "--env", "production")["backups"]
    assert next(row for row in ours if row["backup"] == identity)["proven"] is True


def split_at(lines: list[str], mark: str) -> tuple[list[str], list[str]]:
    """The lines before the one with the mark, and the rest."""
    place = next(number for number, line in enumerate(lines) if mark in line)
    return lines[:place], lines[place:]


def test_every_section_is_pasted() -> None:
    """None of the page's commands is left out."""
    assert {*blocks()} == {PREPARE, CLONE, LOOK, *LOSSES}
