"""A connection to the environment's PostgreSQL: migration history, advisory lock, sessions of dead runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.config.variables import name_in_ci
from scripts.database.postgres import catalogue_queries
from scripts.database.postgres.catalogue import IsOurs
from scripts.database.postgres.definitions import definitions
from scripts.database.postgres.server_facts import SERVER_FACTS, ServerFacts
from scripts.database.postgres.session_lock import SessionLock
from scripts.database.postgres.session_queries import END_SESSIONS, HOLDER, SESSIONS
from scripts.database.postgres.state import State, read_state
from scripts.database.postgres.trouble import READ_ONLY, STANDBY, Trouble, trouble_of
from scripts.database.postgres.undo_script import undo_script
from scripts.database.postgres.url import Database, parse_database
from scripts.errors import ConfigError, Locked, Refused, Unreachable
from scripts.system.process import quoted_lines

if TYPE_CHECKING:
    import psycopg


CONNECT_TIMEOUT = 8  # seconds
# Of every session, in SQL: a pooler drops start-up options, and roles of a hosted project have limits of
# their own. What is quicker to give up sets less.
LIMITS = """select set_config('statement_timeout', '{}', false), set_config('lock_timeout', '{}', false),
  set_config('idle_in_transaction_session_timeout', '4h', false)"""
NAMED = ", set_config('application_name', '{}', false)"  # a pooler has a name of its own
LONG = LIMITS.format("4h", "30s")
SHORT = LIMITS.format("15s", "5s")  # for small reads of the catalogue
# a connection whose server has vanished ends within about half a minute
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# Application names. Whoever takes over from a dead run finds its sessions by them, and ends those that
# could still commit.
DESK = "release-desk"
READER = "release-desk (reads)"  # never ended: it changes nothing
BACKUP = "release-desk backup"
DUMPER = "release-desk dump"  # of pg_dump and its kin
CLI_NAME = "@effect/sql-pg"  # of every connection of the Supabase CLI
LOCK_KEY = DESK  # the name of the advisory lock, hashed
HOLDERS = ("migration", "backup", "restore")  # what the lock may be held for
WAIT_FOR_LOCK = 30.0  # seconds that another migration, backup or restore may take before we give up
ENDED_WITHIN = 5.0  # seconds until a terminated backend must be gone

VERSIONS = 'select version from supabase_migrations.schema_migrations order by version collate "C"'


class Row(NamedTuple):
    """One row of the migration history."""

    version: str
    name: str
    statements: tuple[str, ...]


class Postgres:
    """One database. Every call opens its own short connection, except in `connected`, and `exclusive`."""

    def __init__(self, database: Database, connection: psycopg.Connection[Any] | None = None) -> None:
        self._database = database
        self._connection = connection

    @contextlib.contextmanager
    def connected(self) -> Iterator[Postgres]:
        """The same database over one connection, for small reads that follow each other at once.

        Raises:
            Unreachable: no connection, or it was lost.
        """
        with self.session() as connection:
            yield Postgres(self._database, connection)

    def history(self) -> list[Row]:
        """The applied migrations in order; empty before the first.

        Raises:
            Unreachable: no connection, or the history can't be read.
        """
        with self.session() as connection:
            exists = connection.execute(
                "select to_regclass('supabase_migrations.schema_migrations') is not null"
            ).fetchone()
            if not exists or not exists[0]:
                return []
            rows = connection.execute(
                "select version, coalesce(name, ''), coalesce(statements, '{}')"
                ' from supabase_migrations.schema_migrations order by version collate "C"'
            )
            return [Row(version, name, tuple(statements)) for version, name, statements in rows]

    def state(self, is_ours: IsOurs, *, rows: bool = False, since: int = 0) -> State:
        """What stands, to compare it with a later look; see `read_state`.

        Raises:
            Unreachable: no connection, or the look took too long.
        """
        with self.session() as connection:
            return read_state(connection, is_ours, rows=rows, since=since)

    def catalogue(self) -> frozenset[str]:
        """The names of everything in the database, to see what a failed migration left behind."""
        with self.session() as connection:
            return frozenset(row[0] for row in connection.execute(catalogue_queries.NAMES) if row[0])

    def tables(self, is_ours: IsOurs) -> frozenset[str]:
        """`table public.bookings`, `view public.paid`: what stands in the schemas that are the app's.

        Raises:
            Unreachable: no connection.
        """
        with self.session() as connection:
            rows = connection.execute(catalogue_queries.TABLES)
            return frozenset(name for schema, name in rows if is_ours(schema))

    def holds_rows(self, is_ours: IsOurs) -> bool:
        """Whether any table in the schemas that are the app's has a row.

        Raises:
            Unreachable: no connection, or a table can't be read.
        """
        with self.session() as connection:
            tables = [
                name for schema, name in connection.execute(catalogue_queries.FILLABLE) if is_ours(schema)
            ]
            asked = (f"select exists (select from only {table})" for table in tables)  # noqa: S608 - quoted
            return any(connection.execute(query.encode()).fetchone() == (True,) for query in asked)

    def definitions(self, is_ours: IsOurs) -> str:
        """What stands in the app's schemas, as SQL.

        Raises:
            Unreachable: no connection, or a table is locked by somebody.
        """
        with self.session() as connection:
            return "\n".join(definitions(connection, is_ours))

    def server_facts(self) -> ServerFacts:
        """Raises Unreachable: no connection."""
        with self.session() as connection:
            row = connection.execute(SERVER_FACTS).fetchone()
        major, now, tls, may_create, read_only, standby = row or (0, 0.0, None, False, False, False)
        unwritable = STANDBY if standby else READ_ONLY if read_only else None
        return ServerFacts(int(major), float(now), tls, bool(may_create), unwritable)

    def require_writable(self) -> None:
        """Check, by a look, that the server takes writes at all.

        Raises:
            Unreachable: it is read-only, or a standby; or there is no connection.
        """
        trouble = self.server_facts().unwritable
        if trouble is not None:
            raise _unable(self._database, trouble, "")

    @contextlib.contextmanager
    def exclusive(self, wait: float, doing: str = "migration") -> Iterator[SessionLock]:
        """Hold the database's advisory lock: one migration or one dump at a time, from any machine.

        Terminates a dump that outlived its run: only the lock holder may dump.

        Raises:
            Unreachable: the session that held the lock was lost, so another run may have begun.
            Locked: another session held it for `wait` seconds.
        """
        import psycopg

        limits = LIMITS.format("4h", f"{int(wait * 1000)}ms")
        with session(self._database, f"{DESK} {doing}", limits) as connection:
            try:
                connection.execute("select pg_advisory_lock(hashtext(%s))", [LOCK_KEY])
            except psycopg.errors.LockNotAvailable:
                row = connection.execute(HOLDER, [LOCK_KEY]).fetchone()
                holder = str(row[0]).removeprefix(f"{DESK} ") if row else ""
                holder = holder if holder in HOLDERS else "migration"
                raise Locked(
                    f"a {holder} of `{self._database.name}` on `{self._database.host}` has been running"
                    f" since {row[1] if row else 'some time'}; no {doing} can start until it ends",
                    "wait until it has ended, then try again",
                ) from None
            connection.execute(END_SESSIONS, [DUMPER, "-infinity"])
            yield SessionLock(self._database, connection)

    def undo(
        self,
        scripts: Sequence[tuple[str, str]],
        *,
        lock_timeout: float,
        timeout: float,
        rehearse: bool = False,
        before_commit: Callable[[], None] | None = None,
    ) -> list[str]:
        """Run rollback scripts (version, text) and delete their rows from the history: all, or nothing.

        Returns the versions that are then applied. `rehearse`: roll everything back. Times in seconds.
        What `before_commit` raises rolls everything back.

        Raises:
            CommandFailed: a script failed, or its version is not in the history; nothing was kept.
            Unreachable: no connection, or it was lost: only the history can tell what is applied.
        """
        with self.session(limited=False) as connection:
            limits = (
                f"set lock_timeout = {int(lock_timeout * 1000)}",
                f"set statement_timeout = {int(timeout * 1000)}",
            )
            with connection.transaction(force_rollback=rehearse):
                for version, script in scripts:
                    undo_script(connection, version, (*limits, script))
                stand = [str(row[0]) for row in connection.execute(VERSIONS)]
                if before_commit is not None:
                    before_commit()
                return stand

    def now(self) -> str:
        """The server's clock, for `end_pushes`."""
        with self.session() as connection:
            row = connection.execute("select clock_timestamp()::text").fetchone()
            return str(row[0]) if row else "infinity"

    def end_desks(self) -> None:
        """Terminate the sessions of a run that died or lost its lock, and of its Supabase CLI.

        Only for the new holder of the environment's lock.
        """
        for name in (DESK, *(f"{DESK} {purpose}" for purpose in HOLDERS), CLI_NAME, DUMPER):
            self._end(name, "-infinity")

    def end_pushes(self, since: str) -> None:
        """Terminate what a killed Supabase CLI left running on the server since that moment.

        Killing the CLI does not stop its statement: it would still commit. Only call it while
        `exclusive` is held, so that no other run's push is terminated.
        """
        self._end(CLI_NAME, since)

    def _end(self, application: str, since: str) -> None:
        with self.session() as connection:
            which = [application, since]
            connection.execute(END_SESSIONS, which)
            deadline = time.monotonic() + ENDED_WITHIN
            while connection.execute(SESSIONS, which).fetchone():
                if time.monotonic() > deadline:
                    raise Unreachable(
                        f"a session of `{application}` on `{self._database.host}` can't be terminated",
                        "look at `pg_stat_activity`",
                    )
                time.sleep(0.05)

    @contextlib.contextmanager
    def session(self, *, limited: bool = True) -> Iterator[psycopg.Connection[Any]]:
        """A connection in autocommit; `limited`: with a timeout, for small reads.

        Raises:
            Unreachable: no connection, or it was lost.
        """
        if limited and self._connection is not None:
            with _faults_of(self._database):  # the call before may have left other settings
                self._connection.execute(f"reset search_path; {SHORT}".encode())
                yield self._connection
            return
        name, limits = (READER, SHORT) if limited else (DESK, LONG)
        with session(self._database, name, limits) as connection:
            yield connection


