"""The exact command lines of pg_dump and pg_dumpall, and when their result counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.database.postgres import dump
from scripts.database.postgres.programs import Programs
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed
from scripts.system.command import Command, Result
from scripts.system.secret import Secret

DATABASE = Database("db.example.org", 5432, "app", "ada", Secret("pw-of-db"), "require")
PG17 = Programs(Path("/pg/bin"), "17.11")


def command(programs: Programs = PG17, port: int = 0) -> Command:
    return dump.dump_command(
        programs,
        DATABASE,
        Path("/srv/db.dump"),
        snapshot="0-1",
        compress="zstd:3",
        without_rows=["vault.*", "net.*"],
        port=port,
    )


def test_the_command_line_of_a_dump() -> None:
    assert command().argv == (
        *("/pg/bin/pg_dump", "--format=custom", "--compress=zstd:3", "--file=/srv/db.dump"),
        *("--snapshot=0-1", "--lock-wait-timeout=30000"),
        *("--exclude-table-data=vault.*", "--exclude-table-data=net.*", "--no-password", "--no-sync"),
    )


def test_the_password_is_on_no_command_line() -> None:
    for built in (command(), dump.roles_command(PG17, DATABASE)):
        assert built.env["PGPASSWORD"] == "pw-of-db"
        assert "pw-of-db" not in f"{built} {built!r}"


def test_postgresql_15_knows_gzip_alone() -> None:
    assert "--compress=1" in command(Programs(Path("/pg/bin"), "15.9")).argv


def test_a_dump_may_go_through_a_proxy() -> None:
    assert (command(port=9999).env["PGHOSTADDR"], command(port=9999).env["PGPORT"]) == ("127.0.0.1", "9999")
    assert command().env["PGPORT"] == "5432"


def test_roles_come_without_passwords() -> None:
    assert dump.roles_command(PG17, DATABASE).argv == (
        *("/pg/bin/pg_dumpall", "--roles-only", "--no-role-passwords", "--no-password", "--database=app"),
    )


def result(code: int = 0, errors: str = "") -> Result:
    return Result(code, b"", errors.encode(), 0.1)


def test_a_silent_success_counts() -> None:
    dump.require_clean(result(), "`pg_dump`")
    dump.require_clean(result(errors="NOTICE: hello"), "`pg_dump`")


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (result(3, "pg_dump: no such database"), "ended with 3"),
        (result(0, "pg_dump: warning: something"), "printed a warning"),
        (result(1, 'query would be affected by row-level security policy for "t"'), "would lack rows"),
    ],
)
def test_everything_else_fails(ended: Result, message: str) -> None:
    with pytest.raises(CommandFailed, match=message):
        dump.require_clean(ended, "`pg_dump`")


def test_roles_of_every_project_become_comments() -> None:
    sql = 'CREATE ROLE anon;\nALTER ROLE "supabase_admin" WITH SUPERUSER;\nCREATE ROLE app_reader;\n'

    assert dump.with_reserved_as_comments(sql) == (
        '-- CREATE ROLE anon;\n-- ALTER ROLE "supabase_admin" WITH SUPERUSER;\nCREATE ROLE app_reader;\n'
    )
