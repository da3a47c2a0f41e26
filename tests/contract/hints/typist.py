"""A person who types what hints say: the words go through Invoke's parser into a world of fakes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from invoke.context import Context
from invoke.parser.context import ParserContext
from invoke.parser.parser import Parser

import tasks
from scripts import app
from scripts.config.outcome import Outcome
from scripts.config.request import Request
from scripts.errors import DeskError
from scripts.tasks import options
from tests.contract.hints.collect import IN_BACKTICKS, Command
from tests.fakes.world import Notes, World

MOST = 6  # hints on the way to one good end
# what a person puts for a word in capitals
WORDS = {"REASON": "because", "TEXT": "because", "...": "because", "ENV": "staging", "ID": "b1", "vN": "v1"}


def parse(words: list[str]) -> ParserContext:
    """The call as Invoke reads it; `words` are those after `invoke`.

    Raises:
        invoke.exceptions.ParseError: there is no such task or option, or a value is missing.
    """
    # the task alone: Invoke copies every option of every task for each call; and without Invoke's own
    # options, of which none belongs into a hint
    known = [context for context in _contexts() if words[0] in (context.name, *context.aliases)]
    return Parser(contexts=known, initial=ParserContext()).parse_argv(words)[-1]


@cache
def _contexts() -> list[ParserContext]:
    return list(tasks.namespace.to_contexts())


class Agreeing(Notes):
    """A person at a terminal who says yes to everything."""

    def confirm(self, environment: str, *aliases: str) -> bool:
        """They type the name."""
        return True

    def agree(self, question: str) -> bool:
        """They type yes."""
        return True


@dataclass
class Typist:
    """Types commands, and follows what they answer.

    Args:
        typed: the shapes of all that was typed.
        progress: makes the terminal that they sit at.
    """

    world: World
    patch: pytest.MonkeyPatch
    typed: list[str] = field(default_factory=list)
    progress: Callable[[], Notes] = Agreeing

    def type(self, line: str, actor: str = "Ada") -> Outcome:
        """Run one command; an error is an outcome, as it is for `app`."""
        words = [WORDS.get(word, word) for word in shlex.split(line)]
        self.typed.append(Command("", " ".join(words)).shape)
        context = parse(words)
        task = tasks.namespace[context.name]
        found: list[Outcome] = []

        def run(load: Callable[[], Callable[..., Outcome]], request: Request) -> None:
            try:
                found.append(load()(self.world.desk(actor, progress=self.progress()), request))
            except DeskError as fault:
                found.append(Outcome.of(fault))

        with self.patch.context() as patch:
            patch.setattr(app, "run", run)
            patch.setattr(options, "_start_quickly", lambda: None)
            task.body(Context(), **context.as_kwargs)
        return found[0]

    def until_good(self, line: str, depth: int = 0) -> Outcome:
        """Type it; where the answer is no, what its hint says, then the same again, up to a good end."""
        outcome = self.type(line)
        for _ in range(MOST):
            if outcome.code == 0:
                return outcome
            assert depth < MOST, f"the hints of `{line}` lead in a circle: {outcome.message}"
            last = self._follow(outcome, depth)
            same = (
                last is not None
                and last.code == 0
                and last.data.get("commit")
                and _task(line) in self.typed[-1]
            )
            outcome = last if same and last is not None else self.type(line)
        raise AssertionError(f"`{line}` came to no good end: {outcome.message} ({outcome.hint})")

    def instead(self, line: str) -> Outcome:
        """Type it; it is refused, and what its hint says is done instead of it."""
        outcome = self.type(line)
        assert outcome.code, outcome.message
        done = self._follow(outcome, 0)
        assert done is not None
        return done

    def _follow(self, outcome: Outcome, depth: int) -> Outcome | None:
        """Type the commands of a hint; a plan is done afterwards."""
        lines = commands_of(outcome.hint)
        assert lines, f"nothing to type in the hint of: {outcome.message}\n{outcome.hint}"
        last = None
        for line in lines:
            actor = "Bob" if line.startswith("approve") else "Ada"
            last = self.type(line, actor) if actor == "Bob" else self.until_good(line, depth + 1)
            if " --plan" in line:
                last = self.until_good(line.replace(" --plan", " --yes"), depth + 1)
        return last


def commands_of(hint: str | None) -> list[str]:
    """What a hint tells to type, without `invoke`; of alternatives (`or`) the first."""
    found: Iterable[str] = IN_BACKTICKS.findall(hint or "")
    if not found and (match := re.fullmatch(r"invoke ([^`]+)", hint or "")):
        found = [match[1]]
    return list(found)


def _task(line: str) -> str:
    return line.split(maxsplit=1)[0]


def closed(world: World) -> dict[str, Any]:
    """What must be true at a good end: nothing is locked, no candidate is left."""
    return {ref: sha for ref, sha in world.remote.refs.items() if ref.startswith("refs/deploy/")}
