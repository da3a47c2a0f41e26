"""A STAND-IN for an app under load: `python -m tests.support.load_target FOLDER`.

One small asyncio server with the addresses of the sample app, of PostgREST and of Supabase Auth. How it
behaves is in `FOLDER/behave.json`, read whenever it changes: `commit`; by path `delay` (ms), `status`,
`fail` (every n-th request answers 500), `location` (302); `sawtooth` (n: every n-th request takes ten times
its delay). Its port goes to `FOLDER/port`, what it was asked to `FOLDER/asked.json` when SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

COMMIT = "c" * 40
BODIES = {
    "GET /": (200, b"<html>home</html>"),
    "GET /api/properties": (200, b'{"properties": [{"id": "p1"}, {"id": "p2"}]}'),
    "GET /api/bookings": (200, b'{"bookings": []}'),
    "POST /api/bookings": (201, b'{"booking": {"id": "b"}}'),
    "POST /webhook/whatsapp": (200, b'{"received":1}'),
    "GET /rest/v1/properties": (200, b'[{"id": "p1"}]'),
    "GET /rest/v1/host_inbox": (200, b"[]"),
    "POST /auth/v1/token": (200, b'{"access_token": "t", "refresh_token": "r", "expires_in": 3600}'),
}


class Target:
    """What it does now, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "behave.json"
        self.asked: Counter[str] = Counter()
        self._read = 0
        self._how: dict[str, Any] = {}

    def how(self) -> dict[str, Any]:
        """The behaviour of this moment."""
        try:
            changed = self.file.stat().st_mtime_ns
        except FileNotFoundError:
            return self._how
        if changed != self._read:
            self._read, self._how = changed, json.loads(self.file.read_text())
        return self._how

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._one(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, address = head.split(b" ", 2)[:2]
        path = address.decode().partition("?")[0]
        low = head.lower()
        if b"content-length:" in low:
            await reader.readexactly(int(low.split(b"content-length:")[1].split(b"\r\n")[0]))
        key, how = f"{method.decode()} {path}", self.how()
        self.asked[key] += 1
        number = self.asked[key]
        delay = how.get("delay", {}).get(path, 0)
        every = how.get("sawtooth", 0)
        if every and number % every == 0:
            delay *= 10
        if delay:
            await asyncio.sleep(delay / 1000)
        status, body = BODIES.get(key, (404, b"{}"))
        if path == "/version.json":
            status, body = (
                200,
                json.dumps({"commit": how.get("commit", COMMIT), "environment": "staging"}).encode(),
            )
        status = how.get("status", {}).get(path, status)
        if (n := how.get("fail", {}).get(path)) and number % n == 0:
            status = 500
        location = how.get("location", {}).get(path)
        more = f"location: {location}\r\n" if location else ""
        status = 302 if location else status
        writer.write(f"HTTP/1.1 {status} X\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()


async def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    target, over = Target(folder), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0, backlog=2048)
    part = folder / "port.part"
    part.write_text(str(server.sockets[0].getsockname()[1]))
    part.rename(folder / "port")
    await over.wait()
    (folder / "asked.json").write_text(json.dumps(target.asked))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
