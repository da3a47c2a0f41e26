"""The desk's configuration for a world: what a team would write by hand for its own three apps."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scripts.config import supabase_cli
from scripts.database import supabase
from scripts.database.postgres.url import parse_database
from scripts.errors import Refused
from scripts.sandbox.world_facts import CHAIN, Environment, World
from scripts.system import leftovers
from scripts.system.command import Command
from scripts.system.process import attempt, run

HEAD = """\
# The sandbox's own configuration; every key is explained in the shipped `env/pipeline.toml`.
chain = ["development", "staging", "production"]

[app]
name = "airhost"
repository = {clone}
build_variables = ["VITE_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY", "VITE_ENVIRONMENT", "VITE_SITE_URL"]

[verify]
timeout = 20
interval = 0.5
request_timeout = 3

[lock]
heartbeat = 1
ttl = 5
wait = 120

[drill]
file = "server/home.js"
text = "export function home() {{ throw new Error('broken on purpose by a drill'); }}"

[notices]
budget = 3

[e2e]
min_tests = 10
min_smoke_tests = 4
timeout = 120
variables = ["WHATSAPP_VERIFY_TOKEN"]

[load]
think = 0.3

[load.mix]
browse = 50
search = 30
book = 10
whatsapp = 10
"""

ENVIRONMENT = """
[environment.{name}]
aliases = [{alias}]
branch = {branch}
url = {url}
guarded = {guarded}
ssh_host = {host}
ssh_config = "ssh_config"
workspace = {workspace}
publish = "mcp"
repl_id = {repl_id}
mcp_url = {mcp_url}
"""
LOAD = """
[environment.{name}.load]
writes = true
"""

ROOT = Path(__file__).resolve().parents[2]
ALIASES = {"development": "dev", "staging": "stage", "production": "prod"}


def write_desk_files(world: World) -> None:
    """Write `pipeline.toml` and a `.env` file per environment (0600) into the world's `env/`."""
    world.env_dir.mkdir(exist_ok=True)
    tables = [_table(each) for each in world.environments]
    text = "".join([HEAD.format(clone=_quoted(world.clone)), *tables])
    (world.env_dir / "pipeline.toml").write_text(text)
    if not (world.env_dir / "masking.toml").exists():  # somebody may be trying rules in it
        (world.env_dir / "masking.toml").write_text((ROOT / "env" / "masking.toml").read_text())
    for each in world.environments:
        _write_private(world.env_dir / f".env.{each.name}", _values(world, each))


def _table(environment: Environment) -> str:
    text = ENVIRONMENT if environment.name == "production" else ENVIRONMENT + LOAD
    return text.format(
        name=environment.name,
        alias=_quoted(ALIASES[environment.name]),
        branch=_quoted(environment.branch),
        url=_quoted(environment.url),
        guarded=_quoted(environment.name == "production"),
        host=_quoted(environment.alias),
        workspace=_quoted(environment.workspace),
        repl_id=_quoted(environment.repl_id),
        mcp_url=_quoted(environment.mcp_url),
    )


