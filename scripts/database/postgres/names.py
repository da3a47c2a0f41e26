# pure
"""`schema.table` as a key of manifests, plans and JSON."""

from __future__ import annotations

import re

LARGE_OBJECTS = "pg_catalog.pg_largeobject"  # the key of all large objects together
QUOTED_SCHEMA = re.compile(r'"((?:[^"]|"")+)"\.(.*)', re.DOTALL)


def key_of(schema: str, name: str) -> str:
    """`schema.name`, with quotes round a schema that has a dot or a quote, so that it can be told apart."""
    if "." in schema or '"' in schema:
        schema = '"' + schema.replace('"', '""') + '"'
    return f"{schema}.{name}"


def unquoted(name: str) -> str:
    """A name without the quotes that SQL needs round some."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def split_key(key: str) -> tuple[str, str]:
    """The schema and the name of a key."""
    match = QUOTED_SCHEMA.fullmatch(key)
    if match:
        return match[1].replace('""', '"'), match[2]
    schema, _, name = key.partition(".")
    return schema, name
