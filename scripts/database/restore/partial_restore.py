"""A partial restore: tables that migrations touched go back; users' writes to all others are kept.

It follows a full restore in the same transaction: live rows are merged from the old schemas into the
restored ones. No trigger fires meanwhile, so nothing is written twice. Foreign keys, which are triggers
too, are checked afterwards, every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.database.backups import toc
from scripts.database.migrations.files import Applied, Migration
from scripts.database.postgres.content import SnapshotReader, read_snapshot
from scripts.database.postgres.names import key_of
from scripts.database.postgres.url import Database
from scripts.database.restore import plan
from scripts.database.restore.columns import columns
from scripts.database.restore.in_place import Source, Step
from scripts.database.restore.kept import old_schema_name
from scripts.database.restore.partial_plan import PartialRestore, TableMerge, partial_plan
from scripts.database.restore.plan import RestorePlan
from scripts.database.restore.touched_tables import WriteEffects, touched
from scripts.errors import CommandFailed, Refused

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql


OldName = Callable[[str], str]  # schema -> the name that the restore gave it

FUNCTIONS = """
select p.proname, pg_get_functiondef(p.oid) from pg_proc p
join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where n.nspname = any(%s) and p.prokind in ('f', 'p') and l.lanname not in ('c', 'internal')
"""
TRIGGERS = """
select n.nspname, c.relname, p.proname from pg_trigger t join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace join pg_proc p on p.oid = t.tgfoid where not t.tgisinternal
"""
CASCADES = """
select x.verb || ' ' || pn.nspname || '.' || p.relname, n.nspname || '.' || c.relname from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
cross join lateral (values ('delete', k.confdeltype), ('update', k.confupdtype)) x(verb, what)
where k.contype = 'f' and x.what in ('c', 'n', 'd')
"""
FOREIGN_KEYS = """
select k.conname, n.nspname, c.relname, pn.nspname, p.relname,
  array(select a.attname from unnest(k.conkey) with ordinality x(num, place) join pg_attribute a
    on (a.attrelid, a.attnum) = (k.conrelid, x.num) order by x.place)::text[],
  array(select a.attname from unnest(k.confkey) with ordinality x(num, place) join pg_attribute a
    on (a.attrelid, a.attnum) = (k.confrelid, x.num) order by x.place)::text[],
  array(select format('operator(%%I.%%s)', m.nspname, o.oprname) from unnest(k.conpfeqop) with ordinality
    x(op, place) join pg_operator o on o.oid = x.op join pg_namespace m on m.oid = o.oprnamespace
    order by x.place)::text[]
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
where k.contype = 'f' and k.conparentid = 0 and k.convalidated and n.nspname = any(%s)
"""
SEQUENCES = """
select new.sequencename, old.last_value from pg_sequences old join pg_sequences new
on (new.schemaname, new.sequencename) = (%s, old.sequencename)
where old.schemaname = %s and old.last_value is not null
  and (old.last_value - coalesce(new.last_value, new.start_value)) * sign(new.increment_by) >= 0
"""
MATERIALIZED_VIEWS = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and c.relispopulated and n.nspname = any(%s) order by c.oid
"""


def plan_partial_restore(
    database: Database,
    source: Source,
    full: RestorePlan,
    files: Iterable[Migration],
    applied: Iterable[Applied],
) -> PartialRestore:
    """What a partial restore would lose. Reads only.

    Args:
        full: the plan of a full restore.
        files: known migrations, for versions whose text the history did not record.
        applied: the history of the live database.

    Raises:
        Refused: it can't be told whose rows the migrations since the backup changed.
    """
    by_version = {migration.version: migration for migration in files}
    texts = {}
    for row in applied:
        if row.version not in source.manifest.migrations:
            migration = by_version.get(row.version)
            text = ";\n".join(row.statements) or (migration.sql if migration else "")
            if not text.strip():
                raise Refused(f"what migration `{row.version}` did can't be told: its text is nowhere")
            texts[migration.file if migration else row.version] = text
    with read_snapshot(database) as reader:
        now = plan.comparable_schema(reader.schema(toc.is_app_schema))
        tables = {table.key for table in reader.tables() if toc.is_app_schema(table.schema)}
        effects = _write_effects(reader.connection)
    names = touched(texts, {*tables, *source.lists.tables}, effects)
    return partial_plan(full, names, source.schema, now, source.lists.tables)


