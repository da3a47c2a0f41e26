"""The known statements on a real server: what changes rows that exist is never called compatible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from scripts.database.backups.toc import is_app_schema
from scripts.database.migrations.judge import Judge
from scripts.database.migrations.verdict import judge
from scripts.database.postgres.definitions import definitions
from scripts.database.sql.builtin_functions import BUILT_IN
from scripts.database.sql.parse import parse
from scripts.database.sql.schema import Schema
from scripts.database.sql.schema_sources import complete
from tests.support.databases import serving
from tests.support.verdicts import EARLIER, STATEMENTS

pytestmark = pytest.mark.timeout(300)
TABLES = """select oid::regclass::text from pg_class where relkind in ('r', 'm')
  and relnamespace::regnamespace::text in ('public', 'billing', '"my schema"', 'auth') order by 1"""
COLUMNS = """select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
  where attrelid = %s::regclass and attnum > 0 and not attisdropped"""
WRITERS = """select distinct proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace
  and provolatile = 'v' and proname !~ '^(pg_(try_)?advisory|pg_sleep|pg_.*_size|random|.*val$)'"""
SAMPLE = 4  # of the statements that are not called compatible, every fourth is tried
# volatile in PostgreSQL's eyes, and yet they change nothing
IDLE = frozenset(
    """array_sample array_shuffle clock_timestamp current_query gen_random_uuid lo_get nextval currval
    pg_blocking_pids pg_is_in_recovery pg_notify pg_partition_ancestors pg_partition_tree set_config setseed
    pg_sequence_last_value timeofday""".split()
)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection[Any]]:
    """A database with the earlier migrations, and rows in every table."""
    with serving(tmp_path_factory.mktemp("verdicts")) as server:
        server.create_database("verdicts")
        with psycopg.connect(server.url("verdicts"), autocommit=True) as opened:
            opened.execute(EARLIER.encode())
            opened.execute("select lo_create(4242)")
            opened.execute("insert into auth.users (email) values ('a@example.org')")
            yield opened


def rows(connection: psycopg.Connection[Any], columns: dict[str, str]) -> dict[str, Counter[str]]:
    """Every row of every table as text, by the columns that there were; none where that is impossible."""
    found: dict[str, Counter[str]] = {}
    for table, names in columns.items():
        try:
            with connection.transaction():
                query = f"select row({names})::text from only {table}"  # noqa: S608 - from the catalogue
                found[table] = Counter(str(row[0]) for row in connection.execute(query.encode()))
        except psycopg.Error:
            found[table] = Counter()
    stored = connection.execute("select oid::text from pg_largeobject_metadata")
    found["large objects"] = Counter(str(row[0]) for row in stored)
    return found


def run(connection: psycopg.Connection[Any], sql: str) -> None:
    """As a migration would; what the server refuses has changed nothing."""
    try:
        with connection.transaction():
            if sql.startswith("copy ("):
                with connection.cursor().copy(sql.encode()) as copied:
                    list(copied)
            elif "from stdin" not in sql:
                connection.execute(sql.encode())
    except psycopg.Error:
        pass


def test_no_statement_that_changes_rows_is_called_compatible(connection: psycopg.Connection[Any]) -> None:
    """And most of those that are called irreversible do change rows, so the list is worth something."""
    tables = [str(row[0]) for row in connection.execute(TABLES)]
    columns = {table: str(connection.execute(COLUMNS, [table]).fetchall()[0][0]) for table in tables}
    before = rows(connection, columns)
    faults, changing, tried = [], 0, 0
    for number, (word, sql) in enumerate(STATEMENTS):
        knowing = Judge(Schema())
        knowing.learn([EARLIER])
        is_called_compatible = judge(sql, False, (), knowing).word == "compatible"
        if not is_called_compatible and number % SAMPLE:
            continue
        with connection.transaction(force_rollback=True):
            run(connection, sql)
            connection.execute("reset search_path; reset standard_conforming_strings")
            now = rows(connection, columns)
        connection.execute("deallocate all")
        changed = [table for table in before if before[table] - now[table]]
        if changed and is_called_compatible:
            faults.append((sql, changed))
        changing += bool(changed) and word == "irreversible"
        tried += word == "irreversible"

    assert faults == []
    assert changing > 0.85 * tried


def test_the_database_knows_what_the_files_do_not_tell(connection: psycopg.Connection[Any]) -> None:
    """Every verdict is the same where the database was asked, with the files or without them."""
    shown = "\n".join(definitions(connection, is_app_schema))
    assert [each.text for each in parse(shown) if not each.kind] == []
    faults = []
    for files in ([EARLIER], []):
        for word, sql in STATEMENTS[:: 1 if files else SAMPLE]:
            database, told = Judge(Schema()), Judge(Schema())
            database.learn([shown])
            told.learn(files)
            found = judge(sql, False, (), Judge(complete(database.schema, told.schema)))
            is_gone = "nobody_knows_it" in sql  # the database knows that it does not exist
            if found.word != ("compatible" if is_gone else word):
                faults.append((sql, word, found))

    assert faults == []


def test_functions_that_are_called_harmless_are_not_volatile(connection: psycopg.Connection[Any]) -> None:
    """Except those that draw a number, wait, lock or ask."""
    volatile = {str(row[0]) for row in connection.execute(WRITERS)}

    assert (volatile & BUILT_IN) - IDLE == set()
