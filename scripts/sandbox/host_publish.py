"""Publish, as a stand-in: snapshot the workspace, build, start the app, switch to it.

A snapshot holds uncommitted and untracked files, as on Replit, but no `.git`. A step that fails changes
nothing. As on Replit (as far as its documents tell) there is no health check: an app that listens and
answers 500 does go live.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.sandbox.host_config import write_private
from scripts.system import daemon, ports
from scripts.system.secret import redact, remember

if TYPE_CHECKING:
    from scripts.sandbox.host_config import HostConfig
    from scripts.sandbox.host_public import PublicDoor


STATIC_SITE = Path(__file__).with_name("static_site.py")
KEPT = 3  # snapshots
TAIL = 20  # lines of a failed build in its status


class PublishFailed(Exception):
    """A publish failed at `stage`; what was live stays live."""

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(message)
        self.stage = stage
        self.message = message


@dataclass(frozen=True)
class Step:
    """A command of `.replit`: its argv, and variables that it adds to the environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def take_snapshot(workspace: Path, target: Path) -> None:
    """Copy the workspace; files of `node_modules` are hard-linked, since nothing edits them in place.

    Raises:
        OSError, shutil.Error: a file can't be read, or the disk is full.
    """
    shutil.copytree(
        workspace,
        target,
        symlinks=True,
        copy_function=_copy,
        ignore=lambda folder, _: {".git"} if Path(folder) == workspace else set(),
    )


def _copy(source: str, target: str) -> str:
    if "/node_modules/" not in source:
        return shutil.copy2(source, target)
    os.link(source, target, follow_symlinks=False)
    return target


def steps(folder: Path) -> tuple[Step | None, Step]:
    """The build (None: none wanted) and run commands of `.replit`'s `[deployment]`, which may be static.

    Raises:
        PublishFailed: there is no `.replit`, it is no TOML, or it says nothing to run.
    """
    try:
        deployment = tomllib.loads((folder / ".replit").read_text()).get("deployment", {})
        build, run = deployment.get("build"), deployment.get("run")
        if deployment.get("deploymentTarget") == "static" and deployment.get("publicDir"):
            return (_step(build) if build else None), _static(folder, deployment)
        if not run:
            raise PublishFailed("Provision", "`.replit` names no [deployment] run command")
        return (_step(build) if build else None), _step(run)
    except FileNotFoundError:
        raise PublishFailed("Provision", "the workspace has no `.replit`") from None
    except (tomllib.TOMLDecodeError, AttributeError, KeyError, TypeError) as fault:
        raise PublishFailed("Provision", f"`.replit` can't be read: {fault}") from None


def _static(folder: Path, deployment: dict[str, Any]) -> Step:
    """What serves the files of a static deployment: `publicDir`, and `[[deployment.rewrites]]`."""
    rules = [f"{rule['from']}={rule['to']}" for rule in deployment.get("rewrites", [])]
    return Step((sys.executable, str(STATIC_SITE), str(folder / deployment["publicDir"]), *rules))


def _step(value: str | list[str] | dict[str, object]) -> Step:
    """A string is a line for bash, a list is argv, a table is `{args, env}`."""
    if isinstance(value, dict):
        args, env = value["args"], value.get("env", {})
        if not isinstance(args, str | list) or not isinstance(env, dict):
            raise TypeError("a command's table is {args, env}")
        return Step(_step(args).argv, {str(key): str(value) for key, value in env.items()})
    argv = ("bash", "-c", value) if isinstance(value, str) else tuple(map(str, value))
    return Step(argv)


def numbers(published: Path) -> list[int]:
    """The numbers of the snapshots, oldest first."""
    return sorted(int(path.name) for path in published.iterdir() if path.name.isdecimal())


def prune(published: Path, current: int | None) -> None:
    """Delete snapshots except the current and the newest, `KEPT` in all."""
    others = [number for number in numbers(published) if number != current]
    for number in others[: -(KEPT - 1)]:
        shutil.rmtree(published / str(number), ignore_errors=True)


