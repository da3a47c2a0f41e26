"""How git is called: arguments, environment, one push of many refs. Built here, run in `git.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.shell.command import Command
from scripts.shell.environment import CREDENTIALS, inherited

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