def _app_schemas(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute("select nspname from pg_namespace")
    return [name for (name,) in rows if toc.is_app_schema(name)]


def _write_effects(connection: psycopg.Connection[Any]) -> WriteEffects:
    """The functions of the app's schemas, and the triggers and foreign keys of all tables."""
    functions: dict[str, tuple[str, ...]] = {}
    for name, source in connection.execute(FUNCTIONS, [_app_schemas(connection)]):
        functions[name] = (*functions.get(name, ()), source)
    triggers: dict[str, frozenset[str]] = {}
    for schema, table, function in connection.execute(TRIGGERS):
        key = key_of(schema, table)
        triggers[key] = triggers.get(key, frozenset()) | {function}
    cascades: dict[str, frozenset[str]] = {}
    for write, table in connection.execute(CASCADES):
        cascades[write] = cascades.get(write, frozenset()) | {table}
    return WriteEffects(functions, triggers, cascades)


@dataclass
class Merging:
    """The work that turns a full restore into a partial one, before its commit.

    Args:
        run: of the restore, whose old schemas hold the live rows.
        kept: afterwards, the rows written since that touched tables kept, by table.
    """

    partial_restore: PartialRestore
    run: str
    step: Step
    kept: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, connection: psycopg.Connection[Any]) -> None:
        """Merge, within the restore's transaction."""
        with self.step("keep", "rows written since that can stay"):
            schemas, old_name = _app_schemas(connection), partial(old_schema_name, self.run)
            self.kept = merge_live_rows(connection, self.partial_restore.merges, schemas, old_name)


def merge_live_rows(
    connection: psycopg.Connection[Any],
    merges: Sequence[TableMerge],
    schemas: Collection[str],
    old_name: OldName,
) -> dict[str, int]:
    """Merge the live rows; then set sequences, check foreign keys, and refresh materialized views.

    Returns, for tables that are not kept whole, how many live rows they kept.

    Args:
        connection: in the transaction that renamed the old schemas.
        schemas: the app's.

    Raises:
        CommandFailed: a row refers to one that is gone.
    """
    from psycopg import sql

    connection.execute("set local session_replication_role = replica")  # no trigger writes a second time
    kept: dict[str, int] = {}
    for merge in _differing(connection, merges, old_name):
        if merge.mode != "archive":
            rows = _merge_table(connection, merge, old_name(merge.schema))
            kept |= {merge.table: rows} if merge.mode == "both" and rows else {}
    for schema in schemas:
        for name, last in connection.execute(SEQUENCES, [schema, old_name(schema)]).fetchall():
            sequence = sql.Identifier(schema, name).as_string(connection)
            connection.execute("select setval(%s::regclass, %s)", [sequence, last])
    keys = connection.execute(FOREIGN_KEYS, [list(schemas)]).fetchall()
    restored = {(merge.schema, merge.name) for merge in merges if merge.mode != "live"}
    _delete_orphans(connection, [key for key in keys if (key[1], key[2]) in restored], old_name)
    _refuse_orphans(connection, keys)
    connection.execute("set local session_replication_role = origin")
    for view in connection.execute(MATERIALIZED_VIEWS, [list(schemas)]).fetchall():
        connection.execute(sql.SQL("refresh materialized view {}").format(sql.Identifier(*view)))
    return kept


def _differing(
    connection: psycopg.Connection[Any], merges: Sequence[TableMerge], old_name: OldName
) -> list[TableMerge]:
    """The tables whose live rows are not the archive's."""
    reader = SnapshotReader(connection)
    tables = {(table.schema, table.name): table for table in reader.tables()}
    differing = []
    for merge in merges:
        old, new = tables.get((old_name(merge.schema), merge.name)), tables.get((merge.schema, merge.name))
        if old and new:
            before, after = [total[:2] for _, total in reader.checksums([old, new])]
            if before != after:
                differing.append(merge)
    return differing


