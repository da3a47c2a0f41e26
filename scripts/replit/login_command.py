"""`replit.login`, `replit.logout`: this machine's sign-in at Replit's MCP server, and a token for CI."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from scripts.config import logins
from scripts.config.desk import Desk
from scripts.config.logins import Login
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import ConfigError, DeskError, Refused, UsageError
from scripts.replit import renewal, sign_in
from scripts.replit.request import LoginRequest, LogoutRequest
from scripts.system.command import CREDENTIALS, Command, inherited
from scripts.system.process import run
from scripts.system.secret import Secret

VARIABLE = "REPLIT_MCP_TOKEN"


def login(desk: Desk, request: LoginRequest) -> Outcome:
    """Sign in once for each server; with `--export`, only where no sign-in is there."""
    if request.github and not request.export:
        raise UsageError("`--github` needs `--export`", "`invoke replit.login --export --github`")
    chosen = _chosen(desk, request.env)
    if request.export:
        return _export(desk, request, chosen)
    signed = {server: _signed_in(desk, server, request) for server in _servers(chosen)}
    _warn_of_variables(desk, chosen)
    return Outcome.done(
        f"signed in at {_named(signed)} for {', '.join(each.name for each in chosen)}",
        environments=[each.name for each in chosen],
        servers=[{"server": server, "renewable": bool(each.refresh)} for server, each in signed.items()],
    )


def logout(desk: Desk, request: LogoutRequest) -> Outcome:
    """Revoke each sign-in, and remove its file; the file goes even where the server can't be reached."""
    ended: list[str] = []
    left: list[str] = []
    for server in _servers(_chosen(desk, request.env)):
        file = logins.file_of(desk.state_folder, server)
        with logins.held(file, renewal.WAIT):
            stored = _read(file)
            if file.exists():
                (ended if stored and renewal.revoke(stored) else left).append(server)
                file.unlink()
    if not ended and not left:
        return Outcome.nothing("nobody has signed in on this machine", revoked=[], removed=[])
    hint = None
    if left:
        hint = f"{_named(left)} did not confirm: end the access of `{sign_in.NAME}` in Replit's settings"
    return Outcome.done(f"signed out at {_named([*ended, *left])}", hint, revoked=ended, removed=left)


def _chosen(desk: Desk, name: str) -> list[Environment]:
    """The environments that Replit's MCP server publishes.

    Raises:
        Refused: there is none of that name, or it is published otherwise.
    """
    asked = [desk.settings.environment(name)] if name else list(desk.settings)
    chosen = [each for each in asked if each.publish == "mcp"]
    if not chosen:
        listed = ", ".join(each.name for each in asked)
        raise Refused(f"{listed}: not published through Replit's MCP server: no sign-in is needed")
    return chosen


def _servers(chosen: list[Environment]) -> list[str]:
    return list(dict.fromkeys(each.mcp_url for each in chosen))


def _named(servers: Iterable[str]) -> str:
    return ", ".join(f"`{urlsplit(server).netloc}`" for server in servers)


def _read(file: Path) -> Login | None:
    try:
        return logins.read(file)
    except ConfigError:
        return None  # a new sign-in replaces it, a sign-out removes it


def _signed_in(desk: Desk, server: str, request: LoginRequest) -> Login:
    """A new sign-in, stored. The one before is not revoked: CI may have a token of it."""

    def show(address: str) -> None:
        desk.progress.note(f"open this address in a browser, and sign in: {address}")
        if request.no_browser:
            desk.progress.note("it ends at an address that it can't open: copy the whole of it")
        else:
            desk.progress.note(
                f"waiting {sign_in.PERSON:.0f} s for it (is the browser on another machine: `--no-browser`)"
            )

    def paste() -> str:
        return desk.progress.ask("the address that the browser ended at", "")

    made = sign_in.sign_in(server, show, paste if request.no_browser else None)
    file = logins.file_of(desk.state_folder, server)
    with logins.held(file, renewal.WAIT):
        logins.write(file, made)
    return made


def _warn_of_variables(desk: Desk, chosen: list[Environment]) -> None:
    for each in chosen:
        if desk.values(each).get(VARIABLE):
            desk.progress.note(f"warning: `{VARIABLE}` of {each.name} is set, and wins over the sign-in")


def _export(desk: Desk, request: LoginRequest, chosen: list[Environment]) -> Outcome:
    """A fresh token for each environment: to `gh` on its standard input, or into a file of 0600."""
    placed, ends = {}, {}
    for server in _servers(chosen):
        value, end = _for_export(desk, server, request)
        for each in chosen:
            if each.mcp_url == server:
                secret = f"{each.name.upper().replace('-', '_')}_{VARIABLE}"
                placed[secret] = _place(desk, secret, value, github=request.github)
                ends[secret] = end
    listed = ", ".join(
        f"`{name}`" + (f" (ends {ends[name]})" if ends[name] else " (its end is not told)")
        for name in placed
    )
    names = list(placed)
    if request.github:
        return Outcome.done(f"set as secrets on GitHub: {listed}", secrets=names, files=[], ends=ends)
    files = list(placed.values())
    hint = "; ".join(f"`gh secret set {name} <{file} && rm {file}`" for name, file in placed.items())
    return Outcome.done(f"secrets to set in CI: {listed}", hint, secrets=names, files=files, ends=ends)


def _for_export(desk: Desk, server: str, request: LoginRequest) -> tuple[str, str]:
    """A token with its whole life before it, and when it ends ("": not known)."""
    file = logins.file_of(desk.state_folder, server)
    stored = _read(file)
    if stored is not None:
        try:
            old = None if not stored.refresh else Secret(stored.access)
            renewal.token(file, "`invoke replit.login`", refused=old)
            stored = logins.read(file)
        except renewal.SignedOut as fault:
            desk.progress.note(f"{fault.message}: a new sign-in is needed")
            stored = None
    stored = stored or _signed_in(desk, server, request)
    end = (
        datetime.fromtimestamp(stored.expires, UTC).isoformat(timespec="minutes") if stored.expires else ""
    )
    return stored.access, end


def _place(desk: Desk, secret: str, value: str, *, github: bool) -> str:
    if not github:
        file = desk.state_folder / logins.FOLDER / secret
        logins.write_private(file, value)
        return str(file)
    env = inherited((*CREDENTIALS, "GH_CONFIG_DIR", "GH_HOST", "GH_REPO"))
    command = Command(
        ("gh", "secret", "set", secret), cwd=desk.git.folder, env=env, stdin=value.encode(), timeout=60
    )
    try:
        run(command)
    except DeskError as fault:
        raise type(fault)(
            f"`{secret}` was not set: {fault.message}",
            "`gh auth login`, or without `--github`: `invoke replit.login --export`",
        ) from None
    return "GitHub"
