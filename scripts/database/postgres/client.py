"""PostgreSQL, asked directly: the migration history, what stands in the schema, the lock round a push."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.postgres.programs import DUMPER
from scripts.database.postgres.url import Database, parse_database
from scripts.errors import CommandFailed, ConfigError, Locked, Refused, Unreachable
from scripts.system.process import quoted_lines

if TYPE_CHECKING:
    import psycopg


CONNECT_TIMEOUT = 8
# Application names. What a dead desk left is known by them, and an heir ends who may still commit:
DESK = "release-desk"
READER = "release-desk (reads)"  # never ended: it changes nothing
BACKUP = "release-desk backup"
STATEMENT_TIMEOUT = 15_000  # ms: these are small reads of the catalogue
LOCK_KEY = DESK  # the name of the advisory lock, hashed
CLI_NAME = "@effect/sql-pg"  # the application name of every connection of the Supabase CLI
HOLDERS = ("migration", "backup", "restore")  # what the lock may be held for
ENDED_WITHIN = 5.0  # seconds until an ended backend must be gone

# Names of what migrations make. An index that a failed `create index concurrently` left is invalid.
CATALOGUE = """
select case c.relkind when 'r' then 'table' when 'p' then 'table' when 'v' then 'view'
  when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table'
  when 'i' then case when i.indisvalid then 'index' else 'invalid index' end
  else 'relation' end || ' ' || c.oid::regclass
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
where c.relkind in ('r','p','v','m','S','f','i') and {ours}
union all select 'column ' || c.oid::regclass || '.' || a.attname
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r','p') and a.attnum > 0 and not a.attisdropped and {ours}
union all select 'function ' || p.oid::regprocedure
from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {ours}
union all select 'type ' || t.oid::regtype
from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typtype in ('e','d') and {ours}
union all select 'trigger ' || t.tgname || ' on ' || t.tgrelid::regclass
from pg_trigger t where not t.tgisinternal
union all select 'policy ' || p.polname || ' on ' || p.polrelid::regclass from pg_policy p
union all select 'constraint ' || k.conname || ' on ' || k.conrelid::regclass
from pg_constraint k join pg_namespace n on n.oid = k.connamespace where k.conrelid <> 0 and {ours}
union all select 'publication ' || pubname from pg_publication
union all select 'schema ' || n.nspname from pg_namespace n where {ours}
union all select 'extension ' || extname from pg_extension
""".replace("{ours}", "n.nspname !~ '^(pg_|information_schema$|supabase_migrations$)'")

OURS = """application_name = %s and datname = current_database() and usename = current_user
  and pid <> pg_backend_pid() and backend_start >= %s::timestamptz"""
SESSIONS = f"select pid from pg_stat_activity where {OURS}"  # noqa: S608 - constants only
END_SESSIONS = f"select count(pg_terminate_backend(pid)) from pg_stat_activity where {OURS}"  # noqa: S608

# who holds the advisory lock: its key is the hash, spread over two columns
HOLDER = """
select a.application_name, to_char(a.backend_start at time zone 'utc', 'HH24:MI:SS "UTC"')
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and a.datname = current_database()
  and l.objid = (hashtext(%s)::bigint & 4294967295)::oid limit 1