def _merge_table(connection: psycopg.Connection[Any], merge: TableMerge, old_schema: str) -> int:
    """Insert its live rows, or those whose key is new; returns how many."""
    from psycopg import sql

    new, old = sql.Identifier(merge.schema, merge.name), sql.Identifier(old_schema, merge.name)
    restored, live = _columns(connection, new), _columns(connection, old)
    key = [name for name, column in restored.items() if column.key]
    whole = merge.mode == "live"
    if not whole and not (key and set(key) <= set(merge.columns)):
        raise CommandFailed(f"the rows of `{merge.table}` can't be told apart: it has no key")
    values = []
    for name in merge.columns:
        column = restored[name]
        # a type that the restore made has another oid than the old one, and the same texts
        same_type = live[name].type_oid == column.type_oid
        cast = "{}" if same_type else f"{{}}::pg_catalog.text::{column.type}"
        values.append(sql.SQL(cast).format(sql.SQL("a.{}").format(sql.Identifier(name))))
    if whole:
        connection.execute(sql.SQL("delete from only {}").format(new))
    insert = sql.SQL(
        "insert into {new} ({names}) overriding system value"
        " select {values} from only {old} a where {condition}"
        if merge.columns
        else "insert into {new} select from only {old} a where {condition}"
    )
    is_new = sql.SQL("not exists (select from only {new} n where {same})").format(
        new=new, same=_same_key("n", "a", key)
    )
    return connection.execute(
        insert.format(
            new=new,
            names=sql.SQL(", ").join(map(sql.Identifier, merge.columns)),
            values=sql.SQL(", ").join(values),
            old=old,
            condition=sql.SQL("true") if whole else is_new,
        )
    ).rowcount


def _delete_orphans(
    connection: psycopg.Connection[Any], keys: Sequence[tuple[Any, ...]], old_name: OldName
) -> None:
    """Delete restored rows that users had deleted, and whose foreign-key target is gone."""
    from psycopg import sql

    again = True
    while again:  # a deleted row may be the target of others
        again = False
        for _, schema, table, *parent in keys:
            new, old = sql.Identifier(schema, table), sql.Identifier(old_name(schema), table)
            key = [name for name, column in _columns(connection, new).items() if column.key]
            if not key or not set(key) <= set(_columns(connection, old)):
                continue
            order = "delete from {} c where {} and not exists (select from only {} a where {})"
            deleted = connection.execute(
                sql.SQL(order).format(new, _is_orphan(*parent), old, _same_key("c", "a", key))
            ).rowcount
            again = again or deleted > 0


def _refuse_orphans(connection: psycopg.Connection[Any], keys: Sequence[tuple[Any, ...]]) -> None:
    from psycopg import sql

    for name, schema, table, *parent in keys:
        query = sql.SQL("select count(*) from {} c where {}").format(
            sql.Identifier(schema, table), _is_orphan(*parent)
        )
        row = connection.execute(query).fetchone()
        if row and row[0]:
            raise CommandFailed(
                f"{row[0]} rows of `{schema}.{table}` would refer to rows of `{parent[0]}.{parent[1]}` that"
                f" are gone (`{name}`); nothing was changed",
                "`--scope full` takes all tables back to one moment",
            )


def _is_orphan(
    schema: str, table: str, referring: list[str], referred: list[str], operators: list[str]
) -> sql.Composed:
    """A condition on a row `c`: it refers to a row of the table that does not exist."""
    from psycopg import sql

    equal = [
        sql.SQL(f"p.{{}} {operator} c.{{}}").format(sql.Identifier(target), sql.Identifier(column))
        for column, target, operator in zip(referring, referred, operators, strict=True)
    ]
    refers = [sql.SQL("c.{} is not null").format(sql.Identifier(column)) for column in referring]
    return sql.SQL("{} and not exists (select from {} p where {})").format(
        sql.SQL(" and ").join(refers), sql.Identifier(schema, table), sql.SQL(" and ").join(equal)
    )


def _same_key(one: str, other: str, key: Sequence[str]) -> sql.Composed:
    """A condition on two rows: their keys are equal as texts, since their types may differ."""
    from psycopg import sql

    part = sql.SQL(f"{one}.{{name}}::pg_catalog.text = {other}.{{name}}::pg_catalog.text")
    return sql.SQL(" and ").join(part.format(name=sql.Identifier(name)) for name in key)


def _columns(connection: psycopg.Connection[Any], table: sql.Identifier) -> dict[str, Any]:
    return columns(connection, table.as_string(connection))
