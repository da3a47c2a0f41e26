"""What opens a private app: a header that Replit's proxy asks for, sent to the app's own host alone.

Source: Replit's page on external access tokens. A token belongs to one published deployment, so a Publish
may end it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import ConfigError
from scripts.http import LOOPBACK, Headers

TOKEN = "REPLIT_ACCESS_TOKEN"  # noqa: S105 - the name of the variable
WHERE = "Replit: Publishing > Adjust settings > Security > External access tokens"


def access_headers(desk: Desk, environment: Environment) -> dict[str, str]:
    """The header with the token; {} where `[environment.*.access]` names none.

    Raises:
        ConfigError: the token is missing, or would travel unencrypted.
    """
    header, prefix = environment.access
    if not header:
        return {}
    token = desk.values(environment).get(TOKEN, "")
    if not token:
        raise ConfigError(
            f"`environment.{environment.name}.access` asks for `{TOKEN}`, which is not set",
            f"make a token ({WHERE}), and write it into `.env.{environment.name}`",
        )
    parts = urlsplit(environment.url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ConfigError(f"`{environment.url}` is no https address: `{TOKEN}` would travel unencrypted")
    return {header: f"{prefix}{token}"}


def headers_for(desk: Desk, environment: Environment) -> Headers:
    """What to send with a request to an address: the header goes to the app's own scheme and host alone."""
    return only_for(environment.url, access_headers(desk, environment))


def only_for(url: str, headers: Mapping[str, str]) -> Callable[[str], Mapping[str, str]]:
    """These headers for the scheme and host of `url`, none for any other."""
    own = _origin(url)
    return lambda target: headers if _origin(target) == own else {}


def how_to_enter(environment: Environment) -> str:
    """A hint for a person whose app asks for a log-in."""
    name = environment.name
    if environment.access.header:
        return (
            f"a Publish may have ended the token: make a new one ({WHERE}), set `{TOKEN}` in `.env.{name}`,"
            f" then `invoke status`"
        )
    return (
        f"a private app needs a token ({WHERE}): set `{TOKEN}` in `.env.{name}`, and"
        f' `header = "Authorization"` in `[environment.{name}.access]`'
    )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