def _values(world: World, environment: Environment) -> str:
    address = f"postgresql://postgres@127.0.0.1:{world.postgres_port}/{environment.database}"
    values = {
        "VITE_SUPABASE_URL": environment.api_url,
        "VITE_SUPABASE_ANON_KEY": environment.anon_key,
        "VITE_ENVIRONMENT": environment.name,
        "VITE_SITE_URL": environment.url,
        **{key: value for key, value in environment.secrets.items() if key != "DATABASE_URL"},
        "DATABASE_URL": address,
        "DATABASE_PASSWORD": world.password,
        "REPLIT_MCP_TOKEN": environment.mcp_token,
        "SLACK_WEBHOOK_URL": world.webhook("slack", environment.name),
        "DISCORD_WEBHOOK_URL": world.webhook("discord", environment.name),
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _quoted(value: object) -> str:
    """A TOML value: its basic strings and booleans are those of JSON."""
    return json.dumps(str(value) if isinstance(value, Path) else value)


def _write_private(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.part")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    beside.write_text(text)
    beside.replace(path)


# Production gets a believable amount of data: made by the server, so 100 MB are a matter of seconds.


SQL = Path(__file__).with_name("seed.sql")
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(kB|MB|GB)", re.IGNORECASE)
UNITS = {"kb": 1e3, "mb": 1e6, "gb": 1e9}
PER_BOOKING = 671  # bytes on the disk, with indexes, and all that comes with a booking (measured)
LARGEST = 20e9
MEASURE = """select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('public', 'auth')"""


def size_of(text: str) -> float:
    """Bytes of `100MB`, `1.5 GB`, `500kB`.

    Raises:
        Refused: it is no size, or more than a sandbox should hold.
    """
    found = SIZE.fullmatch(text.strip())
    size = float(found[1]) * UNITS[found[2].lower()] if found else 0
    if not 0 < size <= LARGEST:
        raise Refused(f"`{text}` is no size for a sandbox", "invoke sandbox.up --seed 100MB")
    return size


def plant(world: World, size: float, on_step: Callable[[str], None]) -> int:
    """Bring the sample app's migrations to production, and rows up to about that many bytes; returns them.

    Twice is harmless: rows have the same ids each time.

    Raises:
        CommandFailed: the migrations can't be applied.
    """
    import psycopg

    production = world.environments[-1]
    with psycopg.connect(production.database_url, autocommit=True) as connection:
        row = connection.execute("select to_regclass('public.bookings') is null").fetchone()
        if row and row[0]:
            _migrate(world, production.database_url)
            on_step("migrations of the sample app on production")
        rows = max(1, int(size / PER_BOOKING))
        with connection.transaction():
            connection.execute(SQL.read_text().replace("{rows}", str(rows)).encode())
        connection.execute("analyze")
        found = connection.execute(MEASURE).fetchone()
    made = int(found[0]) if found else 0
    on_step(f"production holds {made / 1e6:.1f} MB in {rows} bookings, as many messages, and their hosts")
    return made


def _migrate(world: World, url: str) -> None:
    folder = world.clone / "supabase" / "migrations"
    files = {each.name: each.read_text() for each in folder.glob("*.sql")}
    binary = supabase_cli.find(world.clone, "")
    database = parse_database(url, None, where="the sandbox", folder=world.folder)
    with supabase.opened(binary, files) as cli:
        supabase_cli.answer(attempt(cli.db_push(database, 300, 5)), "supabase db push")


# The code of a world: the bare origin, the developer's clone, the hosts' workspaces.
#
# Each is made beside and renamed, so what exists is whole and an interrupted `up` can be repeated.


NAME, EMAIL = "Ada Sandbox", "ada@airhost.example"
MAIN: Final = "main"
# Nobody's own git settings (signing, hooks, templates) shall change what a world is.
GIT_ENV: Final = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": NAME,
    "GIT_AUTHOR_EMAIL": EMAIL,
    "GIT_COMMITTER_NAME": NAME,
    "GIT_COMMITTER_EMAIL": EMAIL,
}


def make_origin(world: World, app: Path) -> None:
    """A bare repository whose three branches stand at one commit: the app.

    Raises:
        CommandFailed: git failed.
    """
    if world.origin.exists():
        return
    seed, bare = _fresh(world.folder / ".seed"), _fresh(world.folder / ".origin")
    left_out = shutil.ignore_patterns("node_modules", "dist", ".git", ".env", ".vite")
    shutil.copytree(app, seed, symlinks=True, ignore=left_out)
    branches = [branch for _, _, branch in CHAIN]
    _git(world, seed, "init", "--quiet", "--initial-branch", branches[0])
    _git(world, seed, "add", "--all")
    _git(world, seed, "commit", "--quiet", "--message", "Airhost sample app")
    _git(world, world.folder, "init", "--quiet", "--bare", "--initial-branch", MAIN, str(bare))
    _git(world, bare, "config", "receive.denyNonFastForwards", "true")
    refs = [f"HEAD:refs/heads/{branch}" for branch in branches]
    _git(world, seed, "push", "--quiet", str(bare), *refs)
    bare.rename(world.origin)
    shutil.rmtree(seed)


def make_clone(world: World) -> None:
    """The developer's checkout of `develop`, with an author of its own."""
    if world.clone.exists():
        return
    beside = _fresh(world.folder / ".clone")
    _git(
        world,
        world.folder,
        "clone",
        "--quiet",
        "--branch",
        "develop",
        str(world.origin),
        str(beside),
    )
    _git(world, beside, "config", "user.name", NAME)
    _git(world, beside, "config", "user.email", EMAIL)
    beside.rename(world.clone)


def make_workspaces(world: World) -> None:
    """A checkout of its branch for each host; `node_modules` is the release's business."""
    for each in world.environments:
        if each.workspace.exists():
            continue
        each.host.mkdir(parents=True, exist_ok=True)
        beside = _fresh(each.host / ".workspace")
        argv = ("clone", "--quiet", "--branch", each.branch, str(world.origin), str(beside))
        _git(world, world.folder, *argv)
        beside.rename(each.workspace)


def install_packages(world: World) -> bool:
    """`npm ci` in the clone (it brings the Supabase CLI); False if there was nothing to do.

    Raises:
        CommandFailed: npm failed, its last words say why.
        CommandTimedOut: ten minutes were not enough.
    """
    # npm writes this file at the very end.
    done = world.clone / "node_modules" / ".package-lock.json"
    if done.exists() or not (world.clone / "package-lock.json").exists():
        return False
    env = {
        leftovers.WORK: str(world.folder),
        "npm_config_cache": str(world.npm_cache),
        "npm_config_logs_max": "0",
        "npm_config_update_notifier": "false",
    }
    argv = ("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline")
    run(Command(argv, cwd=world.clone, env=env, timeout=600))
    return True


def _git(world: World, folder: Path, *arguments: str) -> None:
    env = {**GIT_ENV, leftovers.WORK: str(world.folder)}
    run(Command(("git", *arguments), cwd=folder, env=env, timeout=120))


def _fresh(path: Path) -> Path:
    """The path, with whatever an interrupted `up` left there removed."""
    if path.exists():
        shutil.rmtree(path)
    return path
