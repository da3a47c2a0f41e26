# pure
"""The SQL of a schema, entry by entry: where personal data may stand that no column rule covers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from scripts.database.postgres.archive_toc import Entry
from scripts.database.refresh.search import Search

COMMENT = re.compile(r"COMMENT ON .*? IS (?P<escape> ?E)?'(?P<text>(?:[^']|'')*)';\s*", re.DOTALL)


def search_schema(search: Search, entries: Iterable[Entry]) -> None:
    """Search the SQL of a schema; a name that is a leak itself is not shown."""
    for entry in entries:
        names = f"{entry.schema}.{entry.tag}" if entry.schema else entry.tag
        shown = names if not search.holds(f"{names} {entry.owner}") else "whose name is one"
        search.text(f"{entry.kind.lower()} {shown}", f"{names}\n{entry.owner}\n{entry.sql}")


def private_comments(entries: Iterable[Entry], public: Sequence[str]) -> frozenset[Entry]:
    """The comments that no public text holds, such as a committed migration."""
    known = "\n".join(public)
    return frozenset(
        entry
        for entry in entries
        if (text := _comment(entry.sql)) not in known and text.replace("'", "''") not in known
    )


def _comment(sql: str) -> str:
    """The text of a comment; the whole statement, if it can't be read."""
    match = COMMENT.fullmatch(sql.strip())
    if match is None:
        return sql
    text = match["text"].replace("''", "'")
    return text.replace("\\\\", "\\") if match["escape"] else text
