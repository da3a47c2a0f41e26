"""The app's schemas, moved out of the way and made anew from an archive, in one transaction.

The server sees to it that there is the old state or the new one. Readers go on reading the old one
until the commit; writers wait, or are refused by their own time-outs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.pg_restore import Archive, copy_in, execute, play
from scripts.errors import CommandFailed

if TYPE_CHECKING:
    import psycopg


Ours = Callable[[str], bool]

CALLS = re.compile(rb"EXECUTE (?:FUNCTION|PROCEDURE) (?:\"((?:[^\"]|\"\")+)\"|(\w+))\.")
COPIED = re.compile(rb"COPY (?P<table>.+?) \((?P<columns>.*)\) FROM stdin;\n")
NEW_TRIGGER = re.compile(rb"^CREATE TRIGGER ", re.MULTILINE)

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
MEMBERS = """
select p.pubname, n.nspname, c.relname from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace where n.nspname = any(%s)
"""
WHOLE_SCHEMAS = """
select p.pubname, n.nspname from pg_publication_namespace r join pg_publication p on p.oid = r.pnpubid
join pg_namespace n on n.oid = r.pnnspid where n.nspname = any(%s)
"""
# triggers on tables outside that call a function inside
HOOKS = """
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
ASIDES = """
select n.nspname, coalesce(obj_description(n.oid, 'pg_namespace'), ''),
  (select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
    where c.relnamespace = n.oid and c.relkind in ('r', 'm'))
from pg_namespace n where n.nspname like 'desk\\_aside\\_%' order by 1
"""


@dataclass(frozen=True)
class Parts:
    """What of an archive goes where, as lists for `pg_restore -L`.

    Args:
        before: what the database lacks beside the schemas, and the grants on `public`.
        app: the app's schemas.
        triggers: on the platform's tables, one by one.
        after: policies on them, members of publications, comments.
        people: rows of the platform's tables that the app's refer to, of which some are missing.
    """

    before: str
    app: str
    triggers: tuple[str, ...]
    after: str
    people: str = ""


