"""Make, complete, find and remove a world."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from scripts.errors import CommandFailed, Refused
from scripts.git.command import drop_git_variables
from scripts.sandbox import (
    desk_files,
    gateway,
    inbox,
    own_app,
    stand_in,
    world_code,
    world_facts,
    world_ssh,
)
from scripts.sandbox.own_app import OwnApp
from scripts.sandbox.world_facts import Environment, World
from scripts.system import daemon, leftovers, ports
from scripts.system.process import end_all

__all__ = ["Environment", "World", "down", "load", "up"]

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_APP = Path(__file__).with_name("sample_app")
LOCK = "lock"
READY_TIMEOUT = 40.0  # seconds for a host to listen
WORKERS = 8  # at least one for each job: a job may wait for another
PROGRAMS = {
    "git": "apt-get install git",
    "ssh": "apt-get install openssh-client",
    "node": "see https://nodejs.org/en/download (20 or later)",
    "npm": "see https://nodejs.org/en/download (it comes with Node)",
    "bash": "apt-get install bash",
}


def up(
    folder: Path,
    *,
    on_step: Callable[[str], None],
    app: Path = SAMPLE_APP,
    own: OwnApp | None = None,
    private: Sequence[str] = (),
    driver: str = "",
) -> World:
    """Make the world in `folder`, or complete what is there. Idempotent.

    Args:
        folder: made if missing; must be empty or a world.
        on_step: called in this thread with each part that is ready.
        app: the folder whose content becomes the first commit.
        own: a person's app, whose history takes the place of that.
        private: environments whose apps are locked up behind an access token.
        driver: one of `world_facts.DRIVERS`; "" for that of the world, or the usual.

    Raises:
        Refused: a program is missing, the folder holds other files, or a port is used by another program.
        CommandFailed: git, npm, PostgreSQL or a host failed.
        CommandTimedOut: npm took too long.
    """
    _require_programs()
    drop_git_variables()
    folder = folder.resolve()
    _refuse_foreign(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        world = _refuse_another(world_facts.read(folder) or _invented(folder, own, driver), driver)
        locked = [world.named(name) for name in private]
        own = own_app.same_app(folder, own)
        world = world_facts.with_inbox(world)
        world.save()
        leftovers.end_work(folder)
        _make(world, own or app, on_step)
        _ = [environment.host_config().make_private() for environment in locked]
        desk_files.write_desk_files(world)
    return world


def _refuse_another(world: World, driver: str) -> World:
    """The world, which stays with its drivers: the app's files depend on them."""
    if driver not in ("", world.driver):
        raise Refused(
            f"the sandbox in `{world.folder}` is released by {world.driver}", "name another folder: `--dir`"
        )
    return world


def _invented(folder: Path, own: OwnApp | None, driver: str) -> World:
    folder.chmod(0o711 if _must_be_passable() else 0o700)
    if own is None:
        return world_facts.invent(folder, driver=driver or "workspace")
    own.save(folder)
    return own_app.with_secrets(world_facts.invent(folder, own.branches), own)


def load(folder: Path) -> World | None:
    """The world in `folder`, which may be incomplete or stopped; None if there is none."""
    return world_facts.read(folder.resolve())


def down(folder: Path, *, on_step: Callable[[str], None]) -> None:
    """Stop everything that `up` started, and remove the folder, if it exists.

    Raises:
        Refused: the folder is not a sandbox.
    """
    folder = folder.resolve()
    if not folder.exists():
        return
    if world_facts.read(folder) is None:
        raise Refused(
            f"`{folder}` is not a sandbox (it has no `{world_facts.MARKER}`)",
            "name the folder that was given to `invoke sandbox.up`",
        )
    with _locked(folder):
        world = world_facts.read(folder)
        if world is None:
            return
        _stop(world)
        on_step("hosts, apps and PostgreSQL stopped")
        _remove(folder)
        on_step("folder removed")


def _make(world: World, app: Path | OwnApp, on_step: Callable[[str], None]) -> None:
    """Make the parts concurrently; the first error is raised after all have ended."""
    with ThreadPoolExecutor(WORKERS) as pool:
        databases = pool.submit(_databases, world)
        jobs = {databases: "PostgreSQL 17 with three databases"}
        keys = pool.submit(world_ssh.make_keys, world)
        jobs[keys] = "ssh keys and config"
        code = pool.submit(_code, world, app)
        jobs[code] = "git origin, clone and workspaces"
        messages = pool.submit(inbox.start, world.inbox, world.inbox_port, world.inbox_token)
        jobs[messages] = "inbox in place of Slack and Discord"
        if all(environment.api_port for environment in world.environments):
            jobs[pool.submit(_api, world, databases)] = "gateway in place of Supabase's"
        jobs[pool.submit(_packages, world, app, code, on_step)] = "packages in the clone"
        jobs |= _hosts(world, pool, (keys, code))
        fault: BaseException | None = None
        try:
            for job in as_completed(jobs):
                fault = fault or job.exception()
                if job.exception() is None:
                    on_step(jobs[job])
        except BaseException:  # Ctrl-C: don't wait for npm
            end_all()
            raise
    if fault is not None:
        raise fault


