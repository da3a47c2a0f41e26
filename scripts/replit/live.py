"""What a public URL answers, whether that proves a release, and the wait for a commit."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from scripts import http
from scripts.config.access import headers_for
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import ConfigError
from scripts.system.background import submit

AT_ONCE = 6  # looks at the same time, once there was a good one
# at the same time, where the server has shown that it answers `AT_ONCE` looks as quickly as one
CONNECTIONS = 60
ALIKE = 1.25  # times the quickest look: what takes no longer is as quick
MOST_STREAKS = 4  # times `[verify] streak` is asked for at most, where two commits answer in turn
FIRST_PAUSE = 0.05  # seconds between two looks; grows towards `[verify] interval`
SHARE = 0.05  # of the time that has passed: a release is seen so much later than it is live, at most


@dataclass(frozen=True)
class Answer:
    """One look at a public URL.

    Args:
        status: the HTTP status of the version stamp; None when nobody answered.
        pages: status of each page that must work; None where nobody answered.
        error: why there is no answer, or why it could not be read.
        login: a log-in answered in place of the app.
        at: the server's clock, in seconds since 1970; None if it did not say.
    """

    status: int | None
    commit: str | None = None
    environment: str | None = None
    schema: str | None = None
    pages: tuple[tuple[str, int | None], ...] = ()
    error: str | None = None
    login: bool = False
    at: float | None = field(default=None, compare=False)

    @property
    def silent(self) -> bool:
        """No answer of the app: what is live is unknown."""
        return self.status is None or self.login

    def __str__(self) -> str:
        if self.silent:
            return f"no answer{' of the app' if self.login else ''} ({self.error})"
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
        return f"{'a log-in answers' if answer.login else 'nobody answers'}: {answer.error}"
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
    try:
        headers = headers_for(desk, environment)
    except ConfigError as fault:
        return Answer(None, error=fault.message, login=True)
    seen = http.look(environment.url, path, pages, verify.request_timeout, headers)
    return Answer(
        status=seen.status,
        commit=seen.stamp.get("commit"),
        environment=seen.stamp.get("environment"),
        schema=seen.stamp.get("schema"),
        pages=seen.pages,
        error=seen.error,
        login=seen.login,
        at=seen.at,
    )


class Sighting(NamedTuple):
    """One look of a wait, or several at the same time.

    Args:
        answer: the last one; the first that proves nothing, if there is one.
        problem: why it proves nothing; None when it is good.
        good: how many good answers came in a row.
        proven: they are enough.
        late: `[verify] timeout` is over.
        flapping: in words, that other commits answered after the first good answer; "" if none did.
    """

    answer: Answer
    problem: str | None
    good: int
    proven: bool
    late: bool
    flapping: str = ""


@dataclass
class _Tally:
    """The answers of a wait.

    Args:
        good: so many good ones came in a row.
        asked: all since the first good one.
        others: commit -> how often another one answered since then.
    """

    wanted: str
    good: int = 0
    asked: int = 0
    others: Counter[str] = field(default_factory=Counter)

    def add(self, answer: Answer, problem: str | None) -> None:
        self.good = 0 if problem else self.good + 1
        if self.asked or not problem:
            self.asked += 1
            if answer.commit not in (None, self.wanted):
                self.others[str(answer.commit)] += 1

    def needed(self, streak: int) -> int:
        """How many good answers in a row prove it: more where several commits answer in turn."""
        return max(1, streak) * min(1 + self.others.total(), MOST_STREAKS)

    @property
    def flapping(self) -> str:
        if not self.others:
            return ""
        named = ", ".join(f"`{commit[:12]}` {count} times" for commit, count in self.others.most_common(3))
        return f"it flaps: of the {self.asked} answers since the first good one, {named}"


class _Looks:
    """Looks that are under way, each over a connection of its own; their answers come in the looks' order.

    `AT_ONCE` at the same time. Where so many took no longer than one, the time is that of the way to the
    server, not of its work, and there may be more.
    """

    def __init__(self, desk: Desk, look_again: Callable[[], Answer]) -> None:
        self._clock = desk.clock
        self._look = look_again
        self._begun: deque[tuple[int, Future[tuple[Answer, float]]]] = deque()
        self._quickest = math.inf
        self._last = deque[float](maxlen=AT_ONCE)
        self._limit = AT_ONCE
        self._more = max(AT_ONCE, CONNECTIONS // (1 + len(desk.settings.verify.paths)))

    def __len__(self) -> int:
        return len(self._begun)

    @property
    def full(self) -> bool:
        """No more may begin now."""
        return self._unanswered() >= self._limit

    @property
    def quick(self) -> bool:
        """The server has shown that it has no trouble with many at the same time."""
        return self._limit > AT_ONCE

    @property
    def answered(self) -> bool:
        """The next answer is there."""
        return bool(self._begun) and self._begun[0][1].done()

    def begin(self) -> None:
        """Look once more."""
        self._begun.append((self._unanswered() + 1, submit(self._timed)))

    def answer(self) -> Answer:
        """The next answer."""
        together, look = self._begun.popleft()
        answer, seconds = look.result()
        self._last.append(seconds)
        if answer.commit:
            self._quickest = min(self._quickest, seconds)
        if together >= AT_ONCE:
            alike = max(self._last) <= self._quickest * ALIKE + FIRST_PAUSE
            self._limit = self._more if alike else AT_ONCE
        return answer

    def _unanswered(self) -> int:
        return sum(not look.done() for _, look in self._begun)

    def _timed(self) -> tuple[Answer, float]:
        began = self._clock()
        return self._look(), self._clock() - began


def watch(
    desk: Desk,
    look_again: Callable[[], Answer],
    expected: Expected,
    *,
    pages: bool = True,
    last_begun: Callable[[], None] | None = None,
) -> Iterator[Sighting]:
    """Look again and again, without end: the caller stops when it is proven, or late.

    Once there was a good answer, the looks that are missing begin one after the other, spread over
    `[verify] window`, and do not wait for each other's answers.

    Args:
        look_again: one look at the public URL.
        expected: what it must answer.
        pages: whether the pages count; otherwise only the stamp does.
        last_begun: is called when the last looks of a streak are under way, to a server that is quick.
    """
    verify, tally, looks = desk.settings.verify, _Tally(expected.commit), _Looks(desk, look_again)
    started = due = desk.clock()
    while True:
        missing = max(1, tally.needed(verify.streak) - tally.good if tally.good else 1)
        while len(looks) < missing and not looks.full and not looks.answered:
            desk.sleep(max(0.0, due - desk.clock()))
            looks.begin()
            due += verify.window / tally.needed(verify.streak)
        if last_begun and tally.good and len(looks) >= missing and looks.quick:
            last_begun()
        answer = looks.answer()
        problem = fault(answer if pages else replace(answer, pages=()), expected)
        tally.add(answer, problem)
        now, needed = desk.clock(), tally.needed(verify.streak)
        proven, late = tally.good >= needed, now - started > verify.timeout
        yield Sighting(answer, problem, tally.good, proven, late, tally.flapping)
        if problem:
            due = now + min(verify.interval, max(FIRST_PAUSE, SHARE * (now - started)))
        elif proven or tally.good == 1:
            due = now + max(FIRST_PAUSE if proven else 0.0, verify.window / needed)


def flapping(look_again: Callable[[], Answer], commit: str) -> str:
    """After one good answer, a dozen more at the same time: in words, that other commits answer as well."""
    tally = _Tally(commit, good=1, asked=1)
    for answer in answers_at_once(look_again, 2 * AT_ONCE):
        tally.add(answer, None)
    return tally.flapping


def disagreement(answers: Sequence[Answer]) -> str:
    """In words, that several commits answered at the same time; "" if one did, or none."""
    commits = Counter(answer.commit for answer in answers if answer.commit)
    if len(commits) < 2:
        return ""
    named = ", ".join(f"`{commit[:12]}` {count} times" for commit, count in commits.most_common(3))
    return f"it flaps: of {len(answers)} answers at the same time, {named}"


def answers_at_once(look_again: Callable[[], Answer], number: int) -> list[Answer]:
    """So many looks at the same time, each over a connection of its own."""
    if number == 1:
        return [look_again()]
    return [each.result() for each in [submit(look_again) for _ in range(number)]]
