"""A started release: healthy on a socket of its own before it is told to take visitors.

The words on the control socket, a line each; each is answered by the same word once it is done:

    accept          take connections from the shared socket, answer requests
    hold            take no more connections; requests that come on open ones wait
    forward PATH    hand the requests that wait, and later ones, to the release on that socket; then close
    close           end the connections that are still open

So between `hold` of the old one and `accept` of the new one no request is answered, and none is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.replit.launcher.child import (
    FIRST_FD,
    OWNED,
    Pipe,
    Spawn,
    kill_group,
    start_process,
    wait_for_exit,
)
from scripts.replit.launcher.config import Config, app_environment

TURNS = 16  # times that one process can be told to accept: a copy of the socket is used up each time
WORD_SECONDS = 5.0
CHECK_SECONDS = 5.0  # of one look at its health
STOP_SECONDS = 5.0  # between the polite signal and the other one
MOST_ANSWER = 65_536


class StartFailed(Exception):
    """A release did not start, did not become healthy, or did not do as told.

    Args:
        step: `start` or `health`.
        log: the last words of its process; they may hold secrets.
    """

    def __init__(self, step: str, reason: str, log: str = "") -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason, self.log = step, reason, log


class Instance:
    """One process of the app, of one release.

    Args:
        sockets: a folder with a short path, for its private socket.
        tell: hears what the process says.
    """

    def __init__(
        self, config: Config, commit: str, folder: Path, sockets: Path, tell: Callable[[bytes], None]
    ) -> None:
        self.commit, self.folder = commit, folder
        self._config, self._sockets, self._tell = config, sockets, tell
        self.turns = TURNS
        self.retired = 0.0  # when it lost the port, in seconds that never jump
        self.path = sockets / f"{commit[:12]}-{os.urandom(3).hex()}"
        self.pid = 0
        self.exited: asyncio.Future[int] | None = None
        self._pipe: Pipe | None = None
        self._control: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._words = asyncio.Lock()
        self._why = ""
        self._ended = False  # by us

    @property
    def is_alive(self) -> bool:
        """Whether the process is there."""
        return self.exited is not None and not self.exited.done()

    @property
    def said(self) -> str:
        """The last words of the process."""
        return self._pipe.tail if self._pipe else ""

    async def start(self, listening: socket.socket) -> None:
        """Start the process and wait until it is healthy.

        Raises:
            StartFailed: it is not; nothing of it is left.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._pipe = Pipe(0, self._tell)
        try:
            self.pid = start_process(self._spawn(listening, theirs), self._pipe.writing, self._pipe.writing)
        finally:
            theirs.close()
            self._pipe.started()
        self.exited = asyncio.ensure_future(wait_for_exit(self.pid))
        self._control = await asyncio.open_connection(sock=ours, limit=MOST_ANSWER)
        try:
            await asyncio.wait_for(self._wait_until_healthy(), self._config.start_seconds)
        except asyncio.TimeoutError:
            said = self.said
            await self.kill()
            why = f"not healthy after {self._config.start_seconds:g} s{self._why}"
            raise StartFailed("health", why, said) from None
        except BaseException:
            await self.kill()
            raise

    def _spawn(self, listening: socket.socket, control: socket.socket) -> Spawn:
        config = self._config
        variables = {
            **app_environment(),
            "PORT": str(config.port),
            "RELEASE_COMMIT": self.commit,
            "RELEASE_SOCKET": str(self.path),
            "RELEASE_STATUS": str(self._sockets / "status"),
            "RELEASE_CONTROL": str(FIRST_FD + TURNS),
            OWNED: str(config.state),
        }
        fds = (*(listening.fileno() for _ in range(TURNS)), control.fileno())
        argv = config.run or ()
        if config.run is None:
            argv = (sys.executable, str(Path(sys.argv[0]).resolve()), "serve")
            public = {
                "RELEASE_PUBLIC": str(config.public(self.folder)),
                "RELEASE_SPA": str(int(config.spa)),
            }
            variables = {name: value for name, value in variables.items() if _is_needed(name)} | public
        elif config.socket == "proxy":
            argv = (sys.executable, str(Path(sys.argv[0]).resolve()), "proxy")
            variables["RELEASE_RUN"] = json.dumps(config.run)
        return Spawn(argv, self.folder, variables, fds, TURNS)

    async def _wait_until_healthy(self) -> None:
        pause = 0.01
        while True:
            if not self.is_alive:
                await asyncio.sleep(0.05)  # for its last words
                raise StartFailed("start", f"the process ended with {await self.exited_code()}", self.said)
            try:
                status = await asyncio.wait_for(self._ask(), CHECK_SECONDS)
            except (OSError, ValueError, asyncio.TimeoutError, asyncio.IncompleteReadError) as fault:
                self._why = self._explained(fault)
            else:
                if 200 <= status < 400:
                    return
                self._why = f" (`{self._config.health}` gives {status})"
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 1.5)

    def _explained(self, fault: Exception) -> str:
        if self.path.exists():
            return f" (`{self._config.health}`: {fault or 'no answer'})"
        return ': it does not listen where the launcher said; see `socket = "inherit"`'

    async def exited_code(self) -> int:
        """The exit code of a process that ended."""
        return await self.exited if self.exited else 0

    async def was_killed(self) -> bool:
        """Whether a signal ended it: that says nothing about the release."""
        return (
            self.exited is not None
            and self.exited.done()
            and await self.exited_code() < 0
            and not self._ended
        )

    async def _ask(self) -> int:
        """The status that the health path gives on the private socket."""
        reader, writer = await asyncio.open_unix_connection(str(self.path), limit=MOST_ANSWER)
        return await asked_status(reader, writer, self._config.health)

    async def tell(self, words: str) -> None:
        """Say a word on the control socket, and wait until it is done.

        Raises:
            StartFailed: the process is gone, or did not answer.
        """
        async with self._words:
            if not self._control or not self.is_alive:
                raise StartFailed("start", "the process is gone", self.said)
            reader, writer = self._control
            try:
                writer.write(f"{words}\n".encode())
                await asyncio.wait_for(writer.drain(), WORD_SECONDS)
                answer = await asyncio.wait_for(reader.readline(), WORD_SECONDS)
            except (OSError, ValueError, asyncio.TimeoutError) as fault:
                raise StartFailed(
                    "start", f"no answer to `{words.split(maxsplit=1)[0]}`", self.said
                ) from fault
            if answer.decode("utf-8", "replace").split()[:1] != words.split()[:1]:
                raise StartFailed("start", f"no answer to `{words.split(maxsplit=1)[0]}`", self.said)

    async def accept(self) -> None:
        """Take visitors."""
        self.turns -= 1
        await self.tell("accept")

    async def stop(self) -> None:
        """Ask the process to end, then end it."""
        if self.is_alive:
            kill_group(self.pid, signal.SIGTERM)
            if self.exited:
                await asyncio.wait({self.exited}, timeout=STOP_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """End the process and all that it started."""
        self._ended = self._ended or self.is_alive
        if self.pid:
            kill_group(self.pid)
        if self.exited:
            await asyncio.shield(self.exited)
        if self._control:
            self._control[1].close()
        if self._pipe:
            self._pipe.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def _is_needed(name: str) -> bool:
    """What a server of files needs to know: none of the app's secrets."""
    return name.startswith(("RELEASE_", "LISTEN_")) or name in (
        "PATH",
        "LANG",
        "HOME",
        "TZ",
        "LD_LIBRARY_PATH",
    )


async def asked_status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> int:
    """The status of a GET on an open connection, which is then closed. The body is read, and limited.

    Raises:
        ValueError: the answer is no HTTP.
    """
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        line = (await reader.readline()).split()
        if len(line) < 2 or not line[0].startswith(b"HTTP/1.") or not line[1].isdigit():
            raise ValueError("no HTTP answer")
        left = 1_000_000
        while left > 0 and (data := await reader.read(MOST_ANSWER)):
            left -= len(data)
        return int(line[1])
    finally:
        writer.close()
