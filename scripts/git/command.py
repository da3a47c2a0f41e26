"""Build git's command lines and environment, and check what people and remotes name: revisions, URLs."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from scripts.errors import ConfigError, Refused
from scripts.git import environment
from scripts.git.identity import DESK, parse_identity
from scripts.git.isolation import checkout_of
from scripts.system.background import submit
from scripts.system.command import Command
from scripts.system.network import CERTIFICATES
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
# leave no background process, run no program of a configuration, refuse a URL that holds a password, and
# keep a fetch as a pack: loose objects of one that is cut off may be a commit without its files
ALWAYS = (
    "-c gc.auto=0 -c maintenance.auto=false -c core.fsmonitor=false -c core.hooksPath=/dev/null"
    " -c core.attributesFile=/dev/null -c transfer.credentialsInUrl=die"
    " -c fetch.unpackLimit=1"
).split()
ALLOW_CREDENTIALS = ("-c", "transfer.credentialsInUrl=allow")  # to report them better than git's `die` does
# For these the person's own configuration counts: hosts, proxies, names, ignored files. What else git reads
# depends on no configuration.
HELPERS = ("remote-http", "remote-https")  # what git itself starts to talk to a remote
PERSONAL = ("ls-remote", "fetch", "push", "remote", "config", "ls-files", "check-ignore", *HELPERS)
IN_WORK_TREE = ("ls-files", "check-ignore", "grep")
# what people type for a commit: no option, white space, range, or search in messages; names in any script,
# as `[^\x00-\xa0]`: Python takes 3 ms to compile a range of a million characters
REVISION = re.compile(
    r"(?!.*(\.\.|@\{))(?:[A-Za-z0-9_#@]|[^\x00-\xa0])(?:[A-Za-z0-9_#@.,/+=~^-]|[^\x00-\xa0]){0,200}"
)
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
    *,
    committer: str = "",
) -> Command:
    """One call of git for a checkout, on the desk's own git folder in it.

    Args:
        timeout: in seconds.
        committer: `Name <mail>`; "" for the desk's own identity.
    """
    return Command(
        ("git", *ALWAYS, *arguments),
        cwd=folder,
        env=dict(_environment(folder, _verb(arguments), committer)),
        stdin=stdin,
        timeout=timeout,
        success=success,
    )


def _verb(arguments: Sequence[str]) -> str:
    """The first argument that is no option of git itself."""
    options = 2 * sum(1 for option in arguments[::2] if option == "-c")
    return arguments[options] if options < len(arguments) else ""


def _environment(folder: Path, verb: str, committer: str) -> Iterator[tuple[str, str]]:
    """Variables that would point git at another repository (`GIT_DIR`) are not passed on."""
    checkout = checkout_of(folder)
    if verb in PERSONAL or checkout is None or checkout.partial:
        yield from environment.of_person(checkout.settings if checkout else ()).items()
    else:
        yield from {**environment.ALWAYS, **environment.ISOLATED}.items()
    if checkout is not None:
        yield "GIT_DIR", str(checkout.git_folder)
        if verb in IN_WORK_TREE and checkout.work_tree is not None:
            yield "GIT_WORK_TREE", str(checkout.work_tree)
            yield "GIT_INDEX_FILE", str(checkout.index_file)
    identity = parse_identity(committer) or DESK
    for role in ("AUTHOR", "COMMITTER"):
        yield f"GIT_{role}_NAME", identity.name
        yield f"GIT_{role}_EMAIL", identity.mail
    yield "GIT_ALLOW_PROTOCOL", PROTOCOLS


def drop_git_variables() -> None:
    """Remove `GIT_DIR` and its kind from this process's environment, before GitPython is used.

    Its git inherits the environment: called from a git hook, it would work in the hook's repository.
    """
    for name in [name for name in os.environ if name.startswith("GIT_") and name not in CERTIFICATES]:
        del os.environ[name]


def checked_revision(revision: str) -> str:
    """The revision unchanged.

    Raises:
        Refused: it may be an option, a range, a search, or something for a shell.
    """
    if not REVISION.fullmatch(revision) or not revision.isprintable():
        raise Refused(f"`{revision[:200]}` is no commit of this repository", "name a commit, branch or tag")
    return revision


def branch_named(name: str, refs: Mapping[str, str]) -> str | None:
    """The full name of a branch of the remote; None for none.

    `é` has two spellings in Unicode, which look alike; a Mac's keyboard and its files use different ones.
    """
    ref = f"refs/heads/{name}"
    if ref in refs:
        return ref
    alike = [
        each for each in refs if unicodedata.normalize("NFC", each) == unicodedata.normalize("NFC", ref)
    ]
    return alike[0] if len(alike) == 1 else None


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