@dataclass
class Replacement:
    """The open transaction: each step in turn, then the caller commits.

    Args:
        ours: whether a schema is the app's.
        mark: unique to the run; part of the names of what is moved aside.
    """

    connection: psycopg.Connection[Any]
    archive: Archive
    ours: Ours
    mark: str

    def lock(self, timeout: float) -> tuple[str, ...]:
        """Keep every writer out, let readers in; returns the app's schemas. `timeout` in seconds.

        Raises:
            CommandFailed: a table is busy, or a schema can't be moved.
        """
        import psycopg
        from psycopg import sql

        self._ask("set local search_path = ''")
        self._ask(f"set local lock_timeout = {int(timeout * 1000)}")
        for each in ("statement_timeout", "idle_in_transaction_session_timeout"):
            self._ask(f"set local {each} = 0")
        schemas = tuple(
            str(row[0])
            for row in self._ask("select nspname from pg_namespace order by 1")
            if self.ours(row[0])
        )
        for name, schema in self._ask(EXTENSIONS, [list(schemas)]):
            raise CommandFailed(
                f"extension `{name}` lives in `{schema}`: its schema can't be moved aside",
                f"move it as its owner: `alter extension {name} set schema extensions`",
            )
        tables = [sql.Identifier(*row) for row in self._ask(TABLES, [list(schemas)])]
        if tables:
            order = sql.SQL("lock table {} in exclusive mode").format(sql.SQL(", ").join(tables))
            try:
                self.connection.execute(order)
            except psycopg.errors.LockNotAvailable:
                raise CommandFailed("a table is busy with a long transaction", "try again") from None
        return schemas

    def move_aside(self, schemas: Sequence[str], note: str) -> None:
        """Rename the schemas, and open an empty `public`; `note` says why they are there."""
        from psycopg import sql

        for each in schemas:
            aside = sql.Identifier(named(self.mark, each))
            self._ask(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(each), aside))
            self._ask(sql.SQL("comment on schema {} is {}").format(aside, f"{each}: {note}"))
        for each in (  # as every new database has it
            "create schema public",
            "alter schema public owner to pg_database_owner",
            "grant usage on schema public to public",
        ):
            self._ask(each)

    def fill(self, parts: Parts) -> None:
        """Everything of the app's, from the archive."""
        execute(self.connection, self.archive.sql(parts.before) if parts.before else b"")
        play(self.connection, self.archive, parts.app, between=lambda: self._bring_back(parts.people))

    def hang(self, parts: Parts, schemas: Sequence[str]) -> None:
        """What hangs on the platform's tables comes from the archive too, and calls the new functions.

        Raises:
            CommandFailed: something of the old state can't be taken away.
        """
        gone = [named(self.mark, each) for each in schemas]
        inside = [*gone, *self.live()]
        made = [script for script in map(self.archive.sql, parts.triggers) if self._is_ours(script)]
        for script in made:  # `or replace`: the right to drop one belongs to the table's owner
            execute(self.connection, NEW_TRIGGER.sub(b"CREATE OR REPLACE TRIGGER ", script))
        self._drop_rest("trigger", self._ask(HOOKS, [gone, inside]))
        self._drop_rest("policy", self._ask(POLICIES, [inside]))
        self._leave_publications(gone)
        for (name,) in self._ask(EVENT_TRIGGERS, [gone]).fetchall():
            self._drop("event trigger {}", name)
        execute(self.connection, self.archive.sql(parts.after) if parts.after else b"")

    def _bring_back(self, people: str) -> None:
        """Rows of the platform's tables that were deleted since; what is there stays as it is."""
        if not people:
            return
        self._ask("set local session_replication_role = replica")  # nobody signs up by this
        with self.archive.data(people) as statements:
            for statement, blocks in statements:
                head = COPIED.fullmatch(statement)
                if head is None:
                    continue
                table, columns = head["table"].decode(), head["columns"].decode()
                beside = "pg_temp.desk_people"
                self._ask(f"create temp table desk_people (like {table}) on commit drop")
                copy_in(self.connection, f"copy {beside} ({columns}) from stdin".encode(), blocks)
                into = f"insert into {table} ({columns}) select {columns} from {beside}"  # noqa: S608
                self._ask(f"{into} on conflict do nothing")
                self._ask(f"drop table {beside}")
        self._ask("set local session_replication_role = origin")

    def live(self) -> list[str]:
        """The app's schemas as they are now."""
        return [row[0] for row in self._ask("select nspname from pg_namespace") if self.ours(row[0])]

    def _is_ours(self, script: bytes) -> bool:
        found = CALLS.search(script)
        return self.ours((found[1] or found[2]).decode().replace('""', '"') if found else "")

    def _drop_rest(self, kind: str, found: Iterable[tuple[str, str, str]]) -> None:
        for name, schema, table in list(found):
            self._drop(f"{kind} {{}} on {{}}", name, (schema, table))

    def _drop(self, order: str, *names: Any) -> None:
        import psycopg
        from psycopg import sql

        parts = [sql.Identifier(*([each] if isinstance(each, str) else each)) for each in names]
        try:
            self._ask(sql.SQL(f"drop {order}").format(*parts))
        except psycopg.errors.InsufficientPrivilege:
            where = ".".join(names[-1]) if len(names) > 1 else ""
            raise CommandFailed(
                f"`{names[0]}` on `{where}` is not in the backup, and can't be taken away",
                f"drop it as the owner of `{where}`, then try again",
            ) from None

    def _leave_publications(self, gone: list[str]) -> None:
        from psycopg import sql

        for publication, schema, table in self._ask(MEMBERS, [gone]).fetchall():
            order = sql.SQL("alter publication {} drop table {}")
            self._ask(order.format(sql.Identifier(publication), sql.Identifier(schema, table)))
        for publication, schema in self._ask(WHOLE_SCHEMAS, [gone]).fetchall():
            order = sql.SQL("alter publication {} drop tables in schema {}")
            self._ask(order.format(sql.Identifier(publication), sql.Identifier(schema)))

    def _ask(self, query: Any, values: list[Any] | None = None) -> psycopg.Cursor[Any]:
        return self.connection.execute(query, values)


def named(mark: str, schema: str) -> str:
    """Where the run of that mark moves a schema; a name has at most 63 bytes."""
    return f"{OLD_SCHEMA_PREFIX}{mark}_{schema}".encode()[:63].decode(errors="ignore")


def asides(connection: psycopg.Connection[Any]) -> list[tuple[str, str, int]]:
    """What restores moved aside: the schema, its note, bytes on the server's disk."""
    return [(str(name), str(note), int(size)) for name, note, size in connection.execute(ASIDES)]


def drop(connection: psycopg.Connection[Any], schemas: Iterable[str]) -> None:
    """Drop schemas that were moved aside, all or none."""
    from psycopg import sql

    with connection.transaction():
        for each in schemas:
            if not each.startswith(OLD_SCHEMA_PREFIX):
                raise CommandFailed(f"`{each}` was not moved aside by a restore")
            connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(each)))
