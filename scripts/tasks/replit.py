"""`replit.*`: the sign-in at Replit's MCP server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection

from scripts.replit.request import LoginRequest, LogoutRequest
from scripts.tasks.options import command

if TYPE_CHECKING:
    from scripts.config.desk import Desk
    from scripts.config.outcome import Outcome


@command(LoginRequest)
def login() -> Callable[[Desk, LoginRequest], Outcome]:
    """Sign in at Replit's MCP server, for Publish: `invoke replit.login`."""
    from scripts.replit.login_command import login

    return login


@command(LogoutRequest)
def logout() -> Callable[[Desk, LogoutRequest], Outcome]:
    """End the sign-in at Replit's MCP server, there and here: `invoke replit.logout`."""
    from scripts.replit.login_command import logout

    return logout


collection = Collection("replit", login, logout)
