"""`pg_dump` and `pg_dumpall`: one full dump in an exported snapshot, and the server's roles."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from scripts.database.postgres.programs import Programs, environment
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed
from scripts.system.command import Command, Result
from scripts.system.process import error_tail

TABLE_LOCK_TIMEOUT = 30.0  # seconds that a dump waits for a table that is being changed
DUMP_TIMEOUT = 6 * 3600.0  # seconds
COMPLAINT = re.compile(r"warning|error", re.IGNORECASE)
# Roles that every Supabase project has, or that only its superuser may create.
RESERVED = re.compile(
    r"\b(?:CREATE|ALTER) ROLE \"?(?:anon|authenticated|service_role|authenticator|postgres"
    r"|dashboard_user|pgbouncer|pgtle_admin|supabase_\w+|pg_\w+)\b"
)


def dump_command(
    programs: Programs,
    database: Database,
    file: Path,
    *,
    snapshot: str,
    compress: str,
    without_rows: Iterable[str],
    port: int = 0,
) -> Command:
    """One full dump in custom format; `port` is a proxy's on this machine, 0 for the server itself.

    It is not synced to the disk: the caller does that while it grows.
    """
    method = compress if programs.major >= 16 else "1"  # 15 knows gzip alone
    argv = (
        *(programs.path("pg_dump"), "--format=custom", f"--compress={method}", f"--file={file}"),
        *(f"--snapshot={snapshot}", f"--lock-wait-timeout={int(TABLE_LOCK_TIMEOUT * 1000)}"),
        *(f"--exclude-table-data={pattern}" for pattern in without_rows),
        *("--no-password", "--no-sync"),
    )
    env = environment(database, hostaddr="127.0.0.1", port=port) if port else environment(database)
    return Command(argv, cwd=file.parent, env=env, timeout=DUMP_TIMEOUT)


def schema_command(programs: Programs, database: Database, file: Path) -> Command:
    """The schema alone, without a row, in custom format."""
    argv = (
        *(programs.path("pg_dump"), "--format=custom", "--schema-only", f"--file={file}"),
        *(f"--lock-wait-timeout={int(TABLE_LOCK_TIMEOUT * 1000)}", "--no-password", "--no-sync"),
    )
    return Command(argv, cwd=file.parent, env=environment(database), timeout=600)


def roles_command(programs: Programs, database: Database) -> Command:
    """The roles of the server, without passwords."""
    argv = (programs.path("pg_dumpall"), "--roles-only", "--no-role-passwords", "--no-password")
    env = {**environment(database), "PGDATABASE": database.name}
    return Command((*argv, f"--database={database.name}"), env=env, timeout=120)


def require_clean(result: Result, program: str) -> None:
    """Exit code 0 alone proves nothing: no warning may have been printed either.

    Raises:
        CommandFailed: the program failed, or printed a warning.
    """
    output = error_tail(result)
    if "row-level security" in result.errors:
        raise CommandFailed(
            f"{program} would lack rows: row-level security hides some from this role{output}",
            "dump as a role with BYPASSRLS, such as Supabase's `postgres`",
            exit_code=result.code,
        )
    if result.code != 0:
        raise CommandFailed(f"{program} ended with {result.code}{output}", exit_code=result.code)
    if COMPLAINT.search(result.errors):
        raise CommandFailed(f"{program} printed a warning, so its output can't be relied on{output}")


def with_reserved_as_comments(sql: str) -> str:
    """Comment out the roles that exist in every project, as the Supabase CLI does."""
    return "".join(
        f"-- {line}" if RESERVED.search(line) else line for line in sql.splitlines(keepends=True)
    )