def connect(database: Database, application: str = DESK, limits: str = LONG) -> psycopg.Connection[Any]:
    """A connection in autocommit, with that application name; each statement and each wait has a limit.

    Raises:
        psycopg.Error: it can't be made.
    """
    import psycopg

    connection = psycopg.connect(
        host=database.host,
        port=database.port,
        dbname=database.name,
        user=database.user,
        password=database.password.reveal() or None,
        sslmode=database.sslmode,
        sslrootcert=database.sslrootcert,
        connect_timeout=CONNECT_TIMEOUT,
        application_name=application,
        autocommit=True,
        **KEEPALIVE,
    )
    try:
        connection.execute((limits + NAMED.format(application.replace("'", "''"))).encode())
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def session(
    database: Database, application: str = DESK, limits: str = LONG
) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit; a psycopg error that the caller does not catch becomes `Unreachable`.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    with _faults_of(database), connect(database, application, limits) as connection:
        yield connection


@contextlib.contextmanager
def _faults_of(database: Database) -> Iterator[None]:
    """A psycopg error becomes `Unreachable`."""
    import psycopg

    try:
        yield
    except psycopg.Error as fault:
        trouble = trouble_of(str(fault), fault.sqlstate)
        if trouble is not None:
            raise _unable(database, trouble, quoted_lines(str(fault))) from None
        where = f"the database `{database.name}` on `{database.host}:{database.port}`"
        raise Unreachable(
            f"{where} can't be used{quoted_lines(str(fault))}",
            "check `DATABASE_URL` (with its `sslmode` and `sslrootcert`) and `DATABASE_PASSWORD`",
        ) from None


