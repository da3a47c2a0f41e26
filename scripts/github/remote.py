"""Which repository on GitHub is meant, and with which token it is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.git.command import remote_urls
from scripts.github.app_token import Installation
from scripts.github.client import API, Github
from scripts.system.secret import Secret

NAME = r"[A-Za-z0-9][\w-]*/(?!\.{1,2}(?:/|$))[\w.-]+?"  # a part of URLs: no step out of the path
REMOTE = re.compile(
    rf"(?:https?://|ssh://)?(?:[^@/\s]+@)?(?P<host>[\w.-]+)(?::\d+)?[:/](?P<name>{NAME})(?:\.git)?/?"
)
TOKENS = ("GH_TOKEN", "GITHUB_TOKEN")
APP_ID, APP_KEY = "GITHUB_APP_ID", "GITHUB_APP_KEY_FILE"


def hub_of(desk: Desk, environments: Sequence[Environment]) -> Github | None:
    """The remote on GitHub, with a token or an app's key; None without one of them.

    The repository that a CI job is of names none, since it may be another one; but where promotions go by
    pull request, the remote is on GitHub, whatever its address.
    """
    variables = [desk.values(each) for each in environments]
    token = next((found for each in variables for name in TOKENS[::-1] if (found := each.get(name))), None)
    if not (token or has_credentials()):
        return None
    urls = remote_urls(desk.git.folder, desk.git.remote)
    settings = desk.settings
    api = os.environ.get("GITHUB_API_URL") or settings.secrets.github_api
    named = settings.github.repository or first_repository(urls, api)
    if named is None and settings.app.land == "pull-request":
        named = job_repository()
    return _hub(desk, named, token, api) if named else None


def _hub(desk: Desk, repository: str, token: str | None, api: str) -> Github:
    known = credentials(repository, token, api)
    return Github(repository, known, api, sleep=desk.sleep, clock=desk.clock, note=desk.progress.note)


def from_process(urls: Sequence[str], token: str | None, api: str = API) -> Github | None:
    """The repository of a remote's URLs, or the CI job's; None without a token or a repository.

    In GitHub Actions the variables `GITHUB_TOKEN`, `GITHUB_REPOSITORY` and `GITHUB_API_URL` are the job's.
    """
    api = os.environ.get("GITHUB_API_URL") or api
    repository = first_repository(urls, api) or job_repository()
    if not ((token or has_credentials()) and repository):
        return None
    return Github(repository, credentials(repository, token, api), api)


def has_credentials() -> bool:
    """Whether this process has a token, or the key of a GitHub App."""
    return any(map(os.environ.get, TOKENS)) or bool(os.environ.get(APP_ID) and os.environ.get(APP_KEY))


def credentials(repository: str, token: str | None, api: str) -> Secret | Installation:
    """The app's key where one is named: somebody did that on purpose; else a token, the process's first.

    Raises:
        ConfigError: the key can't be read.
    """
    app, key = os.environ.get(APP_ID), os.environ.get(APP_KEY)
    if app and key:
        return Installation(repository, app, Path(key), api)
    return Secret(next(filter(None, map(os.environ.get, TOKENS)), None) or token or "")


def job_repository() -> str | None:
    """`GITHUB_REPOSITORY` of a CI job."""
    named = os.environ.get("GITHUB_REPOSITORY") or ""
    return named if re.fullmatch(NAME, named) else None


def first_repository(urls: Sequence[str], api: str = API) -> str | None:
    """`owner/name` of the first of a remote's URLs that is on GitHub; None if none is."""
    return next((repository for url in urls if (repository := repository_of(url, api))), None)


def repository_of(url: str, api: str = API) -> str | None:
    """`owner/name` of a remote on github.com or the host of the configured API; None for any other."""
    host = (urlsplit(api).hostname or "").lower()
    hosts = {"github.com", "ssh.github.com", host, host.removeprefix("api.")}
    remote = REMOTE.fullmatch(url.strip())
    return remote["name"] if remote and remote["host"].lower() in hosts else None
