# pure
"""The verdict on a migration: can the release before live with it, and can it be taken back? Pure.

`compatible`: older code lives with it, so it stays when the code goes back. `breaking`: it does not.
`irreversible`: data is destroyed. `reversible`: one of the two, and a rollback script undoes it;
data that was destroyed does not come back by that, and the reasons say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.database.migrations.statements import Statement, statements
from scripts.database.migrations.verdict_rules import BREAKS, GOOD, LOST, Finding, Weight, added, look, made

Word = Literal["reversible", "compatible", "breaking", "irreversible"]
ORDER: Sequence[Weight] = (GOOD, BREAKS, LOST)
NOT_BACK = "the rollback script brings the structure back, not the data"

# plpgsql's own words round the statements of a `do` block
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
    """The word, and why; a compatible migration may have reasons too: what could not be seen."""

    word: Word
    reasons: tuple[str, ...] = ()

    @property
    def stays(self) -> bool:
        """Older code lives with it, so nobody needs to take it back."""
        return self.word == "compatible"

    def __str__(self) -> str:
        return f"{self.word} ({'; '.join(self.reasons)})" if self.reasons else self.word


@dataclass(frozen=True)
class Lint:
    """What another reader found: a rule's name, its line (from 1), and its words."""

    rule: str
    line: int
    message: str


def judge(sql: str, has_way_back: bool, findings: Iterable[Lint] = ()) -> Verdict:
    """The verdict on a migration's text; `findings` are those of another reader that mean breaking."""
    marked = tuple(findings)
    seen = [*_all(sql, marked)]
    weight = max((each.weight for each in seen), key=ORDER.index, default=GOOD)
    worst_first = sorted(seen, key=lambda each: -ORDER.index(each.weight))
    reasons = tuple(dict.fromkeys(each.reason for each in worst_first if each.reason))
    if weight == GOOD:
        return Verdict("compatible", reasons)
    if not has_way_back:
        return Verdict("breaking" if weight == BREAKS else "irreversible", reasons)
    return Verdict("reversible", (*reasons, NOT_BACK) if weight == LOST else reasons)


def losses(sql: str) -> tuple[str, ...]:
    """What data a script destroys, in words."""
    return tuple(dict.fromkeys(each.reason for each in _all(sql, ()) if each.weight == LOST))


def _all(sql: str, findings: Sequence[Lint]) -> Iterator[Finding]:
    """What every statement does; what a migration does to things of its own making harms nobody."""
    ours: set[str] = set()
    columns: set[str] = set()
    left = list(findings)
    for statement in statements(sql):
        own: list[Finding] = []
        about_ours = True
        for bare in _inner(statement) or [statement.bare]:
            for found in look(bare, frozenset(columns)):
                new = found.table in ours or found.table.partition(".")[0] in ours
                about_ours = about_ours and (new or made(bare) is not None)
                own.append(Finding(GOOD) if new else found)
            columns.update(added(bare))
            thing = made(bare)
            if thing and "if not exists" not in bare.partition("(")[0]:
                ours.add(thing)
        yield from own
        here = [each for each in left if statement.first <= each.line <= statement.last]
        left = [each for each in left if each not in here]
        if not about_ours and all(each.weight == GOOD for each in own):
            yield from (_of(each) for each in here)
    yield from (_of(each) for each in left)


def _of(lint: Lint) -> Finding:
    return Finding(BREAKS, f"squawk, line {lint.line}: {lint.rule}")


def _inner(statement: Statement) -> list[str]:
    """The statements inside a `do` block, without plpgsql's own words; empty for anything else."""
    if not re.match(r"do\b", statement.bare):
        return []
    if ("language" in statement.bare and "plpgsql" not in statement.bare) or not statement.quoted:
        return ["do in another language"]
    found = ["set nothing"]  # a block without effect is no statement that was not understood
    declaring = False
    for each in statements(statement.quoted[0]):
        bare = each.bare
        while frame := _FRAME.match(bare):
            declaring = frame[0] == "declare" or (declaring and frame[0] != "begin")
            found += [f"select {frame[0]}"] if " " in frame[0] else []  # what a condition calls
            bare = bare[frame.end() :].strip()
        assigned = (_DEFAULT if declaring else _ASSIGNMENT).fullmatch(bare)
        if assigned:
            found.append(f"select {assigned[1]}")
        elif bare and not declaring and not _IDLE.fullmatch(bare):
            found.append(bare)
    return found
