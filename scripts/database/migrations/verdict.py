# pure
"""The verdict on a migration: whether older code can live with it, and whether it can be undone.

`compatible`: older code lives with it, so it stays when the code goes back. `breaking`: older code does
not. `irreversible`: it destroys data. `reversible`: breaking or irreversible, and a rollback script
undoes it. A script does not bring destroyed data back; the reasons say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.database.migrations.statements import Statement, statements
from scripts.database.migrations.verdict_rules import (
    BREAKS,
    GOOD,
    LOST,
    Effect,
    Weight,
    added_columns,
    created,
    effects,
)

Word = Literal["reversible", "compatible", "breaking", "irreversible"]
ORDER: Sequence[Weight] = (GOOD, BREAKS, LOST)
NOT_BACK = "the rollback script brings the structure back, not the data"

# plpgsql's own words around the statements of a `do` block
_FRAME = re.compile(
    r"(?:<< ?\w+ ?> ?>|begin|declare|else|exception|loop|(?:if|elsif|elseif|when|case) .*? then|"
    r"(?:for|foreach|while) .*? loop)(?= |$)"
)
_IDLE = re.compile(
    r"(?:end\b.*|null|return\b.*|raise\b.*|exit\b.*|continue\b.*|get diagnostics\b.*|assert\b.*)"
)
_ASSIGNMENT = re.compile(r"[\w.]+(?: \[.*?\])? (?:: )?= (.*)")
_DEFAULT = re.compile(r".*?(?: default |: = | = )(.*)")


@dataclass(frozen=True)
class Verdict:
    """The word and its reasons. A compatible migration may have reasons too: what the rules can't see."""

    word: Word
    reasons: tuple[str, ...] = ()

    @property
    def stays(self) -> bool:
        """Older code lives with it, so a rollback need not undo it."""
        return self.word == "compatible"

    def __str__(self) -> str:
        return f"{self.word} ({'; '.join(self.reasons)})" if self.reasons else self.word


@dataclass(frozen=True)
class Lint:
    """A linter's finding that means breaking: rule, line (counted from 1), message."""

    rule: str
    line: int
    message: str


def judge(sql: str, has_script: bool, lints: Iterable[Lint] = ()) -> Verdict:
    """The verdict on a migration's text, by our own rules and a linter's findings."""
    seen = [*_all_effects(sql, tuple(lints))]
    weight = max((effect.weight for effect in seen), key=ORDER.index, default=GOOD)
    worst_first = sorted(seen, key=lambda effect: -ORDER.index(effect.weight))
    reasons = tuple(dict.fromkeys(effect.reason for effect in worst_first if effect.reason))
    if weight == GOOD:
        return Verdict("compatible", reasons)
    if not has_script:
        return Verdict("breaking" if weight == BREAKS else "irreversible", reasons)
    return Verdict("reversible", (*reasons, NOT_BACK) if weight == LOST else reasons)


def losses(sql: str) -> tuple[str, ...]:
    """What data a script destroys, in words."""
    return tuple(dict.fromkeys(effect.reason for effect in _all_effects(sql, ()) if effect.weight == LOST))


def _all_effects(sql: str, lints: Sequence[Lint]) -> Iterator[Effect]:
    """The effects of every statement. On things that the migration itself creates, all is compatible."""
    new_things: set[str] = set()
    new_columns: set[str] = set()
    unplaced = list(lints)
    for statement in statements(sql):
        own: list[Effect] = []
        only_new = True
        for bare in _inner(statement) or [statement.bare]:
            for effect in effects(bare, frozenset(new_columns)):
                is_new = effect.table in new_things or effect.table.partition(".")[0] in new_things
                only_new = only_new and (is_new or created(bare) is not None)
                own.append(Effect(GOOD) if is_new else effect)
            new_columns.update(added_columns(bare))
            thing = created(bare)
            if thing and "if not exists" not in bare.partition("(")[0]:
                new_things.add(thing)
        yield from own
        here = [lint for lint in unplaced if statement.first <= lint.line <= statement.last]
        unplaced = [lint for lint in unplaced if lint not in here]
        if not only_new and all(effect.weight == GOOD for effect in own):
            yield from (_effect_of(lint) for lint in here)
    yield from (_effect_of(lint) for lint in unplaced)


def _effect_of(lint: Lint) -> Effect:
    return Effect(BREAKS, f"squawk, line {lint.line}: {lint.rule}")


def _inner(statement: Statement) -> list[str]:
    """The statements inside a `do` block, without plpgsql's own words; empty for anything else."""
    if not re.match(r"do\b", statement.bare):
        return []
    if ("language" in statement.bare and "plpgsql" not in statement.bare) or not statement.quoted:
        return ["do in another language"]
    inner = ["set nothing"]  # so that a block without effect is not taken for one that was not understood
    declaring = False
    for part in statements(statement.quoted[0]):
        bare = part.bare
        while frame := _FRAME.match(bare):
            declaring = frame[0] == "declare" or (declaring and frame[0] != "begin")
            inner += [f"select {frame[0]}"] if " " in frame[0] else []  # what a condition calls
            bare = bare[frame.end() :].strip()
        assigned = (_DEFAULT if declaring else _ASSIGNMENT).fullmatch(bare)
        if assigned:
            inner.append(f"select {assigned[1]}")
        elif bare and not declaring and not _IDLE.fullmatch(bare):
            inner.append(bare)
    return inner
