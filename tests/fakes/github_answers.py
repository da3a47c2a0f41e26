"""GitHub's answers, one after another, as a test names them; and the client that gets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from requests.structures import CaseInsensitiveDict

from scripts.errors import Unreachable
from scripts.github.client import Answer, Github
from scripts.system.secret import Secret
from tests.fakes.clock import FakeClock


class Lost(Exception):
    """No answer comes."""


@dataclass
class Script:
    """Answers a list of requests in turn, and remembers them.

    Args:
        answers: status, document, headers; or `Lost`.
    """

    answers: list[tuple[int, Any, Mapping[str, str]] | type[Lost]]
    asked: list[tuple[str, str, Any, Mapping[str, str]]] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    def __call__(
        self,
        url: str,
        _token: Secret,
        _timeout: float,
        headers: Mapping[str, str] | None = None,
        sends: Mapping[str, Any] | None = None,
        *,
        method: str = "",
    ) -> Answer:
        """The next answer."""
        self.asked.append((method, url.partition("/repos/o/r")[2], sends, headers or {}))
        answer = self.answers.pop(0)
        if isinstance(answer, type):
            raise Unreachable("the API at `api.github.com` gave no answer (timed out)")
        status, document, headers = answer
        return status, document, CaseInsensitiveDict(headers)

    @property
    def hub(self) -> Github:
        """The client that gets these answers, by a clock that passes at once."""
        token = Secret("token-of-a-fake")
        return Github("o/r", token, sleep=self.clock.sleep, clock=self.clock, exchange=self)
