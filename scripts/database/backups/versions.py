# pure
"""What PostgreSQL's major versions describe differently, though it is the same.

A backup restores into its own major version and into every later one. Lines of a description are
brought to one form before they are compared.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

MAINTAIN_SINCE = 17  # the first major version with this privilege: `grant all` of an older dump includes it
GRANTS = "grants on "
PRIVILEGES = re.compile(r"(?<==)[A-Za-z*]+(?=/)")
MAINTAIN = re.compile(r"m\*?")
NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
# `t.` of `t.id`: from 16 on a query of one table has none
QUALIFIER = re.compile(rf'(?<![\w$."]){NAME}\.(?={NAME}(?![\w$."(])|\*)')
# what a query reads: there, a qualifier is a schema
KEYWORD = re.compile(rf"(\b(?:FROM|JOIN|INTO|UPDATE|ONLY|ON) \(*{NAME}\.{NAME})")


@dataclass(frozen=True)
class Lines:
    """How the descriptions of two databases are compared: the backup's major version, and the copy's."""

    original: int
    copy: int

    def of(self, lines: Iterable[str]) -> frozenset[str]:
        """The lines without privileges that the original's version does not know."""
        if self.original >= MAINTAIN_SINCE:
            return frozenset(lines)
        return frozenset(
            PRIVILEGES.sub(lambda match: MAINTAIN.sub("", match[0]), line)
            if line.startswith(GRANTS)
            else line
            for line in lines
        )

    def without_alike(self, lost: Collection[str], strange: Collection[str]) -> tuple[list[str], list[str]]:
        """What is only in one of both, sorted; not what two versions merely write differently."""
        if self.original == self.copy:
            return sorted(lost), sorted(strange)
        alike = {_bare(line) for line in lost} & {_bare(line) for line in strange}
        return (
            sorted(line for line in lost if _bare(line) not in alike),
            sorted(line for line in strange if _bare(line) not in alike),
        )


def _bare(line: str) -> str:
    """The line without what the versions write differently: the qualifiers of a query's columns."""
    name, mark, text = line.partition(": ")
    return (
        name
        + mark
        + "".join(part if KEYWORD.match(part) else QUALIFIER.sub("", part) for part in KEYWORD.split(text))
    )
