"""A STAND-IN for the authorization server of Replit's MCP server: OAuth 2.1 with the library's own routes.

Protected resource metadata (RFC 9728), authorization server metadata (RFC 8414), dynamic registration
(RFC 7591), PKCE with S256, rotating refresh tokens and revocation (RFC 7009) are as documented. What
Replit's page asks a person, and how long its tokens live, is not: this one asks nothing, and lets tokens
live for `LIFE` seconds. What it knows lies in `sign_in.json` (0600) of the host's folder.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    AuthorizeError,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl

from scripts.sandbox.host_config import write_private

if TYPE_CHECKING:
    from scripts.sandbox.host_config import HostConfig

LIFE = 3600  # seconds of an access token
CODE_LIFE = 60
FILE = "sign_in.json"
KINDS = ("clients", "codes", "access", "refresh")


def settings(issuer: str, resource: str) -> AuthSettings:
    """What the library's server needs to know."""
    return AuthSettings(
        issuer_url=AnyHttpUrl(issuer),
        resource_server_url=AnyHttpUrl(resource),
        client_registration_options=ClientRegistrationOptions(enabled=True),
        revocation_options=RevocationOptions(enabled=True),
        validate_token_resource=True,
    )


class Accounts(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """One account: whoever opens the page is let in, unless the fault `sign_in` says otherwise.

    Faults: `denied`, the person says no; `short`, tokens live for a second; `revoked`, every token that
    was ever given is refused.
    """

    def __init__(self, config: HostConfig, resource: str) -> None:
        self._config = config
        self._resource = resource

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        """A registered client."""
        found = self._known()["clients"].get(client_id)
        return OAuthClientInformationFull.model_validate(found) if found else None

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Anybody may register."""
        with self._changed() as known:
            known["clients"][client_info.client_id] = client_info.model_dump(mode="json")

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        """Send the browser back with a code."""
        if self._fault() == "denied":
            raise AuthorizeError("access_denied", "a fault that the sandbox plays")
        code = AuthorizationCode(
            code=secrets.token_urlsafe(32),
            scopes=params.scopes or [],
            expires_at=time.time() + CODE_LIFE,
            client_id=client.client_id or "",
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        with self._changed() as known:
            known["codes"][code.code] = code.model_dump(mode="json")
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        """A code that was not used yet."""
        found = self._known()["codes"].get(authorization_code)
        code = AuthorizationCode.model_validate(found) if found else None
        return code if code and code.client_id == client.client_id else None

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        """Tokens for a code, which is used up."""
        with self._changed() as known:
            del known["codes"][authorization_code.code]
            return self._made(known, client, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        """A token for renewal that was not used yet."""
        found = self._known()["refresh"].get(refresh_token)
        token = RefreshToken.model_validate(found) if found else None
        return (
            token if token and token.client_id == client.client_id and self._fault() != "revoked" else None
        )

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        """New tokens; the one for renewal is used up."""
        with self._changed() as known:
            del known["refresh"][refresh_token.token]
            return self._made(known, client, scopes, refresh_token.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        """A token of a sign-in that lives, or the host's own one, which CI would have."""
        if secrets.compare_digest(token.encode(), self._config.mcp_token.encode()):
            return AccessToken(token=token, client_id="ci", scopes=[], resource=self._resource)
        found = self._known()["access"].get(token)
        access = AccessToken.model_validate(found) if found else None
        lives = access and (access.expires_at or 0) > time.time() and self._fault() != "revoked"
        return access if lives else None

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        """End every token of the client."""
        with self._changed() as known:
            for kind in ("access", "refresh"):
                known[kind] = {
                    name: each for name, each in known[kind].items() if each["client_id"] != token.client_id
                }

    def _made(
        self,
        known: dict[str, dict[str, Any]],
        client: OAuthClientInformationFull,
        scopes: list[str],
        resource: str | None,
    ) -> OAuthToken:
        life = 1 if self._fault() == "short" else LIFE
        of: dict[str, Any] = {"client_id": client.client_id or "", "scopes": scopes, "resource": resource}
        access = AccessToken(token=secrets.token_urlsafe(32), expires_at=int(time.time() + life), **of)
        refresh = RefreshToken(token=secrets.token_urlsafe(32), **of)
        known["access"][access.token] = access.model_dump(mode="json")
        known["refresh"][refresh.token] = refresh.model_dump(mode="json")
        return OAuthToken(access_token=access.token, refresh_token=refresh.token, expires_in=life)

    def _fault(self) -> str:
        return self._config.faults().get("sign_in", "")

    def _known(self) -> dict[str, dict[str, Any]]:
        try:
            found: dict[str, dict[str, Any]] = json.loads((self._config.folder / FILE).read_bytes())
        except (FileNotFoundError, ValueError):
            found = {}
        return {kind: found.get(kind, {}) for kind in KINDS}

    @contextlib.contextmanager
    def _changed(self) -> Iterator[dict[str, dict[str, Any]]]:
        known = self._known()
        yield known
        write_private(self._config.folder / FILE, known)