class Publisher:
    """Publishes, one at a time; a publish asked for meanwhile follows."""

    def __init__(self, config: HostConfig, door: PublicDoor) -> None:
        self._config = config
        self._door = door
        self._record = config.folder / "published.json"
        self._current: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._tidying: set[asyncio.Task[None]] = set()
        self._again = False
        self._hanging = False
        self._stage = "Provision"
        self._ending = ("unpublished", "nothing was published yet")
        for value in config.secrets.values():
            remember(value)

    def status(self) -> dict[str, str]:
        """`{"replId", "status", "url", "stage", "message"}`; see `host_mcp` for the values."""
        state, message = self._ending
        if self._task is not None:
            state, message = "publishing", f"stage: {self._stage}"
        return {
            "replId": self._config.repl_id,
            "status": state,
            "url": self._config.url,
            "stage": self._stage,
            "message": message,
        }

    def publish(self, fault: str | None) -> dict[str, str]:
        """Start a publish and return at once; if one is running, the new one follows it."""
        access = self._config.access()
        if access and access.ends:
            self._config.make_private(ends=True)
        if self._task is not None and self._hanging:
            self._task.cancel()
            self._task = None
        if self._task is not None:
            self._again = True
        else:
            self._stage, self._hanging = "Provision", fault == "hangs"
            self._task = asyncio.create_task(self._publish(fault))
        return {"replId": self._config.repl_id, "status": "publishing"}

    async def resume(self) -> None:
        """After a restart of the host: end orphans, then start the app that was published last."""
        for pid_file in list(self._config.running.glob("*.pid")):
            await asyncio.to_thread(daemon.stop, pid_file)
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
            self._current = int(json.loads(self._record.read_bytes())["current"])
        if self._current is None:
            return
        try:
            _, run = steps(self._config.published / str(self._current))
            self._door.target = await self._start(self._current, run)
            self._ending = ("published", "started again")
            self._stage = "Promote"
        except PublishFailed as fault:
            self._ending = ("failed", fault.message)

    async def stop(self) -> None:
        """End the app, a build, and every ssh command."""
        for task in (self._task, *self._tidying):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        pid_files = list(self._config.running.glob("*.pid"))
        await asyncio.gather(*(asyncio.to_thread(daemon.stop, file) for file in pid_files))

    async def _publish(self, fault: str | None) -> None:
        try:
            await self._play(fault)
            self._ending = ("published", "live")
        except PublishFailed as end:
            self._stage, self._ending = end.stage, ("failed", end.message)
        except (OSError, shutil.Error) as end:
            self._ending = ("failed", f"the stand-in itself failed: {end}")
        self._task = None
        if self._again:
            self._again = False
            self.publish(self._config.faults().get("publish"))

    async def _play(self, fault: str | None) -> None:
        if fault == "hangs":
            await asyncio.Event().wait()
        if fault == "fails":
            raise PublishFailed("Build", "the build failed (a fault that the sandbox plays)")
        if fault == "lost":
            self._stage = "Promote"
            return
        number = max(numbers(self._config.published), default=0) + 1
        try:
            await self._make(number)
        except BaseException:
            # an incomplete snapshot is useless; the old one is untouched
            shutil.rmtree(self._config.published / str(number), ignore_errors=True)
            raise

    async def _make(self, number: int) -> None:
        config = self._config
        folder = config.published / str(number)
        await asyncio.to_thread(take_snapshot, config.workspace, folder)
        build, run = steps(folder)
        self._stage = "Security Scan"
        self._stage = "Build"
        if build is not None:
            await self._build(number, build)
        self._stage = "Bundle"
        target = await self._start(number, run)
        self._stage = "Promote"
        write_private(self._record, {"current": number, "at": time.time()})
        before, former = self._current, self._door.target
        self._current, self._door.target = number, target
        tidying = asyncio.create_task(self._tidy(before, former))
        self._tidying.add(tidying)  # the loop keeps only weak references to tasks
        tidying.add_done_callback(self._tidying.discard)

    async def _build(self, number: int, step: Step) -> None:
        config = self._config
        pid_file = config.running / f"build-{number}.pid"
        folder = config.published / str(number)
        try:
            child = await daemon.start_piped(pid_file, step.argv, cwd=folder, env=self._environ(step.env))
        except OSError as fault:
            raise PublishFailed("Build", f"can't run `{step.argv[0]}`: {fault.strerror}") from None
        try:
            out, err = await asyncio.wait_for(child.communicate(), config.build_limit)
        except TimeoutError:
            raise PublishFailed("Build", f"took longer than {config.build_limit:g} s") from None
        finally:
            if child.returncode is None:
                await asyncio.to_thread(daemon.stop, pid_file)
            pid_file.unlink(missing_ok=True)
        output = redact((out + err).decode(errors="replace"))
        (config.folder / "log" / f"build-{number}.log").write_text(output)
        if child.returncode:
            tail = "\n".join(output.splitlines()[-TAIL:])
            raise PublishFailed("Build", f"the build ended with {child.returncode}\n{tail}")

    async def _start(self, number: int, step: Step) -> int:
        """Start the app on a private port, wait until it listens, and return the port."""
        (port,) = ports.find_free(1)
        log = self._config.folder / "log" / f"app-{number}.log"
        pid_file = self._pid_file(number)
        env = self._environ({**step.env, "PORT": str(port), "HOST": "127.0.0.1"})
        folder = self._config.published / str(number)
        try:
            daemon.start(pid_file, step.argv, cwd=folder, env=env, log=log)
        except OSError as fault:
            raise PublishFailed("Promote", f"can't start the app: {fault}") from None
        deadline = time.monotonic() + self._config.listen_limit
        while time.monotonic() < deadline and daemon.running(pid_file):
            if await _listens(port):
                return port
            await asyncio.sleep(0.03)
        why = "did not listen in time" if daemon.running(pid_file) else "ended at once"
        await asyncio.to_thread(daemon.stop, pid_file)
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
        raise PublishFailed("Promote", redact(f"the app {why}\n{tail}"))

    async def _tidy(self, number: int | None, target: int | None) -> None:
        """After a switch: drain and end the former app, delete old snapshots."""
        if target is not None:
            await self._door.drain(target)
        if number is not None:
            await asyncio.to_thread(daemon.stop, self._pid_file(number))
        await asyncio.to_thread(prune, self._config.published, self._current)

    def _pid_file(self, number: int) -> Path:
        return self._config.running / f"app-{number}.pid"

    def _environ(self, extra: Mapping[str, str]) -> dict[str, str]:
        published = {"REPLIT_DEPLOYMENT": "1", "REPLIT_DOMAINS": f"127.0.0.1:{self._config.port}"}
        return {**self._config.environ(), **published, **extra}


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