def _unable(database: Database, trouble: Trouble, details: str) -> Unreachable:
    """The error that says what state the server is in."""
    where = f"the database `{database.name}` on `{database.host}:{database.port}`"
    return Unreachable(f"{where} {trouble.state}{details}", trouble.hint)


def configured_database(desk: Desk, environment: Environment) -> Database | None:
    """The environment's database; None if the app or the environment has none.

    Raises:
        ConfigError: it should have one, but its URL is missing or invalid.
    """
    if not (environment.database and desk.settings.app.migrations):
        return None
    values = desk.values(environment)
    url = values.get("DATABASE_URL")
    if not url:
        raise ConfigError(
            f"`DATABASE_URL` of {environment.name} is missing",
            f"set it in `{desk.config_folder / f'.env.{environment.name}'}`,"
            f" or `{name_in_ci(environment.name, 'DATABASE_URL')}` in CI,"
            " or set `database = false` in `pipeline.toml`",
        )
    return parse_database(
        url,
        values.get("DATABASE_PASSWORD"),
        where=f"`.env.{environment.name}`",
        folder=desk.config_folder,
    )


def required_database(desk: Desk, environment: Environment) -> Database:
    """The environment's database.

    Raises:
        Refused: it has none.
    """
    database = configured_database(desk, environment)
    if database is None:
        raise Refused(
            f"{environment.name} has no database",
            "it has `database = false` in `pipeline.toml`, or no migrations",
        )
    return database


def postgres_of(desk: Desk, environment: Environment) -> Postgres | None:
    """A client of the environment's database; None if it has none."""
    database = configured_database(desk, environment)
    return Postgres(database) if database else None


def required_postgres(desk: Desk, environment: Environment) -> Postgres:
    """The environment's database, ready to be asked.

    Raises:
        Refused: it has none.
    """
    return Postgres(required_database(desk, environment))
