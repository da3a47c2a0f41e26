# pure
"""What stands of a migration that failed: found by comparing the database before and after.

The Supabase CLI sends a file as one transaction, except where it holds `begin`, `commit`, a statement that
can't run in a transaction (`create index concurrently`, `vacuum`), or the line `-- pg-delta:
transaction=false`: then each statement stands for itself, and a file that fails is half applied.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.database.backups.toc import is_app_schema
from scripts.database.migrations.differences import Difference, schema_differences
from scripts.database.migrations.statements import unfit
from scripts.database.postgres.state import State, changed_names, changed_rows
from scripts.state.ledger import Choice, Ledger, key_of

KEY = "half_applied"  # in a release's event
DIRECTIVE = re.compile(r"(?im)^\s*--\s*pg-delta\s*:.*transaction\s*=\s*(false|off|0|no)\b")
CALL = re.compile(r"(?i)(?:^|;)\s*call\b")  # a procedure may commit
HISTORY = "supabase_migrations"


def is_ours(schema: str) -> bool:
    """The app's schemas, without the history."""
    return is_app_schema(schema) and schema != HISTORY


def is_atomic(sql: str) -> bool:
    """Whether the CLI applies the whole file or nothing of it; False where that can't be told."""
    return not (DIRECTIVE.search(sql) or CALL.search(sql) or unfit(sql))


@dataclass(frozen=True)
class Aftermath:
    """What is not as it was.

    Args:
        differences: of the app's schemas.
        others: in words: what was made in other schemas, and tables whose rows changed.
    """

    differences: tuple[Difference, ...] = ()
    others: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.differences or self.others)

    def words(self) -> Iterator[str]:
        """One line each."""
        for difference in self.differences:
            yield f"{difference.thing}: {said(difference)}"
        yield from self.others

    def document(self, file: str) -> dict[str, Any]:
        """What the ledger keeps, to see later whether it still stands.

        `things`: object -> the digest of its lines before, "" where it did not exist.
        """
        return {
            "file": file,
            "stands": list(self.words()),
            "things": {each.thing: digest(each.old) for each in self.differences},
            "others": list(self.others),
        }


def compare_states(before: State, after: State) -> Aftermath:
    """What is not as it was."""
    others = (*changed_names(before, after, is_ours), *changed_rows(before, after))
    return Aftermath(schema_differences(before.things, after.things), others)


def with_unknown_rows(after: Aftermath) -> Aftermath:
    """Where the rows could not be counted."""
    return Aftermath(
        after.differences, (*after.others, "whether rows changed is unknown: they were not counted")
    )


def said(difference: Difference) -> str:
    """How a thing changed, with the lines that are new."""
    if difference.change != "changed":
        return "made" if difference.change == "added" else "dropped"
    lines = [line[1:] for line in difference.lines() if line.startswith("+")]
    return (
        f"now `{'`, `'.join(lines)}`"
        if lines
        else "lost `" + "`, `".join(line[1:] for line in difference.lines()) + "`"
    )


def digest(lines: Sequence[str]) -> str:
    """Of an object's lines; "" for an object that does not exist."""
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest() if lines else ""


def recorded(ledger: Ledger, environment: str) -> tuple[Mapping[str, Any], str] | None:
    """What a failed release left of a file, and that release; None where a later one was proven."""
    proven = Choice(environment, ("release", "rollback", "restore", "refresh"), ("done",))
    event = next(ledger.newest(proven, Choice(environment, mark=KEY)), None)
    return None if event is None or proven.takes(key_of(event)) else (event.detail[KEY], event.release)


def still_standing(half: Mapping[str, Any], things: Mapping[str, Sequence[str]]) -> bool:
    """Whether something of it still stands; rows that were written are never known to be gone."""
    before = half.get("things")
    known = before if isinstance(before, Mapping) else {}
    changed = any(digest(things.get(thing, ())) != was for thing, was in known.items())
    return changed or bool(half.get("others"))


def reminder(half: Mapping[str, Any], release: str) -> str:
    """That half a file stands, in words."""
    stands = "; ".join(map(str, half.get("stands") or ())) or "what of it is unknown"
    return f"a part of `{half.get('file')}` stands since {release or 'a release'}, which failed: {stands}"
