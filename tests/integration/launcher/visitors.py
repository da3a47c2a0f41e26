"""Visitors: some keep their connection, some come anew for each request; and what their answers prove."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import NamedTuple, Self


class Answer(NamedTuple):
    """One request: when it was sent and answered (monotonic seconds), and the commit that answered."""

    sent: float
    received: float
    commit: str


class Visitors:
    """So many of each kind, in a thread of their own, until they are stopped."""

    def __init__(self, port: int, keeping: int = 20, coming: int = 20, pause: float = 0.0) -> None:
        self._port, self._keeping, self._coming, self._pause = port, keeping, coming, pause
        self.answers: list[Answer] = []
        self.failures: list[str] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)

    async def _run(self) -> None:
        kinds = [True] * self._keeping + [False] * self._coming
        await asyncio.gather(*(self._visit(keeps=keeps) for keeps in kinds))

    async def _visit(self, *, keeps: bool) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self._ending.is_set():
            sent = time.monotonic()
            try:
                if streams is None:
                    streams = await asyncio.open_connection("127.0.0.1", self._port)
                body, closes = await asyncio.wait_for(_ask(*streams, keeps=keeps), 30)
                self.answers.append(Answer(sent, time.monotonic(), body.decode()))
            except (TimeoutError, OSError, ValueError, EOFError) as fault:
                self.failures.append(f"{'keeping' if keeps else 'coming'}: {fault!r}")
                closes = True
            if (closes or not keeps) and streams:
                streams[1].close()
                streams = None
            await asyncio.sleep(self._pause)
        if streams:
            streams[1].close()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keeps: bool
) -> tuple[bytes, bool]:
    """The body of one answer, and whether the server ends the connection with it."""
    field = "keep-alive" if keeps else "close"
    writer.write(f"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: {field}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise ValueError(head.split(b"\r\n")[0].decode())
    closes = b"connection: close" in head
    if b"transfer-encoding: chunked" in head:
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return body, closes
    length = int(head.partition(b"content-length:")[2].split()[0])
    return await reader.readexactly(length), closes


def wrong_answers(answers: list[Answer], moves: list[tuple[float, str]]) -> list[str]:
    """Answers of a release that was not live then.

    After the first answer of a release no request that is sent later is answered by one before it.

    Args:
        moves: when each release was asked for, and its commit, in order; the first was live at the start.
    """
    firsts = _first_answers(answers, moves)
    faults = []
    for answer in answers:
        fits = any(
            commit == answer.commit
            and at <= answer.received
            and (number + 1 == len(moves) or firsts[number + 1] >= answer.sent)
            for number, (at, commit) in enumerate(moves)
        )
        if not fits:
            faults.append(f"{answer.commit[:12]} at {answer.sent:.3f}..{answer.received:.3f}")
    return faults


def _first_answers(answers: list[Answer], moves: list[tuple[float, str]]) -> list[float]:
    """When each release answered first after it was asked for; never: infinity.

    One that was sent before the release in between answered may still be of its last time.
    """
    ordered = sorted(answers, key=lambda answer: answer.received)
    firsts: list[float] = []
    for at, commit in moves:
        fits = (
            answer.received
            for answer in ordered
            if answer.commit == commit
            and answer.received >= at
            and (not firsts or answer.sent >= firsts[-1])
        )
        firsts.append(next(fits, float("inf")))
    return firsts


def seconds_to_switch(answers: list[Answer], moves: list[tuple[float, str]]) -> list[float]:
    """From each move to the first answer of its release."""
    return [first - at for first, (at, _) in zip(_first_answers(answers, moves), moves, strict=True)]
