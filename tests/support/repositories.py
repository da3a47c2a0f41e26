"""Real git repositories in a test's own folder."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@dataclass(frozen=True)
class Repository:
    """One repository, driven by the `git` program as a person would."""

    folder: Path

    def git(self, *arguments: str, stdin: str | None = None) -> str:
        """What `git` prints; fails with what it complains of."""
        ended = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=ENVIRONMENT,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise AssertionError(f"git {' '.join(arguments)}: {ended.stderr}")
        return ended.stdout.strip()

    def commit(self, message: str, **files: str) -> str:
        """Write files (`name__ext` for `name.ext`), commit all, and give the commit's id."""
        for name, text in (files or {"file": message}).items():
            file = self.folder / name.replace("__", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message)
        return self.git("rev-parse", "HEAD")

    def refs(self) -> dict[str, str]:
        """All refs and their ids."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def hook(self, name: str, script: str) -> None:
        """Install a hook, run by `sh`."""
        file = self.folder / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)


def bare(folder: Path) -> Repository:
    """An empty bare repository, as a git host keeps it."""
    folder.mkdir(parents=True)
    repository = Repository(folder)
    repository.git("init", "-q", "--bare", "-b", "main")
    return repository


def clone(origin: Repository, folder: Path, *options: str) -> Repository:
    """A clone of it, over the `file` protocol."""
    origin.git("clone", "-q", *options, f"file://{origin.folder}", str(folder))
    return Repository(folder)


def seeded(folder: Path) -> tuple[Repository, Repository]:
    """A bare origin with a `develop` of two commits, and the person's clone that made them."""
    origin = bare(folder / "origin.git")
    person = clone(origin, folder / "person")
    person.git("switch", "-q", "-c", "develop")
    person.commit("first")
    person.commit("second")
    person.git("push", "-q", "origin", "develop")
    return origin, person
