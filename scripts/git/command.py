"""How git is called: arguments, environment, one push of many refs. Built here, run in `git.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from scripts.errors import ConfigError, Refused
from scripts.system.background import begin
from scripts.system.command import CREDENTIALS, Command, inherited
from scripts.system.process import attempt
from scripts.system.secret import remember

# whatever the person's own configuration says: these refs, all or none, and nothing else
PUSH = ("push --atomic --no-verify --quiet --no-follow-tags --no-signed --recurse-submodules=no").split()
FETCH = (
    "fetch --quiet --no-tags --no-write-fetch-head --refmap= --no-auto-gc --no-recurse-submodules"
).split()


# nothing is left running, and an address with a password in it is not used
PROTOCOLS = "https:http:ssh:file"  # no `ext::`, which runs programs, and no `git://`, which proves nobody
ALWAYS = "-c gc.auto=0 -c maintenance.auto=false -c transfer.credentialsInUrl=die".split()


@dataclass(frozen=True)
class Update:
    """One ref of a push.

    Args:
        old: the id that we saw; None: it must not exist.
        new: where it goes; None: it is deleted.
    """

    ref: str
    old: str | None
    new: str | None


def push_arguments(remote: str, updates: Sequence[Update]) -> tuple[str, ...]:
    """The arguments of one push in which all updates happen, or none; each with its own lease."""
    leases = [f"--force-with-lease={each.ref}:{each.old or ''}" for each in updates]
    specs = [f"{each.new or ''}:{each.ref}" for each in updates]
    return (*PUSH, *leases, "--", remote, *specs)


def command(
    folder: Path,
    arguments: Sequence[str],
    timeout: float,
    stdin: bytes | None = None,
    success: frozenset[int] = frozenset({0}),
) -> Command:
    """One call of git in a clone; nothing that it might leave running in the background."""
    return Command(
        ("git", *ALWAYS, *arguments),
        cwd=folder,
        env=dict(_environment()),
        stdin=stdin,
        timeout=timeout,
        success=success,
    )


def _environment() -> Iterator[tuple[str, str]]:
    """Credentials pass; what would point git at another repository does not."""
    yield from inherited(CREDENTIALS).items()
    for role in ("AUTHOR", "COMMITTER"):
        yield f"GIT_{role}_NAME", "release desk"
        yield f"GIT_{role}_EMAIL", "release-desk@localhost"
    yield "GIT_TERMINAL_PROMPT", "0"
    yield "GIT_PAGER", "cat"
    yield "GIT_ALLOW_PROTOCOL", PROTOCOLS
    yield "LC_ALL", "C"


# What git is given by name: revisions that people type, and the addresses of the remote.


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
