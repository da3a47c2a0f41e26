"""A command as a value, its result, and the environment variables that children get."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.system import network


@dataclass(frozen=True)
class Command:
    """One program call, not yet run. Secrets belong in `env` or `stdin`, never in `argv`.

    Args:
        argv: program and arguments; no shell is involved.
        cwd: the working folder; the desk's own if None.
        env: variables that the program gets in addition to `BASE`.
        stdin: bytes for standard input; None: the null device.
        timeout: seconds after which the whole process group is ended.
        success: exit codes that mean success.
        most: bytes that it may print to each of its streams where they are held in memory.
        files: open descriptors that it gets too, under their own numbers.
    """

    argv: tuple[str, ...]
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: bytes | None = field(default=None, repr=False)
    timeout: float = 60.0
    success: frozenset[int] = frozenset({0})
    most: int = 256 * 1024 * 1024
    files: tuple[int, ...] = ()

    @property
    def program(self) -> str:
        """The program's name without its folder, for messages."""
        return Path(self.argv[0]).name

    def __str__(self) -> str:
        """The command line, quoted for a shell."""
        return shlex.join(self.argv)


@dataclass(frozen=True)
class Result:
    """A finished command: exit code, raw output, run time in seconds."""

    code: int
    out: bytes
    err: bytes
    seconds: float

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 are replaced."""
        return self.out.decode("utf-8", "replace")

    @property
    def errors(self) -> str:
        """Standard error as text; bytes that are no UTF-8 are replaced."""
        return self.err.decode("utf-8", "replace")


# what every child inherits: an allow-list, because a CI job's environment is full of secrets
BASE = (
    "PATH HOME USER LOGNAME LANG LC_ALL LC_CTYPE TERM TMPDIR TZ XDG_CONFIG_HOME XDG_CACHE_HOME SSL_CERT_DIR"
).split()

# through these git and ssh find credentials
CREDENTIALS = (
    "SSH_AUTH_SOCK SSH_AGENT_PID SSH_ASKPASS GIT_ASKPASS GIT_SSH GIT_SSH_COMMAND GIT_CONFIG_GLOBAL "
    "GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM GH_TOKEN GITHUB_TOKEN GNUPGHOME DISPLAY"
).split()


def inherited(names: Iterable[str] = ()) -> dict[str, str]:
    """The variables of `BASE`, and of `names`, that are set; and those of certificates and proxies."""
    own = {name: os.environ[name] for name in (*BASE, *names) if name in os.environ}
    return {**network.for_children(), **own}


def full_env() -> dict[str, str]:
    """The whole environment: for the desk's own tests and checks, which run on the person's behalf."""
    return dict(os.environ)


def child_env(extra: Mapping[str, str]) -> dict[str, str]:
    """A child's environment: `BASE`, overridden by `extra`."""
    return {**inherited(), **extra}


def with_prefix(prefixes: Iterable[str]) -> dict[str, str]:
    """The variables of our own environment whose names start with one of the prefixes."""
    starts = tuple(prefixes)
    return {name: value for name, value in os.environ.items() if name.startswith(starts)}
