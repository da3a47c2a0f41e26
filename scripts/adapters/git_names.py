"""What git is given by name: revisions that people type, and the addresses of the remote."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from scripts.adapters.git_command import command
from scripts.errors import ConfigError, Refused
from scripts.shell.background import begin
from scripts.shell.runner import attempt
from scripts.shell.secret import remember

TIMEOUT = 60.0
LOOK = ("-c", "transfer.credentialsInUrl=allow")  # git itself would only say that it dies of it
# what people type for a commit: no option, no white space, no range, nothing that searches messages
REVISION = re.compile(r"(?!.*(\.\.|@\{))[\w#@][\w#@.,/+=~^-]{0,200}")
INSIDE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/@\s:]*)(?::([^/@\s]*))?@(\S*)")


def usable(revision: str) -> str:
    """The revision, if it can be nothing else than one.

    Raises:
        Refused: it may be an option, a range, a search, or something for a shell.
    """
    if not REVISION.fullmatch(revision):
        raise Refused(f"`{revision[:200]}` is no commit of this repository", "name a commit, branch or tag")
    return revision


def secret_in(address: str) -> str | None:
    """The password or token in an address; None if it holds none. The user of ssh is no secret."""
    found = INSIDE.match(address)
    if found is None:
        return None
    scheme, user, password = found[1].lower(), found[2], found[3]
    return password or (user if scheme.startswith("http") and len(user) >= 20 else None)


def check_addresses(folder: Path, remote: str) -> None:
    """See that none of the remote's addresses holds a secret: it would be on the argument list of a child.

    Raises:
        ConfigError: one does; the secret itself is not shown, and is masked from now on.
    """
    for address in addresses(folder, remote):
        secret = secret_in(address)
        if secret is not None:
            remember(secret)
            remember(unquote(secret))
            bare = INSIDE.sub(r"\1\4", address)
            raise ConfigError(
                f"the remote `{remote}` has a password or token in its address",
                f"`git -C {folder} remote set-url {remote} {bare}`, and give it to git's credential"
                " helper (in CI: the checkout action's token); it was readable there: replace it",
            )


def addresses(folder: Path, remote: str) -> list[str]:
    """Where a remote is read from and pushed to, as git rewrites it; empty when there is no such remote."""
    asked = [
        begin(attempt, command(folder, (*LOOK, "remote", "get-url", *role, "--all", "--", remote), TIMEOUT))
        for role in ((), ("--push",))
    ]
    return [line for each in asked for line in each.result().text.splitlines()]


def exposed(folder: Path, pattern: str) -> tuple[list[str], list[str]]:
    """Files of a folder that git tracks, and those that `git add` would take; none outside a checkout."""
    tracked = attempt(command(folder, ("ls-files", "-z", "--", pattern), TIMEOUT)).text.split("\0")
    others = ("ls-files", "-z", "--others", "--exclude-standard", "--", pattern)
    untracked = attempt(command(folder, others, TIMEOUT)).text.split("\0")
    return [each for each in tracked if each], [each for each in untracked if each]
