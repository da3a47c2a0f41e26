"""Which release has the port: the start beside the other, the moment of the change, what stays warm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from scripts.replit.launcher.config import Config
from scripts.replit.launcher.files import Journal, free_memory
from scripts.replit.launcher.instance import Instance, StartFailed

MOST_ENDING = 2  # releases that finish at the same time; a third has to end at once
LEAST_MEMORY = 96_000_000  # bytes that must be free for a release to stay warm


class Switch:
    """The port, the release that has it, and those that are warm.

    Args:
        listening: the shared socket; it outlives every release and this process.
    """

    def __init__(self, config: Config, listening: socket.socket, sockets: Path, journal: Journal) -> None:
        self._config, self._listening = config, listening
        self._sockets, self._journal = sockets, journal
        self.live: Instance | None = None
        self.live_since = 0.0
        self._warm: list[Instance] = []  # the one that was live last is first
        self._ending: list[Instance] = []  # too many to stay warm: they finish what they have begun
        self._tasks: set[asyncio.Task[None]] = set()
        self._fallback: asyncio.Server | None = None

    @property
    def warm(self) -> list[Instance]:
        """Started and healthy, but without visitors."""
        self._warm = [instance for instance in self._warm if instance.is_alive]
        return self._warm

    async def go_to(self, commit: str, folder: Path) -> None:
        """Have this release live. Until it is healthy the one before goes on.

        Raises:
            StartFailed: it can't be started, or is not healthy; the one before still has the port.
        """
        for attempt in range(2):
            warm = next((each for each in self.warm if each.commit == commit and each.turns > 1), None)
            target = warm or Instance(self._config, commit, folder, self._sockets, self._tell)
            try:
                if target is not warm:
                    await target.start(self._listening)
                await self._change(target)
            except StartFailed:
                if attempt or not (target is warm or await target.was_killed()):
                    raise
                self._journal.say(f"the process of {commit[:12]} is gone: once more")
            else:
                return

    async def _change(self, target: Instance) -> None:
        before = self.live if self.live and self.live.is_alive else None
        if before:
            try:
                await before.tell("hold")
            except StartFailed:  # it would go on to answer beside the new one
                await before.kill()
                before = None
        self.stop_fallback()
        self._listen()
        try:
            await target.accept()
        except StartFailed:
            if before:
                with contextlib.suppress(StartFailed):
                    await before.accept()
            await target.kill()
            raise
        self.live, self.live_since = target, time.monotonic()
        self._warm = [each for each in self._warm if each is not target]
        if before:
            self._warm.insert(0, before)
            before.retired = time.monotonic()
        for each in (*self.warm, *self._ending):
            await self._point(each, target)
        self._retire(before)

    async def _point(self, retired: Instance, target: Instance) -> None:
        """Requests on its open connections go on to the live release; one that can't do that is ended."""
        try:
            await retired.tell(f"forward {target.path}")
        except StartFailed:
            await retired.kill()

    def _retire(self, before: Instance | None) -> None:
        """Let the one before finish; then it stays warm, or ends, and so do those that are too many."""
        if before:
            self._later(self._drain(before))
        for each in self.warm[max(self._room(), 1 if before else 0) :]:
            self._warm.remove(each)
            self._later(self._end(each, at_once=len(self._ending) >= MOST_ENDING))

    def _room(self) -> int:
        """How many may stay warm."""
        return self._config.warm if free_memory() > LEAST_MEMORY else 0

    async def _drain(self, before: Instance) -> None:
        turn = before.turns
        await asyncio.sleep(self._config.drain_seconds)
        if before not in self.warm or before.turns != turn:
            return  # it is live again, or was since, or is ended already
        with contextlib.suppress(StartFailed):
            await before.tell("close")
        if before in self.warm and self._warm.index(before) >= self._room():
            self._warm.remove(before)
            await before.stop()

    async def _end(self, retired: Instance, *, at_once: bool) -> None:
        """End a release once it had its time to finish."""
        self._ending.append(retired)
        left = retired.retired + self._config.drain_seconds - time.monotonic()
        try:
            if not at_once and left > 0:
                await asyncio.sleep(left)
        finally:
            self._ending.remove(retired)
        await retired.stop()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _listen(self) -> None:
        """From the first healthy release on the platform may connect."""
        self._listening.listen(1024)

    async def answer_meanwhile(self, serve: Callable[..., Awaitable[None]]) -> None:
        """While nothing is live: `/-/release`, and for all others that there is nothing yet."""
        if self._fallback is None and not (self.live and self.live.is_alive):
            self._listen()
            copy = socket.socket(fileno=os.dup(self._listening.fileno()))
            self._fallback = await asyncio.start_server(serve, sock=copy, backlog=1024)

    def stop_fallback(self) -> None:
        """A release takes over."""
        if self._fallback:
            self._fallback.close()
            self._fallback = None

    def _tell(self, data: bytes) -> None:
        self._journal.put(data, keep=False)

    async def end(self) -> None:
        """End every process, politely first."""
        everyone = [each for each in (self.live, *self._warm, *self._ending) if each]
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*(each.stop() for each in everyone), return_exceptions=True)
