"""What `brewlog` is made of: its files, its configuration, its secrets, and what looks for them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.integration.foreign_servers import call

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
recipes = pathlib.Path("../recipes.txt").read_text()
(folder / "index.html").write_text(f"<h1>{name}</h1><pre>{recipes}</pre>{secret}")
print("built")
"""
MIGRATIONS = {
    "001_beers.sql": "create table beers (id bigint primary key, name text not null);\n",
    "002_style.sql": "-- every beer has one\nalter table beers add column style text;\n",
    "003_first.sql": "insert into beers values (1, 'Alt; dark', 'ale'); create index on beers (name);\n",
}
APP = {
    "site/build.py": BUILD,
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
folder = "site"
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
