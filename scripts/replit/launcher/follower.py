"""Looks at the remote, makes what is wanted ready, and has it live; what is proven goes on meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from scripts.replit.launcher.config import Config
from scripts.replit.launcher.files import Backoff, Journal, State, free_bytes, masked, utc_now
from scripts.replit.launcher.instance import Instance, StartFailed
from scripts.replit.launcher.prepare import LEAST_FREE, PrepareFailed, Releases
from scripts.replit.launcher.remote import Remote, RemoteProblem, Wanted, write_key
from scripts.replit.launcher.scan import secret_values
from scripts.replit.launcher.status import HEAD_BYTES, StatusServer
from scripts.replit.launcher.switch import Switch

LOG_TAIL = 8_000  # characters of a failure's log
SILENCE = 30.0  # seconds without a live release, after which the launcher itself answers
SLOWEST_POLL = 60.0
AGAIN_SECONDS = 5.0  # what may fix itself; other failures wait until the commit is asked for anew


class Follower:
    """One environment's releases on this machine."""

    def __init__(self, config: Config, listening: socket.socket) -> None:
        self._config = config
        self._sockets = short_folder(config.state)
        self._journal = Journal(config.state)
        self._remote = Remote(config)
        self._releases = Releases(config, self._remote, self._journal)
        self._state = State(config.state / "state.json")
        self._switch = Switch(config, listening, self._sockets, self._journal)
        self._status = StatusServer(config.token, self.report, self._poke)
        self._instance = os.urandom(8).hex()
        self._poked = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._wanted = Wanted()
        self._seen: str | None = None
        self._problem: str | None = None
        self._step = "waiting"
        self._since = ""
        self._preparing: dict[str, str] = {}  # commit -> step
        self._failures: dict[str, dict[str, str]] = {}
        self._asked: dict[str, set[str]] = {}  # commit -> the refs by which it was asked for when it failed
        self._snapshot: str | None = None
        self._revivals = Backoff(0.02, 5)

    def report(self) -> dict[str, Any]:
        """The document of `/-/release`."""
        live = self._switch.live
        wanted = self._wanted.live
        alive = live.commit if live and live.is_alive else None
        ready = self._releases.ready()
        failed = self._failures.get(wanted or "") or next(reversed(self._failures.values()), None)
        prepared = dict.fromkeys(self._failures, "failed") | dict.fromkeys(ready, "ready") | self._preparing
        step = self._preparing.get(wanted or "", self._step)
        if step == "waiting":
            step = "failed" if wanted in self._failures else "serving" if alive else "waiting"
        return {
            "launcher": "1",
            "instance": self._instance,
            "environment": self._config.environment,
            "wanted": wanted,
            "live": alive,
            "since": self._since,
            "state": step,
            "prepared": prepared,
            "failed": failed,
            "warm": [each.commit for each in self._switch.warm],
            "kept": ready,
            "remote": {"seen": self._seen, "problem": self._problem},
            "disk": {"free": free_bytes(self._config.state)},
        }

    async def run(self) -> None:
        """Until SIGTERM."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        write_key(self._config)
        server = await asyncio.start_unix_server(
            self._status.serve, str(self._sockets / "status"), limit=HEAD_BYTES
        )
        self._snapshot = self._releases.snapshot()
        await self._start_proven()
        work = (self._look, self._make_ready, self._keep_live, self._speak_for_nothing)
        tasks = [asyncio.ensure_future(self._for_ever(each)) for each in work]
        await ended.wait()
        self._journal.say("asked to end")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.close()
        await self._switch.end()
        shutil.rmtree(self._sockets, ignore_errors=True)

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Nothing that goes wrong in one round may end the launcher."""
        pauses = Backoff(0.5, 30)
        while True:
            try:
                await work()
                pauses.reset()
            except Exception:  # noqa: BLE001, PERF203 - it is told, and tried again
                self._journal.say(traceback.format_exc())
                await asyncio.sleep(pauses.pause())

    # what was live before this process began -----------------------------------------------------

    async def _start_proven(self) -> bool:
        """Start the release that was live last, at once; the remote is asked afterwards."""
        for commit in list(self._state.proven):
            folder = self._folder_of(commit)
            if folder and await self._go_to(commit, folder):
                return True
        return False

    def _folder_of(self, commit: str) -> Path | None:
        """The folder from which a commit can be started now; None: it has to be made."""
        if self._releases.is_ready(commit):
            return self._releases.folder(commit)
        return self._config.home if commit == self._snapshot else None

    # the remote ----------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Ask the remote, again and again: at once when poked, seldom when it does not answer."""
        pauses = Backoff(self._config.poll_seconds, SLOWEST_POLL)
        while True:
            self._poked.clear()
            pause = self._config.poll_seconds
            try:
                wanted = await self._remote.look()
            except RemoteProblem as fault:
                if self._problem is None:
                    self._journal.say(f"the remote does not answer: {fault}")
                self._problem, pause = str(fault)[:1_000], pauses.pause()
                self._tell_of_change()
            else:
                pauses.reset()
                self._problem, self._seen = None, utc_now()
                self._take(wanted)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._poked.wait(), pause)

    def _take(self, wanted: Wanted) -> None:
        before, self._wanted = self._wanted, wanted
        if wanted.live != before.live and wanted.live:
            self._failures.pop(wanted.live, None)
            self._journal.say(f"wanted: {wanted.live}")
        for commit in list(self._failures):
            if self._refs_of(commit) - self._asked.get(commit, set()):
                self._failures.pop(commit)
        self._tell_of_change()

    def _refs_of(self, commit: str) -> set[str]:
        """The refs that ask for a commit; those of an artifact count, as it may have come late."""
        names = {name for name, its in self._wanted.candidates.items() if its == commit}
        own = self._wanted.artifacts.get(commit)
        return names | ({own} if own else set())

    def _poke(self) -> None:
        """Look at the remote now; what failed may be tried again."""
        self._failures.clear()
        self._poked.set()
        self._tell_of_change()

    # making ready --------------------------------------------------------------------------------

    async def _make_ready(self) -> None:
        """Make the wanted commit ready, then candidates; one at a time, and the wanted one first."""
        commit = self._next_to_make()
        if commit is None:
            await self._change()
            return
        work = asyncio.ensure_future(self._prepare(commit))
        try:
            while not work.done():
                await asyncio.wait({work, self._change()}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done() and self._is_superseded(commit):
                    self._journal.say(f"{commit[:12]} is not wanted any more: its build ends")
                    work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            work.cancel()
            self._preparing.pop(commit, None)
            self._tell_of_change()

    def _next_to_make(self) -> str | None:
        wanted = self._wanted
        asked = [*([wanted.live] if wanted.live else []), *wanted.candidates.values()]
        if self._config.build == "artifact":
            asked = [commit for commit in asked if commit == wanted.live or commit in wanted.artifacts]
        for commit in asked:
            if commit not in self._failures and self._folder_of(commit) is None:
                return commit
        return None

    def _is_superseded(self, commit: str) -> bool:
        wanted = self._wanted
        asked = commit == wanted.live or commit in wanted.candidates.values()
        return not asked or (commit != wanted.live and self._next_to_make() == wanted.live)

    async def _prepare(self, commit: str) -> None:
        self._preparing[commit] = "fetching"

        def tell(step: str) -> None:
            self._preparing[commit] = step
            self._tell_of_change()

        self._journal.say(f"making {commit[:12]} ready")
        try:
            await self._prune(commit, everything=free_bytes(self._config.state) < LEAST_FREE)
            await self._remote.tidy(self._wanted)
            await self._releases.prepare(commit, self._wanted, tell)
            self._journal.say(f"{commit[:12]} is ready")
        except PrepareFailed as fault:
            self._fail(commit, fault.step, fault.reason, fault.log)
            if fault.passes:
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._forgive, commit, fault.reason)

    def _fail(self, commit: str, step: str, reason: str, log: str) -> None:
        self._journal.say(f"{commit[:12]} failed ({step}): {reason}")
        secrets = {**secret_values(dict(os.environ)), **self._remote.secrets}
        self._failures.pop(commit, None)
        self._failures[commit] = {
            "commit": commit,
            "step": step,
            "reason": masked(reason, secrets)[:1_000],
            "log": masked(log, secrets)[-LOG_TAIL:],
        }
        while len(self._failures) > 20:
            self._failures.pop(next(iter(self._failures)))
        self._asked[commit] = self._refs_of(commit)

    def _forgive(self, commit: str, reason: str) -> None:
        if self._failures.get(commit, {}).get("reason") == reason:
            self._failures.pop(commit)
            self._tell_of_change()

    async def _prune(self, *also: str, everything: bool = False) -> None:
        live, wanted = self._switch.live, self._wanted
        keep = {
            *also,
            *wanted.candidates.values(),
            *self._preparing,
            wanted.live or "",
            live.commit if live else "",
        }
        keep |= {each.commit for each in self._switch.warm}
        await self._releases.prune(keep, [] if everything else self._state.proven)

    # having it live ------------------------------------------------------------------------------

    async def _keep_live(self) -> None:
        """Go to the wanted release when it is ready; start the live one again when it dies."""
        live, wanted = self._switch.live, self._wanted.live
        if live and not live.is_alive:
            await self._revive(live)
            return
        folder = self._folder_of(wanted) if wanted and self._is_wanted_next(live, wanted) else None
        if wanted and folder:
            if await self._go_to(wanted, folder):
                await self._prune()
            return
        snapshot = self._snapshot
        if live is None and snapshot and snapshot not in self._failures and self._is_without_hope():
            await self._go_to(snapshot, self._config.home)
            return
        ended: set[asyncio.Future[Any]] = {live.exited} if live and live.exited else set()
        await asyncio.wait({self._change(), *ended}, return_when=asyncio.FIRST_COMPLETED)

    def _is_without_hope(self) -> bool:
        """Whether what was published with the launcher is better than nothing."""
        wanted = self._wanted.live
        return self._problem is not None or (
            self._seen is not None and (not wanted or wanted in self._failures)
        )

    def _is_wanted_next(self, live: Instance | None, wanted: str | None) -> bool:
        is_live = live is not None and live.is_alive and live.commit == wanted
        return wanted is not None and not is_live and wanted not in self._failures

    async def _go_to(self, commit: str, folder: Path) -> bool:
        """Whether the release is live now. One that fails is remembered, and the one before goes on."""
        before = self._switch.live
        self._step = "starting"
        try:
            if before and before.commit != commit:
                self._releases.carry_assets(before.commit, folder)
            await self._switch.go_to(commit, folder)
        except StartFailed as fault:
            self._fail(commit, fault.step, fault.reason, fault.log)
            self._releases.forget(commit)
            return False
        finally:
            self._step = "waiting"
        self._since = utc_now()
        self._state.record(commit, self._config.keep)
        self._journal.say(f"live: {commit}")
        self._tell_of_change()
        return True

    async def _revive(self, dead: Instance) -> None:
        """The live release's process died: the same one again, with pauses that grow."""
        code = await dead.exited_code()
        self._journal.say(f"the process of {dead.commit[:12]} ended with {code}: it is started again")
        await dead.kill()
        while True:
            await asyncio.sleep(self._revivals.pause())
            folder = self._folder_of(dead.commit)
            if folder and await self._go_to(dead.commit, folder):
                self._failures.pop(dead.commit, None)
                return
            if folder is None:  # its files were damaged: it is made anew, and the one before has the port
                self._failures.pop(dead.commit, None)
                self._tell_of_change()
                if await self._start_proven():
                    return
            wanted = self._wanted.live
            other = self._folder_of(wanted) if wanted and wanted != dead.commit else None
            if wanted and other and wanted not in self._failures and await self._go_to(wanted, other):
                return

    async def _speak_for_nothing(self) -> None:
        """Where no release comes up for long, say so: the desk reads why."""
        loop, since = asyncio.get_running_loop(), 0.0
        while True:
            await asyncio.sleep(1)
            live = self._switch.live
            since = 0.0 if live and live.is_alive else since or loop.time()
            if since and loop.time() - since > SILENCE:
                await self._switch.answer_meanwhile(self._status.serve)

    def _tell_of_change(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def _change(self) -> asyncio.Future[None]:
        """Done as soon as something is new."""
        self._waiting.append(asyncio.get_running_loop().create_future())
        return self._waiting[-1]


async def prepare_once(config: Config) -> None:
    """Make the wanted release ready, for a machine that is published and has to start quickly.

    Raises:
        PrepareFailed, RemoteProblem: it can't be made.
    """
    write_key(config)
    remote = Remote(config)
    wanted = await remote.look()
    commit = wanted.live or wanted.branch
    releases = Releases(config, remote, Journal(config.state))
    if commit and not releases.is_ready(commit):
        await releases.prepare(commit, wanted, lambda _: None)


def short_folder(state: Path) -> Path:
    """A new folder for sockets, whose paths may be 100 bytes long; that of a launcher that died goes."""
    noted = state / "sockets"
    with contextlib.suppress(OSError):
        before = Path(noted.read_text("utf-8").strip())
        if before.parent == Path(tempfile.gettempdir()) and before.name.startswith("launcher-"):
            shutil.rmtree(before, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="launcher-"))
    with contextlib.suppress(OSError):
        noted.write_text(str(folder), "utf-8")
    return folder


def follow(config: Config, listening: socket.socket) -> None:
    """Run a follower to its end."""
    sys.setswitchinterval(0.001)
    asyncio.run(_follow(config, listening))


async def _follow(config: Config, listening: socket.socket) -> None:
    await Follower(config, listening).run()
