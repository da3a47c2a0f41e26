"""What is in no schema: which statements bring it back; no server is needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from scripts.database.backups.toc import Lists
from scripts.database.postgres.archive_toc import Entry
from scripts.database.restore import outside_schemas


class Connection:
    """Answers by a word of the query, and records the other statements."""

    def __init__(self, major: int = 17, **answers: list[tuple[Any, ...]]) -> None:
        self.answers = answers
        self.statements: list[str] = []
        self.info = SimpleNamespace(server_version=major * 10_000)

    def execute(self, statement: Any, _values: Any = None) -> Any:
        if isinstance(statement, bytes):
            self.statements.append(statement.decode())
        self.found = next((rows for word, rows in self.answers.items() if word in str(statement)), [])
        return self

    def fetchall(self) -> Any:
        return self.found

    def __iter__(self) -> Any:
        return iter(self.found)


def test_casts_that_come_again_are_dropped() -> None:
    """Those of PostgreSQL's own types would exist already."""
    connection: Any = Connection(pg_cast=[("CAST (text AS integer)",), ("CAST (text AS public.later)",)])
    outside_schemas.clear(connection, Lists(app=(Entry("1;", "CAST", "", "CAST (text AS integer)"),)))

    assert connection.statements == ["drop CAST (text AS integer)"]


def test_default_privileges_are_reset_to_what_postgresql_grants() -> None:
    """Never those of the platform's own roles."""
    rows = [("postgres", "f", ["anon", "public"]), ("supabase_admin", "r", ["anon"]), ("ada", "n", ["ada"])]
    connection: Any = Connection(pg_default_acl=rows)
    outside_schemas.clear(connection, Lists())

    start = "alter default privileges for role"
    assert connection.statements == [
        f"{start} postgres revoke all on functions from anon",
        f"{start} postgres revoke all on functions from public",
        f"{start} postgres grant all on functions to postgres",
        f"{start} postgres grant execute on functions to public",
        f"{start} ada revoke all on schemas from ada",
        f"{start} ada grant all on schemas to ada",
    ]


def published(major: int, options: str) -> list[str]:
    """What is done for a publication of the backup that exists and is ours, and for one that is not."""
    connection: Any = Connection(major, quote_ident=[("news",)])
    entries = [
        Entry("1;", "PUBLICATION", "", name, "x", f"CREATE PUBLICATION {name} WITH ({options});\n")
        for name in ("news", "theirs")
    ]
    outside_schemas._set_publications(connection, Lists(database=tuple(entries)))
    return connection.statements  # type: ignore[no-any-return]


def test_publications_get_their_options_back() -> None:
    """Also the ones that an archive leaves out, since they are the usual ones."""
    assert published(17, "publish = 'insert'") == [
        "alter publication news set (publish = 'insert', publish_via_partition_root = false)"
    ]
    given = "publish = 'insert', publish_via_partition_root = true"
    assert published(18, given) == [
        f"alter publication news set ({given}, publish_generated_columns = none)"
    ]


def test_large_objects_are_numbered_as_each_version_does() -> None:
    entries = [
        Entry("1;", "BLOB", "", "4242"),
        Entry("2;", "BLOBS", "", "BLOBS"),
        Entry("3;", "BLOB METADATA", "", "7..9", "x", "7\n9\n"),
        Entry("4;", "ACL", "", "LARGE OBJECT 7"),
    ]
    assert outside_schemas.large_object_ids(entries) == [4242, 7, 9]
