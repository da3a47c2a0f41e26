"""A whole world, for real: up, up again, broken off, down; and what is left, which is nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.errors import Refused
from scripts.sandbox import world as sandbox_world
from scripts.sandbox.world import World
from scripts.system import daemon
from tests.support import skips

ROOT = Path(__file__).resolve().parents[2]
APP = """
import http.server, os
os.chdir("public")
address = (os.environ["HOST"], int(os.environ["PORT"]))
http.server.ThreadingHTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""
REPLIT = """
[deployment]
run = ["python3", "app.py"]
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny stand-in for the sample app; it needs no packages."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "public").mkdir()
    (folder / "public" / "version.json").write_text('{"commit": "none"}')
    (folder / "app.py").write_text(APP)
    (folder / ".replit").write_text(REPLIT)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "left_out").touch()
    return folder


@pytest.fixture(scope="module")
def world(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world") / "with a blank"
    try:
        yield sandbox_world.up(folder, on_step=lambda _: None, app=app)
    finally:
        sandbox_world.down(folder, on_step=lambda _: None)


def processes(folder: Path) -> list[str]:
    """The command lines that speak of the folder, and what stands in it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_text(errors="replace").replace("\0", " ")
            here = (path / "cwd").readlink().is_relative_to(folder)
        except OSError:
            continue
        if (str(folder) in line or here) and int(path.name) != os.getpid():
            found.append(line)
    return found


