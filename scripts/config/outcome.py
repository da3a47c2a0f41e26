"""How a task ends: done, nothing to do, declined, failed, unknown; never confused."""

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
        data: the task's own part of the JSON document, beside the five keys that all tasks share.
    """

    ending: Ending
    message: str
    hint: str | None = None
    code: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def done(cls, message: str, hint: str | None = None, **data: Any) -> Outcome:
        """It did what was asked."""
        return cls("done", message, hint, data=data)

    @classmethod
    def nothing(cls, message: str, **data: Any) -> Outcome:
        """All was as wished already."""
        return cls("nothing", message, data=data)

    @classmethod
    def failed(cls, message: str, hint: str | None = None, **data: Any) -> Outcome:
        """It looked, and the answer is no (a plan that is refused, a report with findings)."""
        return cls("failed", message, hint, code=1, data=data)

    @classmethod
    def of(cls, error: DeskError) -> Outcome:
        """The ending that an error stands for."""
        return cls(error.ending, error.message, error.hint, error.code, error.data)

    def document(self) -> dict[str, Any]:
        """The JSON document of design section 8."""
        shared = {
            "ending": self.ending,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }
        return {**self.data, **shared}


@dataclass(frozen=True)
class Refusal:
    """Why not, what to type instead, and the exit code; `rule` where somebody asks for it."""

    why: str
    hint: str | None
    code: int = 1
    rule: str = ""
