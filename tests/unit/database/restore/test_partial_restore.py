"""A partial restore, without a server: which migrations it needs to read, and the SQL that it merges by."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.database.migrations.files import Applied, Migration
from scripts.database.restore import partial_restore
from scripts.database.restore.columns import Column
from scripts.database.restore.partial_plan import PartialRestore, TableMerge
from scripts.database.restore.plan import RestorePlan
from scripts.errors import CommandFailed, Refused
from tests.unit.database.restore.manifests import manifest

SCHEMA = ("column public.a.id: integer not null", "column public.b.id: integer not null")
TABLES = ("public.a", "public.b")
DATABASE: Any = None
ID = Column("id", 23, "integer", key=True, generated=False)
KIND = Column("kind", 900, "public.kind", key=False, generated=False)


@pytest.fixture(autouse=True)
def _live_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tables, no triggers."""
    tables = [SimpleNamespace(key=key, schema="public") for key in TABLES]
    connection = SimpleNamespace(execute=lambda *_: [])
    reader = SimpleNamespace(schema=lambda _: SCHEMA, tables=lambda: tables, connection=connection)

    @contextlib.contextmanager
    def read_snapshot(_database: object) -> Iterator[Any]:
        yield reader

    monkeypatch.setattr(partial_restore, "read_snapshot", read_snapshot)


def planned(*applied: Applied, files: tuple[Migration, ...] = ()) -> PartialRestore:
    """The plan against a backup that has version 1."""
    lists: Any = SimpleNamespace(tables=TABLES)
    source: Any = SimpleNamespace(manifest=manifest(), lists=lists, schema=SCHEMA)
    full = RestorePlan(manifest(), (), {}, None, 1, safety=False)
    return partial_restore.plan_partial_restore(DATABASE, source, full, files, applied)


def test_only_migrations_that_the_backup_lacks_are_read() -> None:
    """The history's text counts, then the file's."""
    old = Applied("1", "old", ("update public.b set id = 1",))

    assert planned(old).touched == ()
    assert planned(old, Applied("2", "new", ("update public.a set id = 1",))).touched == ("public.a",)
    file = Migration("2", "2_new.sql", "update public.b set id = 1")
    assert planned(old, Applied("2", "new"), files=(file,)).touched == ("public.b",)


def test_a_migration_without_a_text_is_refused() -> None:
    """Which rows it changed can't be told."""
    with pytest.raises(Refused, match="what migration `2` did can't be told"):
        planned(Applied("2", "gone"))


class Connection:
    """Records the statements of a merge."""

    def __init__(self, orphans: int = 0) -> None:
        self.statements: list[str] = []
        self.orphans = orphans

    def execute(self, statement: Any, _values: Any = None) -> Any:
        self.statements.append(statement if isinstance(statement, str) else statement.as_string(None))
        return SimpleNamespace(fetchone=lambda: (self.orphans,), rowcount=0)


def merged(
    monkeypatch: pytest.MonkeyPatch, mode: Any, columns: tuple[str, ...], *live: Column
) -> list[str]:
    """The statements that merge `public.a`; its columns are `id` and `kind`."""
    by_schema = {'"public"."a"': (ID, KIND), '"old"."a"': live}
    monkeypatch.setattr(
        partial_restore,
        "_columns",
        lambda _, table: {each.name: each for each in by_schema[table.as_string(None)]},
    )
    connection: Any = Connection()
    partial_restore._merge_table(connection, TableMerge("public.a", mode, columns), "old")
    return connection.statements  # type: ignore[no-any-return]


def test_live_rows_replace_the_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A type that the restore made anew is read as text."""
    statements = merged(monkeypatch, "live", ("id", "kind"), ID, KIND._replace(type_oid=7))

    delete, insert = statements
    assert delete == 'delete from only "public"."a"'
    assert insert == (
        'insert into "public"."a" ("id", "kind") overriding system value select a."id",'
        ' a."kind"::pg_catalog.text::public.kind from only "old"."a" a where true'
    )


def test_rows_with_a_new_key_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive's rows stay."""
    (statement,) = merged(monkeypatch, "both", ("id",), ID)

    assert statement == (
        'insert into "public"."a" ("id") overriding system value select a."id" from only "old"."a" a'
        ' where not exists (select from only "public"."a" n'
        ' where n."id"::pg_catalog.text = a."id"::pg_catalog.text)'
    )


def test_rows_without_a_common_key_are_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    """They can't be told apart."""
    with pytest.raises(CommandFailed, match="can't be told apart"):
        merged(monkeypatch, "both", ("kind",), KIND)


def test_rows_that_refer_to_nothing_are_refused() -> None:
    """With the scope that takes everything back to one moment."""
    key = ("b_a_fkey", "public", "b", "public", "a", ["a_id"], ["id"], ["="])
    sound: Any = Connection()
    partial_restore._refuse_orphans(sound, [key])
    (query,) = sound.statements
    assert query == (
        'select count(*) from "public"."b" c where c."a_id" is not null'
        ' and not exists (select from "public"."a" p where p."id" = c."a_id")'
    )

    broken: Any = Connection(orphans=3)
    with pytest.raises(CommandFailed, match="3 rows of") as error:
        partial_restore._refuse_orphans(broken, [key])
    assert error.value.hint == "`--scope full` takes all tables back to one moment"
