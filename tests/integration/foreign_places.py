"""Where the parts of the foreign world are, and what stands in them, asked without the desk."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.foreign_app import CHAIN, PASSWORDS, digest, git, tree
from tests.integration.foreign_servers import Site, psql


@dataclass
class Places:
    """Where everything is. `said` and `seen` collect all output, and all leaks among processes."""

    folder: Path
    port: int
    cli: Path
    said: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.origin, self.clone = self.folder / "origin.git", self.folder / "clone"
        self.author, self.env_dir = self.folder / "author", self.folder / "env"
        self.home = self.folder / "home"
        self.workspaces = {name: self.folder / "workspaces" / name for name in CHAIN}
        self.served = {name: self.workspaces[name] / "site" / "public" for name in CHAIN}
        self.served["qa"] = self.folder / "served-qa"
        self.sites = {name: Site(self.served[name]) for name in CHAIN}

    def refs(self) -> dict[str, str]:
        """All refs of the origin."""
        lines = git(self.origin, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split() for line in lines)

    def sql(self, name: str, query: str) -> str:
        """What the environment's own role reads."""
        return psql(self.folder, self.port, f"brew_{name}", f"brew_{name}", PASSWORDS[name], query)

    def history(self, name: str) -> list[str]:
        """The versions in the database's history."""
        query = "select version from supabase_migrations.schema_migrations order by version"
        return self.sql(name, query).splitlines()

    def answers(self, name: str) -> Any:
        """The version stamp that a visitor gets."""
        with urllib.request.urlopen(f"{self.sites[name].url}/version.json", timeout=5) as answer:
            return json.load(answer)

    def event(self) -> Any:
        """The newest entry of the ledger."""
        return json.loads(git(self.origin, "show", "deploy-ledger:event.json"))

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """All that this world's people could read: output, files, and every object of git."""
        yield from (("output", said.encode()) for said in self.said)
        for path in self.folder.rglob("*"):
            private = path.name.startswith(".env.") or path.is_relative_to(self.folder / "postgres")
            if path.is_file() and not private:
                yield str(path), path.read_bytes()
        for folder in (self.origin, self.clone, self.author, *self.workspaces.values()):
            objects = ("cat-file", "--batch-all-objects", "--batch")
            argv = ["git", "-C", str(folder), *objects]
            done = subprocess.run(argv, capture_output=True, timeout=60, check=True)
            yield f"objects of {folder}", done.stdout

    def facts(self) -> dict[str, object]:
        """All that a refused release must leave as it is; the ledger alone may grow."""
        refs = {k: v for k, v in self.refs().items() if not k.endswith("/deploy-ledger")}
        return {
            "refs": refs,
            **{f"history of {name}": self.history(name) for name in CHAIN},
            **{f"tables of {name}": self.sql(name, r"\d") for name in CHAIN},
            **{f"live on {name}": self.answers(name) for name in CHAIN if self.sites[name].is_up},
            **{f"workspace of {name}": tree(self.workspaces[name]) for name in CHAIN},
            "clone": self.clone_state(),
        }

    def clone_state(self) -> dict[str, object]:
        """What a developer would notice in his clone."""
        heads = ("refs/heads", "refs/remotes", "refs/tags", "refs/stash")
        internal = {
            name: digest(self.clone / ".git" / name)
            for name in ("index", "HEAD", "config", "FETCH_HEAD", "ORIG_HEAD", "packed-refs")
        }
        return {
            "status": git(self.clone, "status", "--porcelain=v2", "--branch"),
            "branches": git(self.clone, "for-each-ref", *heads),
            **internal,
            **tree(self.clone),
        }
