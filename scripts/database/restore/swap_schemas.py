"""Rename the app's schemas and restore them from an archive, in one transaction.

So the database has the old state or the new one, never a mixture. Readers read the old schemas until
the commit; writers wait, or run into their own timeouts. The old schemas are kept until they are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.pg_restore import Archive, copy_in, execute, play
from scripts.database.restore.kept import Kept, old_schema_name
from scripts.errors import CommandFailed

if TYPE_CHECKING:
    import psycopg


IsApps = Callable[[str], bool]
CALLED_SCHEMA = re.compile(rb"EXECUTE (?:FUNCTION|PROCEDURE) (?:\"((?:[^\"]|\"\")+)\"|(\w+))\.")
COPY = re.compile(rb"COPY (?P<table>.+?) \((?P<columns>.*)\) FROM stdin;\n")
CREATE_TRIGGER = re.compile(rb"^CREATE TRIGGER ", re.MULTILINE)

TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname = any(%s)
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
    and d.deptype = 'e') order by 1, 2
"""
EXTENSIONS = """
select e.extname, n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where n.nspname = any(%s)
"""
PUBLISHED_TABLES = """
select p.pubname, n.nspname, c.relname from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace where n.nspname = any(%s)
"""
PUBLISHED_SCHEMAS = """
select p.pubname, n.nspname from pg_publication_namespace r join pg_publication p on p.oid = r.pnpubid
join pg_namespace n on n.oid = r.pnnspid where n.nspname = any(%s)
"""
# triggers on tables of other schemas that call a function of these schemas
TRIGGERS = """
select t.tgname, n.nspname, c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace join pg_proc p on p.oid = t.tgfoid
join pg_namespace f on f.oid = p.pronamespace
where not t.tgisinternal and f.nspname = any(%s) and n.nspname <> all(%s)
"""
POLICIES = """
select p.polname, n.nspname, c.relname from pg_policy p join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname <> all(%s) and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
    and d.objid = c.oid and d.deptype = 'e')
"""
EVENT_TRIGGERS = """
select e.evtname from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid
join pg_namespace f on f.oid = p.pronamespace where f.nspname = any(%s)
"""
OLD_SCHEMAS = """
select n.nspname, coalesce(obj_description(n.oid, 'pg_namespace'), ''),
  (select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
    where c.relnamespace = n.oid and c.relkind in ('r', 'm'))
from pg_namespace n where n.nspname like 'desk\\_aside\\_%' order by 1
"""


@dataclass(frozen=True)
class ArchiveParts:
    """Which entries of an archive go where, as lists for `pg_restore -L`.

    Args:
        app: the app's schemas, the grants on `public`, and what the database lacks outside schemas.
        triggers: on the platform's tables, one by one.
        after: policies on them, tables of publications, comments.
        accounts: rows of the platform's tables that the app's refer to, if some are missing.
    """

    app: str
    triggers: tuple[str, ...]
    after: str
    accounts: str = ""


class OldSchema(NamedTuple):
    """A schema that a restore renamed and kept: its name, why it is kept, bytes on the server's disk."""

    name: str
    note: str
    bytes: int


