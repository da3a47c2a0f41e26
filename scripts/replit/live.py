"""What a public URL answers, whether that proves a release, and the wait for a commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from scripts import http
from scripts.config.desk import Desk
from scripts.config.settings import Environment

GOOD_ANSWERS = 2  # in a row prove a release: a single one may come from an instance about to be replaced
FIRST_PAUSE = 0.05  # seconds between two looks; grows towards `[verify] interval`


@dataclass(frozen=True)
class Answer:
    """One look at a public URL.

    Args:
        status: the HTTP status of the version stamp; None when nobody answered.
        pages: status of each page that must work; None where nobody answered.
        error: why there is no answer, or why it could not be read.
    """

    status: int | None
    commit: str | None = None
    environment: str | None = None
    schema: str | None = None
    pages: tuple[tuple[str, int | None], ...] = ()
    error: str | None = None

    @property
    def silent(self) -> bool:
        """No answer at all: what is live is unknown."""
        return self.status is None

    def __str__(self) -> str:
        if self.silent:
            return f"no answer ({self.error})"
        if self.commit is None:
            return f"HTTP {self.status} without a commit ({self.error})"
        return f"`{self.commit[:12]}`"


@dataclass(frozen=True)
class Expected:
    """What the public URL must answer for a release to be proven; None where it is not known."""

    commit: str
    environment: str
    schema: str | None = None


def fault(answer: Answer, expected: Expected) -> str | None:
    """Why the answer proves nothing, or None when the release is live and works."""
    if answer.silent:
        return f"nobody answers: {answer.error}"
    if answer.commit is None:
        return f"the version stamp can't be read: {answer.error}"
    if answer.commit != expected.commit:
        return f"`{answer.commit[:12]}` answers, not `{expected.commit[:12]}`"
    if answer.environment not in (None, expected.environment):
        return f"it says that it is `{answer.environment}`, not `{expected.environment}`"
    if expected.schema is not None and answer.schema not in (None, expected.schema):
        return f"it was built for schema `{answer.schema}`, not `{expected.schema}`"
    broken = [
        f"`{path}` gives {status or 'no answer'}"
        for path, status in answer.pages
        if status is None or not 200 <= status < 300
    ]
    return "; ".join(broken) or None


def look(desk: Desk, environment: Environment) -> Answer:
    """Ask the public URL of an environment once, for its stamp and the pages of `[verify] paths`."""
    verify = desk.settings.verify
    path, pages = desk.settings.app.version_path, verify.paths
    seen = http.look(environment.url, path, pages, verify.request_timeout)
    return Answer(
        status=seen.status,
        commit=seen.stamp.get("commit"),
        environment=seen.stamp.get("environment"),
        schema=seen.stamp.get("schema"),
        pages=seen.pages,
        error=seen.error,
    )


class Sighting(NamedTuple):
    """One look of a wait.

    Args:
        problem: why the answer proves nothing; None when it is good.
        good: how many good answers came in a row.
        late: `[verify] timeout` is over.
    """

    answer: Answer
    problem: str | None
    good: int
    late: bool


def watch(
    desk: Desk, look_again: Callable[[], Answer], expected: Expected, *, pages: bool = True
) -> Iterator[Sighting]:
    """Look again and again, without end: the caller stops after enough good answers, or when it is late.

    Args:
        look_again: one look at the public URL.
        expected: what it must answer.
        pages: whether the pages count; otherwise only the stamp does.
    """
    verify = desk.settings.verify
    started, good, pause = desk.clock(), 0, min(FIRST_PAUSE, verify.interval)
    while True:
        answer = look_again()
        problem = fault(answer if pages else replace(answer, pages=()), expected)
        good = 0 if problem else good + 1
        yield Sighting(answer, problem, good, desk.clock() - started > verify.timeout)
        desk.sleep(pause if problem else FIRST_PAUSE)
        pause = min(verify.interval, pause * 1.3)
