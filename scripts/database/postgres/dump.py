"""pg_dump and its kin: one full dump in an exported snapshot, its table of contents, the roles."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from scripts.database.postgres.programs import Programs, environment
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed
from scripts.system.command import Command, Result
from scripts.system.process import error_tail, run

LOCK_WAIT = 30.0  # seconds that a dump waits for a table that is being changed
LONGEST = 6 * 3600.0
COMPLAINT = re.compile(r"warning|error", re.IGNORECASE)
# Roles that are there in every Supabase project, or that nobody but its superuser may make.
RESERVED = re.compile(
    r"\b(?:CREATE|ALTER) ROLE \"?(?:anon|authenticated|service_role|authenticator|postgres"
    r"|dashboard_user|pgbouncer|pgtle_admin|supabase_\w+|pg_\w+)\b"
)


def dump(
    programs: Programs,
    database: Database,
    file: Path,
    *,
    snapshot: str,
    compress: str,
    without_rows: Iterable[str],
    port: int = 0,
) -> Command:
    """One full dump, custom format; `port` is a relay's on this machine, 0 for the server itself.

    It is not synced to the disk: the caller does that while it grows.
    """
    kind = compress if programs.major >= 16 else "1"  # 15 knows gzip alone
    argv = (
        *(programs.path("pg_dump"), "--format=custom", f"--compress={kind}", f"--file={file}"),
        *(f"--snapshot={snapshot}", f"--lock-wait-timeout={int(LOCK_WAIT * 1000)}"),
        *(f"--exclude-table-data={pattern}" for pattern in without_rows),
        *("--no-password", "--no-sync"),
    )
    where = environment(database, hostaddr="127.0.0.1", port=port) if port else environment(database)
    return Command(argv, cwd=file.parent, env=where, timeout=LONGEST)


def ended_well(result: Result, what: str) -> None:
    """Exit code 0 alone proves nothing: it must have had nothing to complain of either.

    Raises:
        CommandFailed: it failed, or said a warning.
    """
    said = error_tail(result)
    if "row-level security" in result.errors:
        raise CommandFailed(
            f"{what} would lack rows: the role sees only part of them{said}",
            "dump as a role with BYPASSRLS, such as Supabase's `postgres`",
            exit_code=result.code,
        )
    if result.code != 0:
        raise CommandFailed(f"{what} ended with {result.code}{said}", exit_code=result.code)
    if COMPLAINT.search(result.errors):
        raise CommandFailed(f"{what} had something to complain of: nobody should rely on it{said}")


def listing(programs: Programs, file: Path) -> str:
    """The table of contents of a dump, as `pg_restore -l` says it.

    Raises:
        CommandFailed: the file can't be read as a dump.
    """
    done = run(Command((programs.path("pg_restore"), "--list", str(file)), timeout=120))
    return done.text


def as_sql(programs: Programs, file: Path, entries: str, beside: Path) -> str:
    """Some entries of a dump as SQL, for people; `beside` is where their list may lie meanwhile.

    Raises:
        CommandFailed: the file can't be read as a dump.
    """
    chosen = beside / ".entries"
    chosen.write_text(entries)
    try:
        argv = (programs.path("pg_restore"), f"--use-list={chosen}", "--file=-", str(file))
        return run(Command(argv, timeout=120)).text
    finally:
        chosen.unlink()


def roles(programs: Programs, database: Database) -> Command:
    """The roles of the server, without passwords."""
    argv = (programs.path("pg_dumpall"), "--roles-only", "--no-role-passwords", "--no-password")
    where = {**environment(database), "PGDATABASE": database.name}
    return Command((*argv, f"--database={database.name}"), env=where, timeout=120)


def with_reserved_as_comments(sql: str) -> str:
    """Roles that exist in every project stand there for reading only, as the Supabase CLI does it."""
    return "".join(
        f"-- {line}" if RESERVED.search(line) else line for line in sql.splitlines(keepends=True)
    )
