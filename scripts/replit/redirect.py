"""Where the browser comes back to after a sign-in: a listener on loopback, or what a person pastes."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from scripts.errors import Declined

PATH = "/callback"
PATIENCE = 10.0  # seconds for one request: a connection that says nothing holds nobody up
LONGEST = 16 * 1024  # bytes of a request's first line
DONE = "Signed in. You can close this page and go back to the terminal."
NOT_OURS = "This address belongs to no sign-in that is going on."


class Answer(NamedTuple):
    """What the authorization server sent along.

    Args:
        issuer: who says so (RFC 9207); None where it does not tell.
    """

    code: str
    state: str
    issuer: str | None


def answer_in(address: str, state: str) -> Answer | None:
    """The answer in the address that the browser was sent to; None if it is not that of this sign-in.

    Raises:
        Declined: the person, or the server, said no.
    """
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return None
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if parts.path != PATH or not hmac.compare_digest(given.get("state", "").encode(), state.encode()):
        return None
    if given.get("error"):
        said = "".join(each for each in given["error"] if each.isalnum() or each in "_-. ")[:60]
        raise Declined(f"the sign-in was refused in the browser (`{said}`)")
    return Answer(given["code"], state, given.get("iss")) if given.get("code") else None


class Listener:
    """A port of this machine that only it can reach, and that only the browser's way back uses."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}{PATH}"

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    async def answer(self, state: str) -> Answer:
        """Wait for the browser. Whoever comes with another state is sent away, and the wait goes on.

        Raises:
            Declined: the person said no.
        """
        arrived: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, ValueError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    status, text = self._judge(await reader.readline(), state, arrived)
                    writer.write(_page(status, text))
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, sock=self._socket, limit=LONGEST)
        async with server:
            return await arrived

    def _judge(self, line: bytes, state: str, arrived: asyncio.Future[Answer]) -> tuple[str, str]:
        """The page for the browser."""
        method, _, rest = line.decode("ascii", "replace").partition(" ")
        try:
            answer = answer_in(rest.split(" ")[0], state) if method == "GET" else None
        except Declined as fault:
            if not arrived.done():
                arrived.set_exception(fault)
            return "200 OK", "Not signed in. You can close this page."
        if answer is None:
            return "400 Bad Request", NOT_OURS
        if not arrived.done():
            arrived.set_result(answer)
        return "200 OK", DONE


def _page(status: str, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
