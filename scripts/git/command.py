"""Build git's command lines and environment, and check what people and remotes name: revisions, URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from scripts.errors import ConfigError, Refused
from scripts.system.background import submit
from scripts.system.command import CREDENTIALS, Command, inherited
from scripts.system.process import attempt
from scripts.system.secret import remember

TIMEOUT = 60.0  # seconds
# these refs, all or none, and nothing else, whatever the person's configuration says
PUSH = ("push --atomic --no-verify --quiet --no-follow-tags --no-signed --recurse-submodules=no").split()
FETCH = (
    "fetch --quiet --no-tags --no-write-fetch-head --refmap= --no-auto-gc --no-recurse-submodules"
).split()
PROTOCOLS = (
    "https:http:ssh:file"  # not `ext::`, which runs programs, nor `git://`, which authenticates nobody
)
# leave no background process, and refuse a URL that holds a password
ALWAYS = "-c gc.auto=0 -c maintenance.auto=false -c transfer.credentialsInUrl=die".split()
ALLOW_CREDENTIALS = ("-c", "transfer.credentialsInUrl=allow")  # to report them better than git's `die` does
# what people type for a commit: no option, white space, range, or search in messages
REVISION = re.compile(r"(?!.*(\.\.|@\{))[\w#@][\w#@.,/+=~^-]{0,200}")
URL_WITH_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/@\s:]*)(?::([^/@\s]*))?@(\S*)")
SHORTEST_TOKEN = 20  # characters; a shorter user name of an https URL is taken for a name


@dataclass(frozen=True)
class Update:
    """One ref of a push.

    Args:
        ref: full name, such as `refs/heads/main`.
        old: the id it must have now; None: it must not exist.
        new: the id it gets; None: it is deleted.
    """

    ref: str
    old: str | None
    new: str | None


def push_arguments(remote: str, updates: Sequence[Update]) -> tuple[str, ...]:
    """The arguments of one push that makes all updates or none, each with its own lease."""
    leases = [f"--force-with-lease={update.ref}:{update.old or ''}" for update in updates]
    specs = [f"{update.new or ''}:{update.ref}" for update in updates]
    return (*PUSH, *leases, "--", remote, *specs)


def git_command(
    folder: Path,
    arguments: Sequence[str],
    timeout: float,
    stdin: bytes | None = None,
    success: frozenset[int] = frozenset({0}),
) -> Command:
    """One call of git in a clone, with the desk's identity; `timeout` in seconds."""
    return Command(
        ("git", *ALWAYS, *arguments),
        cwd=folder,
        env=dict(_environment()),
        stdin=stdin,
        timeout=timeout,
        success=success,
    )


def _environment() -> Iterator[tuple[str, str]]:
    """Credentials pass; variables that would point git at another repository (`GIT_DIR`) do not."""
    yield from inherited(CREDENTIALS).items()
    for role in ("AUTHOR", "COMMITTER"):
        yield f"GIT_{role}_NAME", "release desk"
        yield f"GIT_{role}_EMAIL", "release-desk@localhost"
    yield "GIT_TERMINAL_PROMPT", "0"
    yield "GIT_PAGER", "cat"
    yield "GIT_ALLOW_PROTOCOL", PROTOCOLS
    yield "LC_ALL", "C"


def drop_git_variables() -> None:
    """Remove `GIT_DIR` and its kind from this process's environment, before GitPython is used.

    Its git inherits the environment: called from a git hook, it would work in the hook's repository.
    """
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[name]


def checked_revision(revision: str) -> str:
    """The revision unchanged.

    Raises:
        Refused: it may be an option, a range, a search, or something for a shell.
    """
    if not REVISION.fullmatch(revision):
        raise Refused(f"`{revision[:200]}` is no commit of this repository", "name a commit, branch or tag")
    return revision


def url_secret(url: str) -> str | None:
    """The password or token in a URL; None if it holds none. The user of an ssh URL is not secret."""
    match = URL_WITH_USER.match(url)
    if match is None:
        return None
    scheme, user, password = match[1].lower(), match[2], match[3]
    return password or (user if scheme.startswith("http") and len(user) >= SHORTEST_TOKEN else None)


def check_remote_urls(folder: Path, remote: str) -> None:
    """Refuse a remote whose URL holds a secret: git would pass it in the arguments of a child process.

    Raises:
        ConfigError: a URL holds one. The secret is not shown, and is masked from now on.
    """
    for url in remote_urls(folder, remote):
        secret = url_secret(url)
        if secret is not None:
            remember(secret)
            remember(unquote(secret))
            bare = URL_WITH_USER.sub(r"\1\4", url)
            raise ConfigError(
                f"the remote `{remote}` has a password or token in its URL",
                f"`git -C {folder} remote set-url {remote} {bare}`, and give it to git's credential"
                " helper (in CI: the checkout action's token); it was readable there: replace it",
            )


def remote_urls(folder: Path, remote: str) -> list[str]:
    """The URLs a remote is fetched from and pushed to, as git rewrites them; [] for an unknown remote."""
    get_url = (*ALLOW_CREDENTIALS, "remote", "get-url")
    answers = [
        submit(attempt, git_command(folder, (*get_url, *role, "--all", "--", remote), TIMEOUT))
        for role in ((), ("--push",))
    ]
    return [line for answer in answers for line in answer.result().text.splitlines()]


def committable_files(folder: Path, pattern: str) -> tuple[list[str], list[str]]:
    """Files of a folder that git tracks, and those that `git add` would add; both [] outside a checkout."""
    listings = [
        attempt(git_command(folder, ("ls-files", "-z", *which, "--", pattern), TIMEOUT)).text.split("\0")
        for which in ((), ("--others", "--exclude-standard"))
    ]
    tracked, untracked = ([name for name in names if name] for names in listings)
    return tracked, untracked
