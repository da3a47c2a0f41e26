# pure
"""The verdict on a migration: whether older code can live with it, and whether it can be undone.

`compatible`: older code lives with it, so it stays when the code goes back. `breaking`: older code does
not, or what it does can't be told. `irreversible`: it changes or deletes rows that exist. `reversible`:
breaking or irreversible, and a rollback script undoes it. A script does not bring destroyed data back; the
reasons say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scripts.database.migrations.judge import Judge
from scripts.database.migrations.verdict_rules import BREAKS, GOOD, LOST, Effect, Weight
from scripts.database.sql.parse import parse
from scripts.database.sql.schema import Schema

Word = Literal["reversible", "compatible", "breaking", "irreversible"]
ORDER: Sequence[Weight] = (GOOD, BREAKS, LOST)
NOT_BACK = "the rollback script brings the structure back, not the data"


@dataclass(frozen=True)
class Verdict:
    """The word and its reasons. A compatible migration may have reasons too: what people should look at.

    Args:
        backfills: `schema.table` whose rows it changes, but only in columns that the release adds.
        line: of the first statement that decides, counted from 1.
    """

    word: Word
    reasons: tuple[str, ...] = ()
    backfills: frozenset[str] = frozenset()
    line: int = 1

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


def judge(
    sql: str, has_script: bool, lints: Iterable[Lint] = (), knowing: Judge | None = None
) -> Verdict:  # fmt: skip
    """The verdict on a migration's text.

    Args:
        sql: the text.
        has_script: whether a rollback script undoes it.
        lints: what a linter found; it counts where PostgreSQL's parser can't read the text.
        knowing: has read the files before this one, and reads this one now.
    """
    judging = knowing or Judge(Schema())
    judging.backfills = set()
    by_statement = judging.file(sql)
    seen = [effect for effects in by_statement for effect in effects]
    seen += _of_lints(sql, tuple(lints))
    made = verdict_of(seen, has_script, frozenset(judging.backfills))
    return replace(made, line=_deciding_line(sql, by_statement))


def _deciding_line(sql: str, by_statement: Sequence[Sequence[Effect]]) -> int:
    """The line of the first statement with the heaviest effect."""
    heaviest = [
        max((ORDER.index(effect.weight) for effect in effects), default=-1) for effects in by_statement
    ]
    return parse(sql)[heaviest.index(max(heaviest))].first if heaviest else 1


def verdict_of(
    seen: Sequence[Effect], has_script: bool, backfills: frozenset[str] = frozenset()
) -> Verdict:
    """The verdict on what a migration does."""
    weight = max((effect.weight for effect in seen), key=ORDER.index, default=GOOD)
    worst_first = sorted(seen, key=lambda effect: -ORDER.index(effect.weight))
    reasons = tuple(dict.fromkeys(effect.reason for effect in worst_first if effect.reason))
    if weight == GOOD:
        return Verdict("compatible", reasons, backfills)
    if not has_script:
        return Verdict("breaking" if weight == BREAKS else "irreversible", reasons, backfills)
    return Verdict("reversible", (*reasons, NOT_BACK) if weight == LOST else reasons, backfills)


def losses(sql: str) -> tuple[str, ...]:
    """What data a script destroys, in words."""
    judging = Judge(Schema())
    effects = [effect for each in judging.file(sql) for effect in each]
    return tuple(dict.fromkeys(effect.reason for effect in effects if effect.weight == LOST))


def _of_lints(sql: str, lints: Sequence[Lint]) -> Iterator[Effect]:
    """Findings about statements that the parser can't read."""
    read = [each for each in parse(sql) if each.kind]
    for lint in lints:
        if not any(each.first <= lint.line <= each.last for each in read):
            yield Effect(BREAKS, f"squawk, line {lint.line}: {lint.rule}")
