# pure
"""What is known of a schema from two sources: the database itself, and the migrations that made it."""

from __future__ import annotations

from scripts.database.sql import tree
from scripts.database.sql.parse import Statement
from scripts.database.sql.schema import PATH, Function, Schema


def complete(database: Schema, files: Schema) -> Schema:
    """The schema that the database shows, with what only the files tell: their own words, and rare things.

    The database is right about what exists. Where both know a thing, the text of the file is kept, so that
    a later change of it is compared with what people wrote.
    """
    database.whole = True
    database.usual_path = database.path or PATH  # of the role that migrates
    for key, functions in files.functions.items():
        for function in functions:
            _adopt(database.functions.setdefault(key, []), function)
    for place, table in files.tables.items():
        shown = database.tables.get(place)
        if shown is None:
            continue
        shown.statement = table.statement or shown.statement
        shown.query = table.query or shown.query
        for name, policy in table.policies.items():
            if name in shown.policies:
                shown.policies[name] = policy
    database.extensions |= files.extensions
    database.operators.update(files.operators)
    database.casts.extend(files.casts)
    database.event_triggers.update(files.event_triggers)
    database.types = {**files.types, **database.types}
    database.schemas = {**files.schemas, **database.schemas}
    return database


def _adopt(shown: list[Function], function: Function) -> None:
    """Aggregates only the files tell; of a function whose body is the same, the file's text is kept."""
    if function.statement.kind == "DefineStmt":
        shown.append(function)
    for place, each in enumerate(shown):
        same_body = source_of(each.statement) == source_of(function.statement)
        if each.arguments == function.arguments and same_body:
            shown[place] = function


def source_of(statement: Statement) -> str | None:
    """The text of a function's body, in words; None where it is not a string."""
    found = tree.options(statement.node.get("options")).get("as") or {}
    parts = tree.strings(found["List"].get("items")) if "List" in found else ()
    return " ".join(parts[0].split()) if parts else None
