"""Sign in at Replit's MCP server: OAuth 2.1, PKCE, dynamic registration, by the `mcp` library's client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from scripts.config.logins import Login
from scripts.errors import CommandFailed, CommandTimedOut, Declined, DeskError, Unreachable
from scripts.http import LOOPBACK
from scripts.replit import mcp_http
from scripts.replit.redirect import Answer, Listener, answer_in
from scripts.system.secret import redact, remember

if TYPE_CHECKING:
    from mcp.client.auth import OAuthClientProvider
    from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthToken

PERSON = 300.0  # seconds that a person has in the browser
NETWORK = 60.0  # seconds for the requests around that
NAME = "release-desk"
Back = Callable[[str], Awaitable[Answer]]  # by the state, what the browser came back with


class _Memory:
    """What the library would store: nothing is there at first, so that each sign-in registers anew."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None
        self.at = 0.0

    async def get_tokens(self) -> None:
        """None are there."""

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep them, and mask them."""
        for value in (tokens.access_token, tokens.refresh_token):
            remember(value or "", "the sign-in at Replit")
        self.tokens, self.at = tokens, time.time()

    async def get_client_info(self) -> None:
        """The redirect has another port each time."""

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep what the server registered."""
        remember(client_info.client_secret or "", "the sign-in at Replit")
        self.client = client_info


def sign_in(
    server: str, show: Callable[[str], None], paste: Callable[[], str] | None, seconds: float = PERSON
) -> Login:
    """Let a person sign in with a browser.

    Args:
        show: gives the person the address to open.
        paste: asks for the address that the browser ended at; None: the browser is on this machine.
        seconds: that the person has.

    Raises:
        Declined: the person said no.
        CommandTimedOut: nobody signed in in time.
        CommandFailed: the server does not let the desk sign in so.
        Unreachable: it can't be reached.
    """
    logging.getLogger("mcp").addHandler(logging.NullHandler())  # it would print tracebacks with answers
    listener = Listener()
    try:
        back = listener.answer if paste is None else _pasted(paste)
        return asyncio.run(_sign_in(server, listener.address, show, back, seconds))
    except DeskError:
        raise
    except Exception as fault:  # noqa: BLE001 - the library has errors of many kinds
        raise _failed(server, fault) from None
    finally:
        listener.close()


async def _sign_in(
    server: str, redirect: str, show: Callable[[str], None], back: Back, seconds: float
) -> Login:
    memory = _Memory()
    provider = _provider(server, redirect, memory, show, _limited(back, seconds))
    async with asyncio.timeout(seconds + NETWORK):
        async with mcp_http.client({}, auth=provider, before=[_encrypted]) as http:
            answer = await http.post(server, json=HELLO, headers=ACCEPT)
        if memory.tokens is None or memory.client is None:
            why = f"it answers {answer.status_code} without asking for a sign-in"
            raise CommandFailed(f"`{_host(server)}` gives no token: {why}", "check `mcp_url`")
    return _login(server, provider, memory, memory.tokens, memory.client)


HELLO = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": NAME, "version": "1"},
    },
}  # fmt: skip
ACCEPT = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}


def _provider(
    server: str, redirect: str, memory: _Memory, show: Callable[[str], None], back: Back
) -> OAuthClientProvider:
    from mcp.client.auth import OAuthClientProvider
    from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
    from pydantic import AnyUrl

    asked: list[str] = []

    async def open_browser(address: str) -> None:
        _refuse_plain(address)
        asked[:] = parse_qs(urlsplit(address).query).get("state", [""])
        show(address)

    async def came_back() -> AuthorizationCodeResult:
        answer = await back(asked[0])
        remember(answer.code, "the sign-in at Replit")
        return AuthorizationCodeResult(code=answer.code, state=answer.state, iss=answer.issuer)

    about = OAuthClientMetadata(
        client_name=NAME,
        redirect_uris=[AnyUrl(redirect)],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",  # noqa: S106 - a public client: it has no secret
    )
    return OAuthClientProvider(server, about, memory, open_browser, came_back)


def _limited(back: Back, seconds: float) -> Back:
    async def answer(state: str) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                return await back(state)
        except TimeoutError:
            raise CommandTimedOut(
                f"nobody signed in within {seconds:.0f} s: nothing was stored", "`invoke replit.login`"
            ) from None

    return answer


def _pasted(paste: Callable[[], str]) -> Back:
    """Ask in a thread of its own: a person who does not answer must not outlive the time limit."""

    async def answer(state: str) -> Answer:
        loop = asyncio.get_running_loop()
        typed: asyncio.Future[str] = loop.create_future()

        def give(text: str) -> None:
            if not typed.done():
                typed.set_result(text)

        def ask() -> None:
            text = paste()
            with contextlib.suppress(RuntimeError):  # the time was over, and the loop is closed
                loop.call_soon_threadsafe(give, text)

        threading.Thread(target=ask, daemon=True).start()
        text = await typed
        if not text:
            raise Declined("no address was pasted: nothing was stored")
        found = answer_in(text, state)
        if found is None:
            raise Declined(
                "what was pasted is not the address that this sign-in ended at: nothing was stored",
                "paste the whole address, from `http://127.0.0.1` on",
            )
        return found

    return answer


def _login(
    server: str,
    provider: OAuthClientProvider,
    memory: _Memory,
    tokens: OAuthToken,
    client: OAuthClientInformationFull,
) -> Login:
    known, context = provider.context.oauth_metadata, provider.context
    base = context.get_authorization_base_url(server)  # where the library looks without metadata
    revoke = known.revocation_endpoint if known else None
    login = Login(
        server=server,
        token_url=str(known.token_endpoint) if known else f"{base}/token",
        revoke_url=str(revoke or ""),
        client_id=client.client_id or "",
        client_secret=client.client_secret or "",
        method=client.token_endpoint_auth_method or "none",
        resource=context.get_resource_url() if context.protected_resource_metadata else "",
        access=tokens.access_token,
        refresh=tokens.refresh_token or "",
        expires=memory.at + tokens.expires_in if tokens.expires_in else 0.0,
    )
    for url in filter(None, (login.token_url, login.revoke_url)):
        _refuse_plain(url)
    return login


async def _encrypted(request: Any) -> None:
    _refuse_plain(str(request.url))


def _refuse_plain(url: str) -> None:
    """A server's answer decides where codes and tokens go: never over an open line."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise CommandFailed(f"the sign-in leads to `{parts.hostname}` without https: it was given up")


def _host(server: str) -> str:
    return urlsplit(server).hostname or server


def _failed(server: str, fault: BaseException) -> DeskError:
    import httpx2

    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    if isinstance(fault, DeskError):
        return fault
    said = redact(str(fault) or type(fault).__name__).splitlines()[0][:300]
    away = isinstance(fault, httpx2.TransportError | TimeoutError)
    kind = Unreachable if away else CommandFailed
    return kind(f"no sign-in at `{_host(server)}`: {said}", "try again; nothing was stored")
