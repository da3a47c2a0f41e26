"""Going back by the touched tables alone: users' writes to all others are kept, in the same transaction."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.adapters.database import keep
from scripts.adapters.database.aside import named
from scripts.adapters.database.content import opened
from scripts.adapters.database.database_url import Database
from scripts.adapters.database.follows import standing
from scripts.adapters.database.keep import Taken
from scripts.domain.database import keeping, restoring, toc
from scripts.domain.database.keeping import Keeping
from scripts.domain.database.restoring import Restoring
from scripts.domain.database.touched import Catalogue, touched
from scripts.domain.release.facts import Facts
from scripts.errors import Refused
from scripts.workflows.database.replacing import Also, Source, Step

if TYPE_CHECKING:
    import psycopg


def look(database: Database, held: Source, data: Restoring, facts: Facts) -> Keeping:
    """What it would lose, by the migrations that the backup does not have. Reads only.

    Raises:
        Refused: it can't be told whose rows they changed.
    """
    files = {each.version: each for each in facts.left}
    texts = {}
    for row in facts.applied or ():
        if row.version not in held.manifest.migrations:
            file = files.get(row.version)
            ran = ";\n".join(row.statements) or (file.sql if file else "")
            if not ran.strip():
                raise Refused(f"nobody knows what migration `{row.version}` did: its text is nowhere")
            texts[file.file if file else row.version] = ran
    with opened(database) as reader:
        now = restoring.told(reader.schema(toc.is_apps))
        tables = {each.key for each in reader.tables() if toc.is_apps(each.schema)}
        schemas = [row[0] for row in reader.connection.execute("select nspname from pg_namespace")]
        follows = standing(reader.connection, [each for each in schemas if toc.is_apps(each)])
    found = touched(texts, Catalogue(frozenset({*tables, *held.lists.tables}), **vars(follows)))
    return keeping.keeping(data, found, held.schema, now, held.lists.tables)


def taking_over(keeps: Keeping, mark: str, step: Step) -> Also:
    """What follows the restore of everything, before its commit: the live rows that stay."""

    def also(connection: psycopg.Connection[Any]) -> None:
        taken = [Taken(each.table, each.columns, each.how) for each in keeps.ways]
        schemas = [row[0] for row in connection.execute("select nspname from pg_namespace")]
        ours = [each for each in schemas if toc.is_apps(each)]
        with step("keep", "rows written since that can stay"):
            keep.take_over(connection, taken, ours, partial(named, mark))

    return also
