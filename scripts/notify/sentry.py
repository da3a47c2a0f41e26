"""Sentry's releases: what a release brings, and where it was deployed. Best effort: said, never fatal.

The calls are those of `sentry-cli`: the release with its commits (208: Sentry knows it already), a deploy,
and the time from which the release counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from scripts.config.desk import Desk
from scripts.config.settings import Environment, Sentry
from scripts.git.client import Commit
from scripts.http import LARGEST_DOCUMENT, get_json
from scripts.notify.aside import meanwhile
from scripts.system.secret import Secret, redact

TOKEN = "SENTRY_AUTH_TOKEN"  # noqa: S105 - its name
MOST_COMMITS = 100
MOST_WORDS = 1_000  # characters of a commit's message
TELLS = "`project:releases`, or `org:ci`"  # the scope that is needed
REFUSED = {
    401: "it does not know the token",
    404: "it knows no such organization or project",
}


@dataclass(frozen=True)
class Deployed:
    """A release that is live. `commits` are what it brings, newest first; times in UTC, ISO 8601."""

    release: str
    commit: str
    commits: Sequence[Commit]
    started: str
    finished: str


class SentryRefused(Exception):
    """Sentry, or the configuration, says no: in a few words."""


@contextmanager
def telling(desk: Desk, environment: Environment, deployed: Deployed) -> Iterator[None]:
    """Tell Sentry while the block runs, within `[notices] budget` seconds; say what failed."""
    if not desk.settings.sentry.organization:
        yield
        return

    def tell(until: float) -> None:
        _tell(desk, environment, deployed, until)

    with meanwhile(desk, tell, "Sentry", (SentryRefused,)):
        yield


def version(sentry: Sentry, app: str, commit: str) -> str:
    """The name of a release at Sentry, which the app's bundle must have, too."""
    return sentry.version.replace("{app}", app).replace("{commit}", commit)


def _tell(desk: Desk, environment: Environment, deployed: Deployed, until: float) -> None:
    sentry = desk.settings.sentry
    name = version(sentry, desk.settings.app.name, deployed.commit)
    release = {
        "version": name,
        "projects": list(sentry.projects),
        "dateStarted": deployed.started,
        "commits": [_commit(each) for each in deployed.commits[:MOST_COMMITS]],
    }
    deploy = {
        "environment": environment.name,
        "name": deployed.release,
        "url": environment.url,
        "dateStarted": deployed.started,
        "dateFinished": deployed.finished,
    }
    api = Api(desk, environment, until)
    path = f"releases/{quote(name, safe='')}/"
    api.ask("POST", "releases/", release)
    api.ask("POST", f"{path}deploys/", deploy)
    api.ask("PUT", path, {"dateReleased": deployed.finished})


def _commit(commit: Commit) -> dict[str, str]:
    message = redact(commit.subject)[:MOST_WORDS]
    return {"id": commit.id, "author_name": commit.author, "timestamp": commit.at, "message": message}


class Api:
    """Sentry's web API for one organization, until a moment of the desk's clock."""

    def __init__(self, desk: Desk, environment: Environment, until: float) -> None:
        self._sentry = desk.settings.sentry
        self._token = desk.values(environment).get(TOKEN, "")
        self._desk, self._until = desk, until

    def ask(
        self,
        method: str,
        path: str,
        document: Mapping[str, Any] | None = None,
        *,
        scope: str = TELLS,
        most_bytes: int = LARGEST_DOCUMENT,
    ) -> Any:
        """The document of a good answer. A limit of Sentry's is waited out once, if there is time for it.

        Args:
            scope: that the token needs for it.

        Raises:
            SentryRefused: Sentry says no, or there is no token.
            DeskError: no answer.
        """
        if not self._token:
            raise SentryRefused(f"`{TOKEN}` is not set")
        organization = quote(self._sentry.organization, safe="")
        url = f"{self._sentry.url.rstrip('/')}/api/0/organizations/{organization}/{path}"
        for last in (False, True):
            seconds = max(0.1, self._until - self._desk.clock())
            status, answer, headers = get_json(
                url, Secret(self._token), seconds, sends=document, method=method, most_bytes=most_bytes
            )
            pause = _pause(headers)
            if status != 429 or last or self._desk.clock() + pause > self._until:
                break
            self._desk.sleep(pause)
        if status >= 300:
            lacks = {403: f"the token lacks a scope ({scope})"}
            raise SentryRefused({**REFUSED, **lacks}.get(status, f"it answers {status}"))
        return answer


def _pause(headers: Mapping[str, str]) -> float:
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else 1.0
