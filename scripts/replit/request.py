"""What people ask of the sign-in at Replit."""

from __future__ import annotations

from scripts.config.request import ENV, Request, env, option


class LoginRequest(Request):
    """`replit.login`: sign in at Replit's MCP server."""

    env: str = env(f"{ENV}; all that Replit's MCP server publishes, if left out")
    no_browser: bool = option(
        "the browser is on another machine: paste the address that it ends at", default=False
    )
    export: bool = option(
        "give a token to CI: print the name of the secret; the value goes into a 0600 file", default=False
    )
    github: bool = option(
        "with `--export`: set the secret in the app's GitHub repository by `gh`", default=False
    )


class LogoutRequest(Request):
    """`replit.logout`: end the sign-in, on Replit and here."""

    env: str = env(f"{ENV}; all, if left out")
