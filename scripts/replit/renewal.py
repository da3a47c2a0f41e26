"""The token of a stored sign-in, renewed when it has expired, by one run at a time: servers rotate it."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from scripts import http
from scripts.config import logins
from scripts.config.logins import Login
from scripts.errors import Locked, Unreachable
from scripts.system.documents import parse_json
from scripts.system.secret import Secret, redact

REQUEST = 20.0  # seconds for one request to the authorization server
WAIT = 30.0  # seconds for another run to finish its own renewal
LARGEST = 64 * 1024  # bytes of an answer; a real one has about 1 000


class SignedOut(Unreachable):
    """The stored sign-in opens nothing any more: a person has to sign in again."""


def token(file: Path, again: str, refused: Secret | None = None) -> Secret | None:
    """A token that opens the server; None without a sign-in.

    Args:
        again: what to type for a new sign-in.
        refused: a token that the server did not take: it is renewed, whatever its end.

    Raises:
        SignedOut: it has ended and can't be renewed: expired, or revoked on Replit.
        Unreachable: the authorization server gave no good answer; the sign-in may still be good.
        ConfigError: the file is damaged.
    """
    login = logins.read(file)
    if login is None or _good(login, refused):
        return Secret(login.access) if login else None
    try:
        with logins.held(file, WAIT):
            login = logins.read(file)  # another run may have renewed it meanwhile, or taken it away
            if login is not None and not _good(login, refused):
                login = _renewed(login, again)
                logins.write(file, login)
    except Locked as fault:
        raise Unreachable(fault.message, fault.hint) from None
    return Secret(login.access) if login else None


def _good(login: Login, refused: Secret | None) -> bool:
    return not login.expired() and (refused is None or refused.reveal() != login.access)


def _renewed(login: Login, again: str) -> Login:
    host = urlsplit(login.server).hostname
    if not login.refresh:
        raise SignedOut(f"the sign-in at `{host}` has ended: expired, or revoked there", again)
    form = {"grant_type": "refresh_token", "refresh_token": login.refresh}
    status, document = _post(login.token_url, login, form)
    if status in (400, 401) and document.get("error") in (
        "invalid_grant",
        "invalid_client",
        "unauthorized_client",
    ):
        raise SignedOut(f"`{host}` does not renew the sign-in: it was revoked, or has expired", again)
    if status != 200:
        raise Unreachable(
            f"`{host}` did not renew the sign-in: it answers {status}", f"try again, or {again}"
        )
    renewed = with_tokens(login, document)
    if renewed is None:
        raise Unreachable(f"`{host}` did not renew the sign-in: its answer has no token", again)
    return renewed


def with_tokens(login: Login, document: Mapping[str, Any]) -> Login | None:
    """The sign-in with the tokens of an answer (RFC 6749, section 5.1); None where it has none.

    A server that does not rotate leaves the token for renewal out: the old one stays.
    """
    access, refresh, lasts = (document.get(key) for key in ("access_token", "refresh_token", "expires_in"))
    if not isinstance(access, str) or not access.isascii() or not access.isprintable():
        return None
    known = isinstance(lasts, int | float) and 0 < lasts < 10**9
    return replace(
        login,
        access=access,
        refresh=refresh if isinstance(refresh, str) and refresh else login.refresh,
        expires=time.time() + lasts if known and lasts else 0.0,
    )


def revoke(login: Login) -> bool:
    """End the sign-in on the server (RFC 7009); whether it said so."""
    if not login.revoke_url:
        return False
    kind = "refresh_token" if login.refresh else "access_token"
    form = {"token": login.refresh or login.access, "token_type_hint": kind}
    if not login.client_secret:
        form["client_secret"] = (
            ""  # the same as none (RFC 6749, section 2.3.1); some servers miss the field
        )
    try:
        return _post(login.revoke_url, login, form)[0] == 200
    except Unreachable:
        return False


def _post(url: str, login: Login, form: dict[str, str]) -> tuple[int, Mapping[str, Any]]:
    """Status and document of a form that the authorization server got, as the client that we are."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    form = {**form, "client_id": login.client_id}
    if login.resource:
        form["resource"] = login.resource
    if login.client_secret and login.method == "client_secret_basic":
        pair = f"{quote(login.client_id, safe='')}:{quote(login.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    elif login.client_secret:
        form["client_secret"] = login.client_secret
    body = urlencode(form).encode()
    host = urlsplit(url).hostname
    try:
        answer = http.fetch(
            url, seconds=REQUEST, most_bytes=LARGEST, method="POST", headers=headers, body=body
        )
    except http.FetchError as fault:
        raise Unreachable(
            redact(f"`{host}` gave no answer about the sign-in ({fault.why})"), "try again"
        ) from None
    try:
        document = parse_json(answer.body) if answer.complete else None
    except ValueError:
        document = None
    return answer.status, document if isinstance(document, dict) else {}
