"""GitHub's REST API: what a repository enforces and holds; the token goes to that host alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from scripts.errors import CommandFailed, ConfigError, Unreachable
from scripts.http import LOOPBACK, get_json
from scripts.system.secret import Secret

API = "https://api.github.com"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
TIMEOUT = 10.0
PAGE = 100  # entries of a list that one request asks for; GitHub allows no more
MOST_PAGES = 100
NAME = r"[A-Za-z0-9][\w-]*/(?!\.{1,2}(?:/|$))[\w.-]+?"  # a part of URLs: no step out of the path
REMOTE = re.compile(
    rf"(?:https?://|ssh://)?(?:[^@/\s]+@)?(?P<host>[\w.-]+)(?::\d+)?[:/](?P<name>{NAME})(?:\.git)?/?"
)


@dataclass(frozen=True)
class Github:
    """One repository, as `owner/name`, seen with one token."""

    repository: str
    token: Secret
    api: str = API

    def __post_init__(self) -> None:
        """Raises ConfigError: the token would travel unencrypted."""
        parts = urlsplit(self.api)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigError(
                f"GitHub's API at `{self.api}` is no https address",
                "correct `GITHUB_API_URL`, or `[secrets] github_api`",
            )

    def get(self, path: str = "") -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON document and headers of one question about the repository.

        Raises:
            Unreachable: no answer, or a good one that is no JSON.
        """
        url = f"{self.api.rstrip('/')}/repos/{self.repository}{path}"
        return get_json(url, self.token, TIMEOUT, HEADERS)

    def post(self, path: str, document: Mapping[str, Any]) -> tuple[int, Any]:
        """Status and JSON document of the answer to something that is created in the repository.

        Raises:
            Unreachable: no answer.
        """
        url = f"{self.api.rstrip('/')}/repos/{self.repository}{path}"
        return get_json(url, self.token, TIMEOUT, HEADERS, document)[:2]

    def environment_secrets(self, environment: str) -> list[str]:
        """The names of a GitHub environment's secrets, every page of them. Their values can't be read.

        Raises:
            Unreachable: no answer, or the token may not read them.
            CommandFailed: the answer is no list of secrets.
        """
        names: list[str] = []
        path = f"/environments/{quote(environment, safe='')}/secrets"
        for page in range(1, MOST_PAGES + 1):
            status, document, _ = self.get(f"{path}?per_page={PAGE}&page={page}")
            require_readable(status, "GitHub")
            secrets = document.get("secrets") if isinstance(document, dict) else None
            if not isinstance(secrets, list):
                raise CommandFailed("GitHub answered something else than a list of secrets")
            names += [
                str(secret["name"]) for secret in secrets if isinstance(secret, dict) and "name" in secret
            ]
            if len(secrets) < PAGE:
                break
        return names


def require_readable(status: int, host: str, what: str = "secrets") -> None:
    """Return for status 200.

    Raises:
        Unreachable: any other status, with what it means for the token.
    """
    if status in (401, 403):
        raise Unreachable(
            f"{host} does not accept the token ({status})", f"give it the right to read {what}"
        )
    if status == 404:
        raise Unreachable(f"{host} has no such project or environment, or hides it from this token (404)")
    if status != 200:
        raise Unreachable(f"{host} answered {status}")


def from_process(urls: Sequence[str], token: str | None) -> Github | None:
    """The repository of a remote's URLs, or the CI job's; None without a token or a repository.

    In GitHub Actions the variables `GITHUB_TOKEN`, `GITHUB_REPOSITORY` and `GITHUB_API_URL` are the job's.
    """
    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN") or token
    api = os.environ.get("GITHUB_API_URL") or API
    named = os.environ.get("GITHUB_REPOSITORY") or ""
    job = named if re.fullmatch(NAME, named) else None
    repository = first_repository(urls, api) or job
    if not (token and repository):
        return None
    return Github(repository, Secret(token), api)


def branch_path(branch: str, rest: str = "") -> str:
    """The part of a path that names a branch: a `/` in its name separates nothing."""
    return f"{quote(branch, safe='')}{rest}"


def first_repository(urls: Sequence[str], api: str = API) -> str | None:
    """`owner/name` of the first of a remote's URLs that is on GitHub; None if none is."""
    return next((repository for url in urls if (repository := repository_of(url, api))), None)


def repository_of(url: str, api: str = API) -> str | None:
    """`owner/name` of a remote on github.com or the host of the configured API; None for any other."""
    host = (urlsplit(api).hostname or "").lower()
    hosts = {"github.com", "ssh.github.com", host, host.removeprefix("api.")}
    remote = REMOTE.fullmatch(url.strip())
    return remote["name"] if remote and remote["host"].lower() in hosts else None
