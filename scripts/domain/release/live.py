"""What a public URL answered, and whether that proves a release."""

from __future__ import annotations

from dataclasses import dataclass


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
        """Nobody answered at all: what is live can't be told."""
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