"""

VERSIONS = 'select version from supabase_migrations.schema_migrations order by version collate "C"'
FORGET = "delete from supabase_migrations.schema_migrations where version = %s"


class Row(NamedTuple):
    """One row of the migration history."""

    version: str
    name: str
    statements: tuple[str, ...]


class Postgres:
    """One database. Every call opens its own short connection, but for `exclusive`."""

    def __init__(self, database: Database) -> None:
        self._database = database

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

    def catalogue(self) -> frozenset[str]:
        """The names of everything in the schema, to see what a failed migration left behind."""
        with self.session() as connection:
            return frozenset(row[0] for row in connection.execute(CATALOGUE) if row[0])

    @contextlib.contextmanager
    def exclusive(self, wait: float, doing: str = "migration") -> Iterator[Callable[[], None]]:
        """Hold the database's advisory lock: one push or one dump at a time, whoever starts it.

        A dump that outlived its desk is ended: whoever may dump holds this lock. Gives what makes
        sure that it is held still.

        Raises:
            Unreachable: the session that held it was lost, and somebody else may have begun.
            Locked: another session held it for `wait` seconds.
        """
        import psycopg

        with self.session(limited=False) as connection:
            connection.execute("select set_config('application_name', %s, false)", [f"{DESK} {doing}"])
            try:
                connection.execute(f"set lock_timeout = {int(wait * 1000)}")
                connection.execute("select pg_advisory_lock(hashtext(%s))", [LOCK_KEY])
            except psycopg.errors.LockNotAvailable:
                row = connection.execute(HOLDER, [LOCK_KEY]).fetchone()
                what = str(row[0]).removeprefix(f"{DESK} ") if row else ""
                what = what if what in HOLDERS else "migration"
                raise Locked(
                    f"a {what} of `{self._database.name}` on `{self._database.host}` is under way"
                    f" since {row[1] if row else 'some time'}; no {doing} begins beside it",
                    "wait until it has ended, then try again",
                ) from None
            connection.execute(END_SESSIONS, [DUMPER, "-infinity"])
            yield lambda: connection.execute("select 1").close()

    def undo(
        self,
        scripts: Sequence[tuple[str, str]],
        *,
        lock_timeout: float,
        timeout: float,
        rehearse: bool = False,
    ) -> list[str]:
        """Run rollback scripts (version, text) and take their rows out of the history: all, or nothing.

        Returns the versions that stand then. `rehearse`: nothing is kept. Times in seconds.

        Raises:
            CommandFailed: a script failed, or its version is not in the history; nothing was kept.
            Unreachable: no connection, or it was lost: only the history can tell.
        """
        with self.session(limited=False) as connection:
            limits = (
                f"set lock_timeout = {int(lock_timeout * 1000)}",
                f"set statement_timeout = {int(timeout * 1000)}",
            )
            with connection.transaction(force_rollback=rehearse):
                for version, script in scripts:
                    _undo(connection, version, (*limits, script))
                return [str(row[0]) for row in connection.execute(VERSIONS)]

    def now(self) -> str:
        """The server's clock, for `end_pushes`."""
        with self.session() as connection:
            row = connection.execute("select clock_timestamp()::text").fetchone()
            return str(row[0]) if row else "infinity"

    def end_desks(self) -> None:
        """End the sessions of a dead or dethroned desk, and what its CLI left running.

        Only for who has taken over the environment's lock.
        """
        for name in (DESK, *(f"{DESK} {each}" for each in HOLDERS), CLI_NAME, DUMPER):
            self._end(name, "-infinity")

    def end_pushes(self, since: str) -> None:
        """End what a killed Supabase CLI left running on the server since that moment.

        Killing the CLI does not stop its statement: it would still commit. Only called while
        `exclusive` is held, so that no push but our own can be meant.
        """
        self._end(CLI_NAME, since)

    def _end(self, application: str, since: str) -> None:
        with self.session() as connection:
            known = [application, since]
            connection.execute(END_SESSIONS, known)
            deadline = time.monotonic() + ENDED_WITHIN
            while connection.execute(SESSIONS, known).fetchone():
                if time.monotonic() > deadline:
                    raise Unreachable(
                        f"a session of `{application}` on `{self._database.host}` can't be ended",
                        "look at `pg_stat_activity`",
                    )
                time.sleep(0.05)

    @contextlib.contextmanager
    def session(self, *, limited: bool = True) -> Iterator[psycopg.Connection[Any]]:
        """A connection in autocommit; `limited` to small reads.

        Raises:
            Unreachable: no connection, or it was lost.
        """
        with session(self._database, READER if limited else DESK) as connection:
            if limited:  # said in SQL: a pooler drops start-up options
                connection.execute(f"set statement_timeout = {STATEMENT_TIMEOUT}")
            yield connection


