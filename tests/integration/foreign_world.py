"""`brewlog`: another team's app, its three environments, and the desk called upon them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from tests.integration.foreign_servers import DESK, SUPERUSER_PASSWORD, Site, call, psql

CHAIN = ("test", "qa", "live")
BRANCH = {"test": "trunk", "qa": "qa", "live": "live"}
# special characters that the grammar of a `.env` file allows; the last one stands in the address
PASSWORDS = {"test": "p@ss:w/rd#1 %41", "qa": 'sau"er ü&teig=9;', "live": "L1ve:p@ss/w%20rd?x#"}
PLANTED = {"REPLIT_MCP_TOKEN": "mcp-hops-4711", "OPENAI_API_KEY": "sk-malt #and %79 water"}
SECRETS = (*PASSWORDS.values(), *PLANTED.values())
# as it is, in an address, in a form, in JSON with and without other alphabets
DISGUISES = {
    form.encode()
    for secret in SECRETS
    for form in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    )
}

BUILD = """
import os, pathlib, shutil
name = os.environ["BREW_NAME"]
secret = os.environ.get("OPENAI_API_KEY") or os.environ.get("DATABASE_PASSWORD") or "no secret"
folder = pathlib.Path("public")
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir()
recipes = pathlib.Path("recipes.txt").read_text()
(folder / "index.html").write_text(f"<h1>{name}</h1><pre>{recipes}</pre>{secret}")
print("built")
"""
MIGRATIONS = {
    "001_beers.sql": "create table beers (id bigint primary key, name text not null);\n",
    "002_style.sql": "-- every beer has one\nalter table beers add column style text;\n",
    "003_first.sql": "insert into beers values (1, 'Alt; dark', 'ale'); create index on beers (name);\n",
}
APP = {
    "build.py": BUILD,
    "recipes.txt": "water, malt\n",
    ".gitignore": "public/\n",
    **{f"db/migrations/{name}": sql for name, sql in MIGRATIONS.items()},
}
PIPELINE = """
chain = ["test", "qa", "live"]
[app]
name = "brewlog"
repository = {clone}
remote = "hub"
migrations = "db/migrations"
install = []
build = ["python3", "build.py"]
output = "public"
build_variables = ["BREW_NAME"]
[verify]
timeout = {timeout}
interval = 0.2
request_timeout = 2
[supabase]
cli = {cli}
"""
ENVIRONMENT = """
[environment.{name}]
branch = {branch}
url = {url}
guarded = {guarded}
ssh_host = {host}
ssh_config = "ssh_config"
workspace = {workspace}
publish = "manual"
"""
AUTHOR = {
    "GIT_AUTHOR_NAME": "Berta Brauer",
    "GIT_AUTHOR_EMAIL": "berta@brewlog.example",
    "GIT_COMMITTER_NAME": "Berta Brauer",
    "GIT_COMMITTER_EMAIL": "berta@brewlog.example",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_OPTIONAL_LOCKS": "0",
}


def git(folder: Path, *arguments: object) -> str:
    """What git says, in a folder of this world."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **AUTHOR}
    return call("git", "-C", folder, *arguments, env=env)


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


@dataclass
class World:
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
        self.served = {name: self.workspaces[name] / "public" for name in CHAIN}
        self.served["qa"] = self.folder / "served-qa"
        self.sites = {name: Site(self.served[name]) for name in CHAIN}

    # --- making it

    def build(self, ssh_config: Path) -> None:
        """Origin, a stale clone with work in it, three workspaces, three databases, three sites."""
        call("git", "init", "-q", "--bare", "-b", "trunk", self.origin)
        call("git", "clone", "-q", self.origin, self.author)
        git(self.author, "switch", "-q", "-c", "trunk")
        self.commit({"README": "brewlog\n"}, "start")
        self.commit({"build.py": "", "notes.txt": "1\n2\n"}, "a commit that the clone ends at")
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
        workspaces: Mapping[str, Path] | None = None,
        tls: str = "sslmode=verify-full&sslrootcert={ca}",
        password_in_file: bool = True,
        extra: str = "",
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
                workspace=json.dumps(str((workspaces or {}).get(name, self.workspaces[name]))),
            )
            self._env_file(name, tls, password_in_file=password_in_file)
        (self.env_dir / "pipeline.toml").write_text(text + extra)

    def _env_file(self, name: str, tls: str, *, password_in_file: bool) -> None:
        password = PASSWORDS[name]
        inline = f":{quote(password, safe='')}" if name == "live" else ""
        query = tls.format(ca=self.folder / "tls" / "ca.crt", other=self.folder / "tls/other.crt")
        values = {
            "DATABASE_URL": f"postgresql://brew_{name}{inline}@localhost:{self.port}/brew_{name}?{query}",
            "BREW_NAME": f"Brewlog {name}",
            **PLANTED,
        }
        if not inline and password_in_file:
            values["DATABASE_PASSWORD"] = password
        marks = {key: "'" if '"' in value else '"' for key, value in values.items()}
        file = self.env_dir / f".env.{name}"
        file.touch(mode=0o600)
        file.write_text("".join(f"{k}={marks[k]}{v}{marks[k]}\n" for k, v in values.items()))

    # --- working in it

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
            while not over.wait(0.02):
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
        before = stamp_of(self.workspaces[name] / "public")

        def press() -> None:
            while not over.wait(0.05):
                built = stamp_of(self.workspaces[name] / "public")
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
        shutil.copytree(self.workspaces[name] / "public", self.served[name], dirs_exist_ok=True)

    # --- looking at it, without the desk

    def refs(self) -> dict[str, str]:
        """All refs of the origin."""
        lines = git(self.origin, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split() for line in lines)

    def sql(self, name: str, query: str) -> str:
        """What the environment's own role reads."""
        return psql(self.folder, self.port, f"brew_{name}", f"brew_{name}", PASSWORDS[name], query)

    def history(self, name: str) -> list[str]:
        """The versions in the database's history; empty where it has none."""
        there = self.sql(name, "select to_regclass('supabase_migrations.schema_migrations')")
        query = "select version from supabase_migrations.schema_migrations order by version"
        return self.sql(name, query).splitlines() if there else []

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


def tree(folder: Path) -> dict[str, str | None]:
    """Every file of a working tree, by its digest."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(folder)): digest(path) for path in files}


def digest(path: Path) -> str | None:
    """The file's digest; None when it is not there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def stamp_of(folder: Path) -> str:
    """The text of a version stamp; empty while there is none."""
    try:
        return (folder / "version.json").read_text()
    except OSError:
        return ""


def exposed() -> set[str]:
    """Processes that show a secret in their arguments, or were given one without need of it."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        line = arguments.replace(b"\0", b" ").decode(errors="replace")
        if any(each in arguments for each in DISGUISES):
            found.add(f"argument: {line}")
        program = Path(line.split(" ")[0]).name
        entitled = program.startswith(("python", "supabase", "psql"))
        if not entitled and any(each in environment for each in DISGUISES):
            found.add(f"environment: {line}")
    return found
