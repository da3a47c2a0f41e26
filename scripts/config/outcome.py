# pure
"""How a task ends: done, nothing to do, declined, failed or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scripts.errors import DeskError

Ending = Literal["done", "nothing", "declined", "failed", "unknown"]


@dataclass(frozen=True)
class Outcome:
    """What a workflow returns, and what `--json` prints.

    Args:
        closing: for people, what is live and whether the lock is free; "" where the task changes neither.
        data: the task's own part of the JSON document, next to the four keys that all tasks share.
    """

    ending: Ending
    message: str
    hint: str | None = None
    code: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    closing: str = ""

    @classmethod
    def done(cls, message: str, hint: str | None = None, **data: Any) -> Outcome:
        """It did what was asked."""
        return cls("done", message, hint, data=data)

    @classmethod
    def nothing(cls, message: str, hint: str | None = None, **data: Any) -> Outcome:
        """Everything was already as it should be."""
        return cls("nothing", message, hint, data=data)

    @classmethod
    def failed(cls, message: str, hint: str | None = None, **data: Any) -> Outcome:
        """The answer is no: a refused plan, a report with findings."""
        return cls("failed", message, hint, code=1, data=data)

    @classmethod
    def of(cls, error: DeskError) -> Outcome:
        """The ending that an error stands for."""
        return cls(error.ending, error.message, error.hint, error.code, error.data)

    def document(self) -> dict[str, Any]:
        """The JSON document: `ending`, `code`, `message`, `hint`, and the task's own keys."""
        shared = {"ending": self.ending, "code": self.code, "message": self.message, "hint": self.hint}
        return {**self.data, **shared}


@dataclass(frozen=True)
class Refusal:
    """Why a task may not go on, what to type instead, and the exit code.

    Args:
        rule: the name of the rule that refuses, for callers that tell refusals apart.
    """

    why: str
    hint: str | None
    code: int = 1
    rule: str = ""
