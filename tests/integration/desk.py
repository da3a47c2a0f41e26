"""Calls the desk as a person or CI does, in a sandbox of the test session's own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from git import Repo

from scripts.sandbox.world_code import repository
from scripts.sandbox.world_facts import World
from tests.support import fork_server

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Call:
    """How one call of the desk ended."""

    code: int
    document: dict[str, Any]
    err: str
    out: str


@dataclass(frozen=True)
class Desk:
    """The tasks, pointed at one world."""

    world: World

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Begin `invoke ARGUMENTS --json`."""
        env = {**os.environ, "AIRHOST_ENV_DIR": str(self.world.env_dir), **env}
        return fork_server.start(*arguments, "--json", cwd=ROOT, env=env)

    def __call__(self, *arguments: str, **env: str) -> Call:
        """Run it to the end."""
        return ended(self.start(*arguments, **env))

    def commit(self, files: dict[str, str], subject: str = "a change") -> str:
        """Commit files to `develop` on the remote, from the sandbox's clone; returns the id."""
        with repository(self.world.clone, self.world.folder) as clone:
            clone.heads.develop.checkout()
            clone.remotes.origin.pull(ff_only=True)
            for name, text in files.items():
                (self.world.clone / name).parent.mkdir(parents=True, exist_ok=True)
                (self.world.clone / name).write_text(text)
            clone.git.add(all=True)
            return self._pushed(clone, subject)

    def remove(self, *names: str) -> str:
        """Remove files by a new commit on `develop`; returns its id."""
        with repository(self.world.clone, self.world.folder) as clone:
            clone.remotes.origin.pull(ff_only=True)
            clone.index.remove(names, working_tree=True)
            return self._pushed(clone, "take it out again")

    @staticmethod
    def _pushed(clone: Repo, subject: str) -> str:
        clone.git.commit(message=subject, quiet=True)
        clone.remotes.origin.push("develop").raise_if_error()
        return clone.head.commit.hexsha

    def refs(self, pattern: str = "") -> dict[str, str]:
        """The origin's refs, as an independent client sees them, also while a run changes them."""
        form = "--format=%(refname) %(objectname)"
        lines = git(self.world.origin, "for-each-ref", form, *filter(None, [pattern]))
        return dict(line.split() for line in lines.splitlines())

    def ledger(self) -> list[dict[str, Any]]:
        """The ledger's events, oldest first; without those that say that a run began."""
        with Repo(self.world.origin) as origin:
            if "deploy-ledger" not in origin.heads:
                return []
            commits = origin.iter_commits("deploy-ledger", reverse=True)
            events = [json.loads((commit.tree / "event.json").data_stream.read()) for commit in commits]
        return [event for event in events if event["kind"] != "begin"]

    def versions(self, environment: str) -> list[str]:
        """The migration history, as psycopg sees it."""
        rows = self.sql(environment, "select version from supabase_migrations.schema_migrations order by 1")
        return [str(row[0]) for row in rows]

    def sql(self, environment: str, query: str) -> list[tuple[Any, ...]]:
        """Ask an environment's database."""
        import psycopg

        url = self.world.environment(environment).database_url
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(query)
            return list(cursor.fetchall()) if cursor.description else []

    def served(self, environment: str) -> str | None:
        """The commit that the public URL answers with, asked by urllib."""
        import urllib.error
        import urllib.request

        url = self.world.environment(environment).url + "/version.json"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return str(json.load(response)["commit"])
        except (urllib.error.URLError, OSError, ValueError):
            return None

    def function(self, environment: str, name: str) -> tuple[int, dict[str, str]]:
        """The version of an Edge Function that the project answers with, and the sources it has."""
        import urllib.request

        place = self.world.environment(environment)
        with urllib.request.urlopen(f"{place.api_url}/functions/v1/{name}", timeout=5) as response:
            version = int(json.load(response)["version"])
        known = json.loads((self.world.api / "functions" / f"{place.project}.json").read_text())
        return version, known[name]["files"]

    def play(self, environment: str, **faults: str) -> None:
        """Have a host play faults (`scripts/sandbox/host_config.py` lists them); none takes them back."""
        file = self.world.environment(environment).host / "faults.json"
        file.write_text(json.dumps(faults)) if faults else file.unlink(missing_ok=True)


def left_by_runs(refs: Mapping[str, str]) -> list[str]:
    """What no run leaves: locks and candidates; not what a launcher follows for ever."""
    kept = ("refs/deploy/live/", "refs/deploy/artifact/")
    return [ref for ref in refs if ref.startswith("refs/deploy/") and not ref.startswith(kept)]


def ended(child: subprocess.Popen[str], timeout: float = 240) -> Call:
    """Wait for a call, and read its document."""
    out, err = child.communicate(timeout=timeout)
    try:
        document = json.loads(out)
    except ValueError:
        document = {}
    return Call(child.returncode, document, err, out)


def git(folder: Path, *arguments: str) -> str:
    """Plain git, with no one's configuration."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