def _undo(connection: psycopg.Connection[Any], version: str, orders: Sequence[str]) -> None:
    """One rollback script and its row, inside the open transaction; its settings end with it."""
    import psycopg
    from psycopg.pq import TransactionStatus

    try:
        for each in ("reset all", *orders, "reset role", "set constraints all immediate"):
            connection.execute(each.encode("utf-8", "surrogateescape"))
        if connection.info.transaction_status != TransactionStatus.INTRANS:
            raise CommandFailed(f"the rollback script of `{version}` ended the transaction that it ran in")
        gone = connection.execute(FORGET, [version]).rowcount
    except psycopg.Error as fault:
        if connection.closed:  # the server went away: what stands is for the history to say
            raise
        raise CommandFailed(
            f"the rollback script of `{version}` failed{quoted_lines(str(fault))}"
        ) from None
    if gone != 1:
        raise CommandFailed(f"`{version}` is not in the history: nothing was undone")


# What a PostgreSQL server says about itself and about the connection to it.


FACTS = """
select current_setting('server_version_num')::int / 10000, extract(epoch from clock_timestamp())::float8,
  (select version from pg_stat_ssl where pid = pg_backend_pid() and ssl),
  has_database_privilege(current_user, current_database(), 'CREATE')
"""


@dataclass(frozen=True)
class About:
    """A server.

    Args:
        now: its clock, in seconds since 1970.
        tls: the protocol of this connection, such as `TLSv1.3`; None in clear.
        creates: whether this user may make schemas here, as migrations do.
    """

    major: int
    now: float
    tls: str | None
    creates: bool


class Server(Postgres):
    """A database that is asked about its server, too."""

    def about(self) -> About:
        """Raises Unreachable: no connection."""
        with self.session() as connection:
            row = connection.execute(FACTS).fetchone()
        major, now, tls, creates = row or (0, 0.0, None, False)
        return About(int(major), float(now), tls, bool(creates))


def connected(database: Database, application: str = DESK) -> psycopg.Connection[Any]:
    """A connection in autocommit, known to the server by that name.

    Raises:
        psycopg.Error: there is none.
    """
    import psycopg

    return psycopg.connect(
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
    )


@contextlib.contextmanager
def session(database: Database, application: str = DESK) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit; what goes wrong on it outside of the caller's own care is `Unreachable`.

    Raises:
        Unreachable: no connection, or it was lost.
    """
    import psycopg

    try:
        with connected(database, application) as connection:
            yield connection
    except psycopg.Error as fault:
        where = f"the database `{database.name}` on `{database.host}:{database.port}`"
        raise Unreachable(
            f"{where} refuses{quoted_lines(str(fault))}",
            "check `DATABASE_URL` (with its `sslmode` and `sslrootcert`) and `DATABASE_PASSWORD`",
        ) from None


def configured_database(desk: Desk, environment: Environment) -> Database | None:
    """The environment's database, None when the app or the environment has none.

    Raises:
        ConfigError: it should have one, but its address is missing or can't be used.
    """
    if not (environment.database and desk.settings.app.migrations):
        return None
    values = desk.values(environment)
    url = values.get("DATABASE_URL")
    if not url:
        raise ConfigError(
            f"`DATABASE_URL` of {environment.name} is missing",
            f"set it in `{desk.config_folder / f'.env.{environment.name}'}`, "
            "or say `database = false` in `pipeline.toml`",
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
        raise Refused(f"{environment.name} has no database")
    return database


def postgres_of(desk: Desk, environment: Environment) -> Postgres | None:
    """The environment's database, ready to be asked; None when it has none."""
    database = configured_database(desk, environment)
    return Postgres(database) if database else None


def required_postgres(desk: Desk, environment: Environment) -> Postgres:
    """The environment's database, ready to be asked.

    Raises:
        Refused: it has none.
    """
    return Postgres(required_database(desk, environment))