def git(folder: Path, *arguments: str) -> str:
    argv = ["git", "-C", str(folder), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def ssh(world: World, alias: str, command: str) -> subprocess.CompletedProcess[str]:
    argv = ["ssh", "-F", str(world.ssh_config), alias, command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)


def test_postgres_may_restore_what_the_databases_of_environments_grant(world: World) -> None:
    """They are copies of the template; with default privileges of another role there is no backup."""
    roles = "select distinct defaclrole::regrole::text from pg_default_acl"
    for environment in world.environments:
        with world.postgres.connect(environment.database) as admin:
            assert admin.execute(roles).fetchall() == [("postgres",)]


def test_it_describes_itself(world: World) -> None:
    said = world.describe()
    assert set(said) == {"dir", "env_dir", "origin", "clone", "inbox", "environments", "previews"}
    assert said["dir"] == str(world.folder)
    environments = said["environments"]
    assert isinstance(environments, dict)
    assert list(environments) == ["development", "staging", "production"]
    assert sandbox_world.load(world.folder) == world


def test_what_holds_secrets_is_private(world: World) -> None:
    assert world.folder.stat().st_mode & 0o777 == 0o700
    secret = [world.password, world.admin_password]
    for each in world.environments:
        secret += [each.mcp_token, *each.secrets.values()]
    for path in world.folder.rglob("*"):
        if path.is_file() and not path.is_relative_to(world.folder / "postgres"):
            text = path.read_text(errors="replace")
            if any(value in text for value in secret):
                assert path.stat().st_mode & 0o077 == 0, path
            assert path.suffix != ".log" or not any(value in text for value in secret)
    lines = " ".join(processes(world.folder))
    assert not any(value in lines for value in secret)


def test_the_three_databases_answer(world: World) -> None:
    for each in world.environments:
        with psycopg.connect(each.database_url) as session:
            assert session.execute("select current_database()").fetchone() == (each.database,)


def test_the_branches_stand_at_one_commit(world: World) -> None:
    commits = {git(world.origin, "rev-parse", each.branch) for each in world.environments}
    assert commits == {git(world.clone, "rev-parse", "HEAD")}
    assert git(world.clone, "rev-parse", "--abbrev-ref", "HEAD") == "develop"
    assert git(world.clone, "config", "user.email") == "ada@airhost.example"
    assert git(world.clone, "ls-files") == ".replit\napp.py\npublic/version.json"


def test_ssh_reaches_each_workspace_at_its_branch(world: World) -> None:
    for each in world.environments:
        command = "cd workspace && git rev-parse --abbrev-ref HEAD && echo $REPL_ID"
        done = ssh(world, each.alias, command)
        assert done.stdout.split() == [each.branch, each.repl_id], done.stderr


def test_up_twice_changes_nothing(world: World, app: Path) -> None:
    pids = {each.alias: daemon.running(each.host / "pid") for each in world.environments}
    commit = git(world.clone, "rev-parse", "HEAD")
    assert sandbox_world.up(world.folder, on_step=lambda _: None, app=app) == world
    assert pids == {each.alias: daemon.running(each.host / "pid") for each in world.environments}
    assert git(world.clone, "rev-parse", "HEAD") == commit


def test_up_brings_back_what_was_killed(world: World, app: Path) -> None:
    each = world.environment("staging")
    pid = daemon.running(each.host / "pid")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    world.postgres.stop()
    sandbox_world.up(world.folder, on_step=lambda _: None, app=app)
    assert ssh(world, each.alias, "true").returncode == 0
    with psycopg.connect(each.database_url) as session:
        assert session.execute("select 1").fetchone() == (1,)


def test_a_port_that_was_taken_meanwhile_is_named(world: World, app: Path) -> None:
    each = world.environment("staging")
    daemon.stop(each.host / "pid")
    taken = pytest.raises(Refused, match=f"port {each.port}.*airhost-staging")
    with socket.create_server(("127.0.0.1", each.port)), taken:
        sandbox_world.up(world.folder, on_step=lambda _: None, app=app)
    sandbox_world.up(world.folder, on_step=lambda _: None, app=app)


@skips.LONG
def test_two_ups_at_once_make_one_world(tmp_path: Path, app: Path) -> None:
    folder = tmp_path / "world"
    made: list[World] = []

    def make() -> None:
        made.append(sandbox_world.up(folder, on_step=lambda _: None, app=app))

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len(made) == 2
        assert made[0] == made[1]
    finally:
        sandbox_world.down(folder, on_step=lambda _: None)


def begin(folder: Path, app: Path) -> subprocess.Popen[bytes]:
    """`up` in a process of its own, so that it can be killed."""
    code = (
        "import sys, pathlib; from scripts.sandbox import world;"
        "world.up(pathlib.Path(sys.argv[1]), on_step=print, app=pathlib.Path(sys.argv[2]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(app)], cwd=ROOT, stdout=subprocess.DEVNULL
    )


@skips.LONG
@pytest.mark.parametrize("after", [0.35, 0.7, 1.2, 1.8])
def test_an_up_that_was_killed_is_completed_or_removed(tmp_path: Path, app: Path, after: float) -> None:
    folder = tmp_path / "world"
    killed = begin(folder, app)
    time.sleep(after)
    killed.kill()
    killed.wait()
    try:
        world = sandbox_world.up(folder, on_step=lambda _: None, app=app)
        for each in world.environments:
            assert ssh(world, each.alias, "test -d workspace/.git").returncode == 0
    finally:
        sandbox_world.down(folder, on_step=lambda _: None)
    assert processes(folder) == []
    half = begin(folder, app)
    time.sleep(after)
    half.kill()
    half.wait()
    sandbox_world.down(folder, on_step=lambda _: None)
    assert processes(folder) == []
    assert not folder.exists()


@skips.LONG
def test_what_a_killed_up_began_and_did_not_write_down_is_no_obstacle(tmp_path: Path, app: Path) -> None:
    """A host, a stand-in and PostgreSQL run, and no pid file knows them."""
    folder = tmp_path / "world"
    sandbox_world.up(folder, on_step=lambda _: None, app=app)
    try:
        world = sandbox_world.load(folder)
        assert world is not None
        files = [
            world.environment("staging").host / "pid",
            world.inbox / "pid",
            world.postgres.folder / "pid",
        ]
        for each in files:
            each.unlink()
        again = sandbox_world.up(folder, on_step=lambda _: None, app=app)
        assert all(daemon.running(each) for each in files)
        assert ssh(again, again.environment("staging").alias, "true").returncode == 0
    finally:
        sandbox_world.down(folder, on_step=lambda _: None)
    assert processes(folder) == []


def test_down_leaves_no_process_and_no_file(tmp_path: Path, app: Path) -> None:
    folder = tmp_path / "world"
    world = sandbox_world.up(folder, on_step=lambda _: None, app=app)
    staging, production = world.environment("staging"), world.environment("production")
    # Whatever may be running: a remote command, a stray that left its group, an orphaned app.
    remote = subprocess.Popen(["ssh", "-F", str(world.ssh_config), staging.alias, "sleep 100"])
    ssh(world, production.alias, "setsid nohup sleep 100 >/dev/null 2>&1 < /dev/null & sleep 0.2")
    host = daemon.running(production.host / "pid")
    assert host is not None
    os.kill(host, signal.SIGKILL)
    assert processes(folder) != []
    sandbox_world.down(folder, on_step=lambda _: None)
    remote.wait(10)
    assert processes(folder) == []
    assert list(tmp_path.iterdir()) == []