@dataclass
class SchemaSwap:
    """The open transaction: `lock`, `rename`, `fill` or `put_back`, `attach`; then the caller commits.

    Args:
        is_apps: whether a schema is the app's.
        run: the run's id, part of the old schemas' names.
    """

    connection: psycopg.Connection[Any]
    is_apps: IsApps
    run: str

    def lock(self, timeout: float, *, writers: bool = True) -> tuple[str, ...]:
        """Keep every writer out and let readers in; returns the app's schemas. `timeout` in seconds.

        Without `writers` nobody is kept out: the transaction will be rolled back.

        Raises:
            CommandFailed: a table is busy, or a schema can't be renamed.
        """
        import psycopg
        from psycopg import sql

        self._execute("set local search_path = ''")
        self._execute(f"set local lock_timeout = {int(timeout * 1000)}")
        for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
            self._execute(f"set local {setting} = 0")
        schemas = self.app_schemas()
        for name, schema in self._execute(EXTENSIONS, [schemas]):
            raise CommandFailed(
                f"extension `{name}` is in `{schema}`, which can't be renamed with it",
                f"move it as its owner: `alter extension {name} set schema extensions`",
            )
        tables = [sql.Identifier(*row) for row in self._execute(TABLES, [schemas])]
        if tables and writers:
            order = sql.SQL("lock table {} in exclusive mode").format(sql.SQL(", ").join(tables))
            try:
                self.connection.execute(order)
            except psycopg.errors.LockNotAvailable:
                raise CommandFailed("a table is busy with a long transaction", "try again") from None
        return tuple(schemas)

    def rename(self, schemas: Sequence[str], note: str) -> None:
        """Rename the schemas; `note` says why the old ones are kept."""
        from psycopg import sql

        for schema in schemas:
            old = sql.Identifier(old_schema_name(self.run, schema))
            self._execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(schema), old))
            self._execute(sql.SQL("comment on schema {} is {}").format(old, f"{schema}: {note}"))

    def fill(self, archive: Archive, parts: ArchiveParts, tell: Callable[[bytes], object]) -> None:
        """Make an empty `public`, and restore the app's schemas; `tell` is given each block of rows."""
        for order in (  # as in every new database, which is what an archive builds on
            "create schema public",
            "comment on schema public is 'standard public schema'",
            "alter schema public owner to pg_database_owner",
            "grant usage on schema public to public",
        ):
            self._execute(order)
        between = partial(self._restore_accounts, archive, parts.accounts)
        play(self.connection, archive, parts.app, between=between, tell=tell)

    def put_back(self, kept: Kept) -> None:
        """Give kept schemas their names and comments back, and drop the record of them."""
        from psycopg import sql

        record = sql.Identifier(old_schema_name(kept.run, ""))
        self._execute(sql.SQL("drop schema if exists {} cascade").format(record))
        for schema, old in kept.schemas.items():
            name = sql.Identifier(schema)
            self._execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(old), name))
            comment = sql.Literal(kept.comments.get(schema))
            self._execute(sql.SQL("comment on schema {} is {}").format(name, comment))

    def attach(self, triggers: Iterable[bytes], after: Iterable[bytes], schemas: Sequence[str]) -> None:
        """Attach the app to the platform's tables again, so that it calls the new functions.

        Args:
            triggers: scripts, of which those count that call a function of the app's.
            after: scripts for policies, publications and event triggers.
            schemas: those that were renamed, by the names that they had.

        Raises:
            CommandFailed: something attached to the old schemas can't be dropped.
        """
        old = [old_schema_name(self.run, schema) for schema in schemas]
        inside = [*old, *self.app_schemas()]
        for script in filter(self._calls_app, triggers):
            # `or replace`: only the table's owner may drop a trigger
            execute(self.connection, CREATE_TRIGGER.sub(b"CREATE OR REPLACE TRIGGER ", script))
        self._drop_all("trigger", self._execute(TRIGGERS, [old, inside]))
        self._drop_all("policy", self._execute(POLICIES, [inside]))
        self._leave_publications(old)
        for (name,) in self._execute(EVENT_TRIGGERS, [old]).fetchall():
            self._drop("event trigger {}", name)
        for script in after:
            execute(self.connection, script)

    def app_schemas(self) -> list[str]:
        """The app's schemas as they are now, by name."""
        rows = self._execute("select nspname from pg_namespace order by 1")
        return [str(name) for (name,) in rows if self.is_apps(name)]

    def _restore_accounts(self, archive: Archive, accounts: str) -> None:
        """Insert rows of the platform's tables that were deleted since; existing rows stay as they are."""
        if not accounts:
            return
        self._execute("set local session_replication_role = replica")  # no sign-up trigger fires
        with archive.data(accounts) as statements:
            for statement, blocks in statements:
                copy = COPY.fullmatch(statement)
                if copy is None:
                    continue
                table, columns = copy["table"].decode(), copy["columns"].decode()
                temporary = "pg_temp.desk_people"
                self._execute(f"create temp table desk_people (like {table}) on commit drop")
                copy_in(self.connection, f"copy {temporary} ({columns}) from stdin".encode(), blocks)
                insert = f"insert into {table} ({columns}) select {columns} from {temporary}"  # noqa: S608
                self._execute(f"{insert} on conflict do nothing")
                self._execute(f"drop table {temporary}")
        self._execute("set local session_replication_role = origin")

    def _calls_app(self, trigger: bytes) -> bool:
        match = CALLED_SCHEMA.search(trigger)
        return self.is_apps((match[1] or match[2]).decode().replace('""', '"') if match else "")

    def _drop_all(self, kind: str, rows: Iterable[tuple[str, str, str]]) -> None:
        for name, schema, table in list(rows):
            self._drop(f"{kind} {{}} on {{}}", name, (schema, table))

    def _drop(self, order: str, *names: Any) -> None:
        import psycopg
        from psycopg import sql

        parts = [sql.Identifier(*([name] if isinstance(name, str) else name)) for name in names]
        try:
            self._execute(sql.SQL(f"drop {order}").format(*parts))
        except psycopg.errors.InsufficientPrivilege:
            where = ".".join(names[-1]) if len(names) > 1 else ""
            raise CommandFailed(
                f"`{names[0]}` on `{where}` must go, and can't be dropped",
                f"drop it as the owner of `{where}`, then try again",
            ) from None

    def _leave_publications(self, schemas: list[str]) -> None:
        from psycopg import sql

        for publication, schema, table in self._execute(PUBLISHED_TABLES, [schemas]).fetchall():
            order = sql.SQL("alter publication {} drop table {}")
            self._execute(order.format(sql.Identifier(publication), sql.Identifier(schema, table)))
        for publication, schema in self._execute(PUBLISHED_SCHEMAS, [schemas]).fetchall():
            order = sql.SQL("alter publication {} drop tables in schema {}")
            self._execute(order.format(sql.Identifier(publication), sql.Identifier(schema)))

    def _execute(self, query: Any, values: list[Any] | None = None) -> psycopg.Cursor[Any]:
        return self.connection.execute(query, values)


def old_schemas(connection: psycopg.Connection[Any]) -> list[OldSchema]:
    """The schemas that restores renamed and kept."""
    return [
        OldSchema(str(name), str(note), int(size)) for name, note, size in connection.execute(OLD_SCHEMAS)
    ]


def drop_old_schemas(connection: psycopg.Connection[Any], names: Iterable[str]) -> None:
    """Drop schemas that restores renamed and kept, all or none.

    Raises:
        CommandFailed: a name is not that of an old schema.
    """
    from psycopg import sql

    with connection.transaction():
        for name in names:
            if not name.startswith(OLD_SCHEMA_PREFIX):
                raise CommandFailed(f"`{name}` is not an old schema that a restore kept")
            connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(name)))
