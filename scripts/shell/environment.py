"""What a child may inherit: an allow-list, because a CI job's environment is full of secrets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

BASE = (
    "PATH HOME USER LOGNAME LANG LC_ALL LC_CTYPE TERM TMPDIR TZ XDG_CONFIG_HOME XDG_CACHE_HOME "
    "SSL_CERT_FILE SSL_CERT_DIR HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy"
).split()

# git and ssh find their credentials through these; which they use is their own business.
CREDENTIALS = (
    "SSH_AUTH_SOCK SSH_AGENT_PID SSH_ASKPASS GIT_ASKPASS GIT_SSH GIT_SSH_COMMAND GIT_CONFIG_GLOBAL "
    "GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM GH_TOKEN GITHUB_TOKEN GNUPGHOME DISPLAY"
).split()


def inherited(names: Iterable[str] = ()) -> dict[str, str]:
    """The clean base of a child's environment, and `names` where they are set."""
    return {name: os.environ[name] for name in (*BASE, *names) if name in os.environ}


def whole() -> dict[str, str]:
    """All of it: for the desk's own tests and checks, which are the person's programs."""
    return dict(os.environ)


def merged(extra: Mapping[str, str]) -> dict[str, str]:
    """The clean base with `extra` on top."""
    return {**inherited(), **extra}


def starting_with(prefixes: Iterable[str]) -> dict[str, str]:
    """The variables of our own environment whose names begin so."""
    wanted = tuple(prefixes)
    return {name: value for name, value in os.environ.items() if name.startswith(wanted)}
