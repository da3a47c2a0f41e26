"""GitHub's REST API: one repository, asked and told; the token goes to that host alone.

Waits out rate limits, tries again what may be repeated, turns pages, and asks with an ETag what it has
asked before, which costs nothing of the rate limit.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from scripts.errors import CommandFailed, ConfigError, Unreachable
from scripts.github import retry
from scripts.github.app_token import Installation
from scripts.http import LOOPBACK, get_json
from scripts.system.secret import Secret

API = "https://api.github.com"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
TIMEOUT = 10.0
PAGE = 100  # entries of a list that one request asks for; GitHub allows no more
MOST_PAGES = 100
TOLD = 10.0  # seconds; a longer pause is said
PATIENCE = 120.0  # seconds that one call waits for rate limits and faults, all in all

Answer = tuple[int, Any, Mapping[str, str]]  # status, JSON document, headers
Find = Callable[[], Mapping[str, Any] | None]
Exchange = Callable[..., Answer]  # makes one request: `get_json`, or a stand-in


@dataclass(frozen=True)
class Github:
    """One repository, as `owner/name`, seen with one token, or as an app that is installed for it."""

    repository: str
    token: Secret | Installation
    api: str = API
    sleep: Callable[[float], None] = field(default=time.sleep, compare=False, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, compare=False, repr=False)
    exchange: Exchange = field(default=get_json, compare=False, repr=False)
    note: Callable[[str], None] = field(default=lambda _text: None, compare=False, repr=False)
    patience: float = field(default=PATIENCE, compare=False)
    _seen: dict[str, Answer] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ConfigError: the token would travel unencrypted."""
        parts = urlsplit(self.api)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigError(
                f"GitHub's API at `{self.api}` is no https address",
                "correct `GITHUB_API_URL`, or `[secrets] github_api`",
            )

    def get(self, path: str = "") -> Answer:
        """Status, JSON document and headers of one question about the repository.

        Raises:
            Unreachable: no answer, a good one that is no JSON, or a rate limit that lasts.
        """
        before = self._seen.get(path)
        answer = self._send("GET", self._of(path), etag=before[2].get("ETag", "") if before else "")
        if answer[0] == 304 and before:
            return before
        if answer[0] == 200 and answer[2].get("ETag"):
            self._seen[path] = answer
        return answer

    def post(self, path: str, document: Mapping[str, Any]) -> tuple[int, Any]:
        """Status and JSON document of the answer to something that is created in the repository.

        Raises:
            Unreachable: no answer; it may have been created.
        """
        return self.send("POST", path, document)

    def send(self, method: str, path: str, document: Mapping[str, Any]) -> tuple[int, Any]:
        """As `post`, for any method.

        Raises:
            Unreachable: no answer.
        """
        return self._send(method, self._of(path), document)[:2]

    def user(self) -> Answer:
        """Whose the token is: 403 for one that is no person's.

        Raises:
            Unreachable: no answer.
        """
        return self._send("GET", "/user")

    def _of(self, path: str) -> str:
        return f"/repos/{self.repository}{path}"

    def create(
        self, path: str, document: Mapping[str, Any], find: Find, deed: str, right: str = ""
    ) -> tuple[Mapping[str, Any], bool]:
        """What `find` finds, or what is created; and whether it is new. Nothing is created twice.

        Args:
            deed: for an error: "create a release".
            right: that the token needs.

        Raises:
            Unreachable: no answer.
            CommandFailed: GitHub refuses it.
        """
        for tries in itertools.count():
            if (found := find()) is not None:
                return found, False
            try:
                status, made = self.post(path, document)
            except Unreachable:
                pause = retry.after_fault("GET", tries)
                if pause is None:
                    raise
                self.sleep(pause)
                continue
            if status in (200, 201) and isinstance(made, Mapping):
                return made, True
            if status == 422 and (found := find()) is not None:  # somebody else was quicker
                return found, False
            raise refused(status, made, deed, right)
        raise AssertionError

    def rows(
        self, path: str, key: str = "", what: str = "the repository", none: Collection[int] = ()
    ) -> Iterator[Mapping[str, Any]]:
        """Every entry of a list, page by page; of the list under `key` where the answer is an object.

        Args:
            none: statuses that mean an empty list.

        Raises:
            Unreachable: no answer, or the token may not read it.
            CommandFailed: the answer is no such list.
        """
        address, _, more = path.partition("?")
        query = {**dict(parse_qsl(more)), "per_page": str(PAGE), "page": "1"}
        for page in range(1, MOST_PAGES + 1):
            status, document, headers = self.get(f"{address}?{urlencode(query)}")
            if status in none:
                return
            require_readable(status, "GitHub", what)
            listed = document.get(key) if key and isinstance(document, dict) else document
            if not isinstance(listed, list):
                raise CommandFailed(f"GitHub answered something else than a list of {what}")
            yield from (row for row in listed if isinstance(row, dict))
            link = _next(headers.get("Link", ""))
            if link is None and (headers.get("Link") or len(listed) < PAGE):
                return
            query = link or {**query, "page": str(page + 1)}

    def environment_secrets(self, environment: str) -> list[str]:
        """The names of a GitHub environment's secrets. Their values can't be read.

        Raises:
            Unreachable: no answer, or the token may not read them.
            CommandFailed: the answer is no list of secrets.
        """
        path = f"/environments/{quote(environment, safe='')}/secrets"
        return [str(row["name"]) for row in self.rows(path, "secrets", "secrets") if "name" in row]

    def _send(
        self, method: str, path: str, document: Mapping[str, Any] | None = None, etag: str = ""
    ) -> Answer:
        """One request, again where that helps and the time allows."""
        until = self.clock() + self.patience
        for tries in itertools.count():
            fault, (status, said, headers) = self._once(method, path, document, etag)
            pause = retry.after_limit(status, headers, said, tries, time.time())
            limited = pause is not None
            if fault:
                pause = retry.after_fault(method, tries)
                told = retry.named(headers, time.time())
                pause = None if pause is None else max(pause, told or 0.0)
            elif not limited:
                return status, said, headers
            if pause is None or tries + 1 >= retry.TRIES or self.clock() + pause > until:
                raise fault or Unreachable(
                    f"GitHub's rate limit: it takes requests again in {pause or 0:.0f} s",
                    "wait, and try again",
                )
            if pause >= TOLD:
                self.note(f"GitHub takes requests again in {pause:.0f} s: waiting")
            self.sleep(pause)
        raise AssertionError

    def _once(
        self, method: str, path: str, document: Mapping[str, Any] | None, etag: str
    ) -> tuple[Unreachable | None, Answer]:
        """One request: the fault of the network or of the server, or the answer."""
        url = f"{self.api.rstrip('/')}{path}"
        token = self.token.current() if isinstance(self.token, Installation) else self.token
        headers = {**HEADERS, **({"If-None-Match": etag} if etag else {})}
        try:
            answer = self.exchange(url, token, TIMEOUT, headers, document, method=method)
        except Unreachable as fault:
            return fault, (0, None, {})
        if answer[0] >= 500:
            return Unreachable(
                f"GitHub answers {answer[0]}", "try again; see https://www.githubstatus.com"
            ), answer
        return None, answer


def _next(link: str) -> dict[str, str] | None:
    """The query of the next page, by the header `Link`; its host is not looked at: the token stays here."""
    for part in link.split(","):
        address, *parameters = part.split(";")
        if any(each.strip() == 'rel="next"' for each in parameters):
            return dict(parse_qsl(urlsplit(address.strip(" <>")).query))
    return None


def refused(status: int, document: Any, deed: str, right: str = "") -> CommandFailed:
    """The error for what GitHub would not do, with its own words.

    Args:
        deed: "create a release".
        right: that the token needs for it.
    """
    said = ""
    if isinstance(document, Mapping):
        listed = document.get("errors")
        errors = listed if isinstance(listed, list) else []
        more = [str(each.get("message", "") if isinstance(each, Mapping) else each) for each in errors]
        said = "; ".join(filter(None, [str(document.get("message") or ""), *more]))
    hint = f"give the token the right `{right}`" if right and status in (401, 403, 404) else None
    return CommandFailed(f"GitHub does not {deed} ({status}{f': {said}' if said else ''})", hint)


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


def branch_path(branch: str, rest: str = "") -> str:
    """The part of a path that names a branch: a `/` in its name separates nothing."""
    return f"{quote(branch, safe='')}{rest}"
