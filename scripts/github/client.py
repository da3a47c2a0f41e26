"""GitHub's REST API, asked for what it enforces; the token goes to that host alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from scripts.errors import ConfigError, Unreachable
from scripts.system.secret import Secret, redact

PUBLIC = "https://api.github.com"
TIMEOUT = 10.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
OWNER_AND_NAME = re.compile(
    r"(?:https?://|ssh://)?(?:[^@/\s]+@)?github\.com[:/]([\w.-]+)/([\w.-]+?)(?:\.git)?/?"
)


@dataclass(frozen=True)
class Github:
    """One repository, as `owner/name`, seen with one token."""

    repository: str
    token: Secret
    api: str = PUBLIC

    def __post_init__(self) -> None:
        """Raises ConfigError: the token would travel in clear."""
        parts = urlsplit(self.api)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigError("`GITHUB_API_URL` is no https address", "unset it, or correct it")

    def get(self, path: str = "") -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON document and headers of one question about the repository.

        Raises:
            Unreachable: no answer, or one that is no JSON.
        """
        import requests

        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token.reveal()}",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "release-desk",
        }
        url = f"{self.api.rstrip('/')}/repos/{self.repository}{path}"
        try:
            answer = requests.get(url, headers=headers, timeout=TIMEOUT, allow_redirects=False)
            document = answer.json() if answer.content else None
        except (requests.RequestException, OSError, ValueError) as fault:
            why = redact(type(fault).__name__)
            raise Unreachable(f"GitHub's API at `{self.api}` gave no answer ({why})") from None
        return answer.status_code, document, answer.headers


def from_process(addresses: Sequence[str], token: str | None) -> Github | None:
    """The repository of a remote's addresses, or the one that the CI job is about; None without a token.

    In GitHub Actions the variables `GITHUB_TOKEN`, `GITHUB_REPOSITORY` and `GITHUB_API_URL` are the job's.
    """
    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN") or token
    named = os.environ.get("GITHUB_REPOSITORY") or ""
    job = named if re.fullmatch(r"[\w.-]+/[\w.-]+", named) else None
    repository = next(filter(None, map(repository_of, addresses)), job)
    if not (token and repository):
        return None
    return Github(repository, Secret(token), os.environ.get("GITHUB_API_URL") or PUBLIC)


def branch_path(branch: str, rest: str = "") -> str:
    """The part of an address that names a branch: `/` in its name is no step of the path."""
    return f"{quote(branch, safe='')}{rest}"


def repository_of(address: str) -> str | None:
    """`owner/name` of a remote on github.com; None for any other host."""
    found = OWNER_AND_NAME.fullmatch(address.strip())
    return f"{found[1]}/{found[2]}" if found else None