def _hosts(
    world: World, pool: ThreadPoolExecutor, before: tuple[Future[None], ...]
) -> dict[Future[None], str]:
    """Start every host, but for the slots that `ssh` starts when they are first needed."""
    jobs = {
        pool.submit(_host, environment, before): f"host {environment.alias} at {environment.url}"
        for environment in world.environments
    }
    return jobs | {
        pool.submit(open_slot, world, slot, before): f"host {slot.alias} at {slot.url}"
        for slot in world.slots
        if slot.launcher_token
    }


def _databases(world: World) -> None:
    server = world.postgres
    server.create()
    server.start()
    for environment in world.environments:
        server.create_database(environment.database)


def _api(world: World, databases: Future[None]) -> None:
    databases.result()
    projects = [
        {
            "port": environment.api_port,
            "database": environment.database,
            "jwt_secret": environment.jwt_secret,
            "ref": environment.project,
        }
        for environment in world.environments
    ]
    projects += [
        {
            "port": slot.api_port,
            "database": slot.database_url.rpartition("/")[2],
            "jwt_secret": slot.jwt_secret,
            "ref": slot.project,
        }
        for slot in world.slots
    ]
    postgres = {"port": world.postgres_port, "password": world.password}
    gateway.start(world.api, postgres, projects, world.access_token)


def _code(world: World, app: Path | OwnApp) -> None:
    if isinstance(app, OwnApp):
        world_code.make_origin_of(world, app)
    else:
        world_code.make_origin(world, app)
    world_code.make_clone(world)
    world_code.make_workspaces(world)


def _packages(world: World, app: Path | OwnApp, code: Future[None], on_step: Callable[[str], None]) -> None:
    """The sample app's packages install, or the sandbox is broken; another app may need fixing."""
    code.result()
    if not isinstance(app, OwnApp):
        world_code.install_packages(world)
        return
    if fault := world_code.install_packages_of(world, app):
        on_step(f"warning: {fault}")


def _host(environment: Environment, before: tuple[Future[None], ...]) -> None:
    """Start the host's daemon, and wait until its three servers listen."""
    for job in before:
        job.result()
    folder, pid_file = environment.host, environment.host / "pid"
    log = folder / "log"
    if daemon.running(pid_file) is None:
        argv = [sys.executable, "-m", "scripts.sandbox.host", str(folder)]
        leftovers.end_daemon(argv)
        for port in (environment.port, environment.ssh_port, environment.mcp_port):
            ports.require_free(port, f"host `{environment.alias}`")
        log.mkdir(exist_ok=True)
        (folder / "ready").unlink(missing_ok=True)
        environment.host_config().save()
        mark = {leftovers.WORLD: str(folder)}
        daemon.start(pid_file, argv, cwd=ROOT, env=mark, log=log / "host.log")
    deadline = time.monotonic() + READY_TIMEOUT
    while not (folder / "ready").exists():
        if daemon.running(pid_file) is None or time.monotonic() > deadline:
            lines = (log / "host.log").read_text(errors="replace").splitlines()[-8:]
            tail = "".join(f"\n  | {line}" for line in lines)
            raise CommandFailed(f"host `{environment.alias}` did not start{tail}")
        time.sleep(0.03)


def open_slot(world: World, slot: Environment, before: tuple[Future[None], ...] = ()) -> None:
    """Start the host of a slot, with a workspace if it has none yet."""
    for job in before:
        job.result()
    world_code.make_workspace(world, slot)
    _host(slot, ())


def _stop(world: World) -> None:
    """Stop the daemons, then what a dead host left. A living host ends its own apps."""
    with ThreadPoolExecutor() as pool:
        for environment in (*world.environments, *world.slots):
            pool.submit(daemon.stop, environment.host / "pid", grace=10.0)
        pool.submit(world.postgres.stop)
        pool.submit(stand_in.stop, world.inbox)
        pool.submit(stand_in.stop, world.api)
    for pid_file in (world.folder / "hosts").glob("*/running/*.pid"):
        daemon.stop(pid_file)
    leftovers.end_all(world.folder, (world.folder / "hosts", world.postgres.folder))
    for environment in (*world.environments, *world.slots):
        shutil.rmtree(environment.host_config().short, ignore_errors=True)


def _remove(folder: Path) -> None:
    """Remove the folder, the marker last: an interrupted `down` can be repeated."""
    last = {world_facts.MARKER, LOCK}
    for path in folder.iterdir():
        if path.name not in last:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name in (world_facts.MARKER, LOCK):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def _require_programs() -> None:
    missing = {name: how for name, how in PROGRAMS.items() if shutil.which(name) is None}
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise Refused(f"the sandbox needs {names}, not found on PATH", "; ".join(missing.values()))


def _must_be_passable() -> bool:
    """Whether PostgreSQL, which gives up root, needs folders that others may pass (`unprivileged`)."""
    return os.geteuid() == 0 and shutil.which("setpriv") is None


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and world_facts.read(folder) is None:
        names = {path.name for path in folder.iterdir()} - {LOCK}
        if any(not name.startswith(f".{world_facts.MARKER}") for name in names):
            raise Refused(
                f"`{folder}` is neither empty nor a sandbox",
                "name another folder with `--dir`, or empty this one",
            )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Allow one `up` or `down` at a time; after waiting for a folder that is gone, make it again."""
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                same = os.fstat(lock.fileno()).st_ino == (folder / LOCK).stat().st_ino
            except FileNotFoundError:
                same = False
            if same:
                yield
                return
