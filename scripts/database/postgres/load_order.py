"""In which order tables are filled: a check may read another table, whose rows must be there first.

PostgreSQL does not know which tables a function reads, so `pg_dump` can't order them. Here a function
is taken to read every table whose name is in its text, or in that of a function that it mentions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scripts.database.postgres.archive_toc import Entry

if TYPE_CHECKING:
    import psycopg


# Tables with rows, and the functions that run for each row: of checks, also those of their columns'
# domains, and of generated columns.
CALLS = """
with recursive reach (class, object, relation) as (
  select 'pg_class'::regclass::oid, c.oid, c.oid from pg_class c where c.relkind in ('r', 'p')
    and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  union
  select x.class, x.object, r.relation from reach r cross join lateral (
    select d.refclassid, d.refobjid from pg_depend d where (d.classid, d.objid) = (r.class, r.object)
      and d.refclassid in ('pg_type'::regclass, 'pg_proc'::regclass) and d.refobjid >= 16384
    union all
    select 'pg_constraint'::regclass, k.oid from pg_constraint k where k.contype = 'c'
      and (r.class, r.object) in (('pg_class'::regclass, k.conrelid), ('pg_type'::regclass, k.contypid))
    union all
    select 'pg_attrdef'::regclass, f.oid from pg_attrdef f join pg_attribute a
      on (a.attrelid, a.attnum) = (f.adrelid, f.adnum) where a.attgenerated <> ''
      and (r.class, r.object) = ('pg_class'::regclass, f.adrelid)
    union all
    select 'pg_class'::regclass, t.typrelid from pg_type t
      where (r.class, r.object) = ('pg_type'::regclass, t.oid) and t.typtype = 'c'
  ) x (class, object) where r.class <> 'pg_proc'::regclass
)
select distinct n.nspname, c.relname, p.proname from reach r join pg_proc p on p.oid = r.object
join pg_class c on c.oid = r.relation join pg_namespace n on n.oid = c.relnamespace
where r.class = 'pg_proc'::regclass
"""
SOURCES = """
select p.proname, p.prosrc || coalesce(pg_get_function_sqlbody(p.oid), '') from pg_proc p
where p.oid >= 16384 and p.prokind <> 'a'
"""
WORD = re.compile(r"\w+")
CALL = re.compile(r"(\w+)\"?\(")  # as PostgreSQL writes an expression: `app.is_free(night)`
ROUTINES = ("FUNCTION", "PROCEDURE", "AGGREGATE")  # kinds of entries
# their statements hold the checks and the generated columns
CHECKED = ("TABLE", "FOREIGN TABLE", "DOMAIN", "TYPE", "CHECK CONSTRAINT", "DEFAULT")
Table = tuple[str, str]  # schema and name


def may_read(entries: Iterable[Entry]) -> bool:
    """Whether a table's check may call a function of these entries; if not, `readers` would find none.

    A function counts where a statement of a table, domain or type has its name as in a call, and each does
    if there are casts: nothing names the functions that these call.
    """
    known = list(entries)
    names = {entry.tag.partition("(")[0].replace('"', '""') for entry in known if entry.kind in ROUTINES}
    if names and any(entry.kind == "CAST" for entry in known):
        return True
    statements = "\0".join(entry.sql for entry in known if entry.kind in CHECKED)
    called = {*CALL.findall(statements)}
    for entry in known:
        called |= {*WORD.findall(entry.sql)} if entry.kind == "TYPE" else set()  # `INPUT = name`
    return any(name in called if WORD.fullmatch(name) else name in statements for name in names)


def readers(
    connection: psycopg.Connection[Any], tables: Iterable[Table]
) -> Mapping[Table, frozenset[Table]]:
    """Tables whose rows are checked by functions -> the other tables of `tables` that these may read."""
    calls: dict[Table, set[str]] = {}
    for schema, table, function in connection.execute(CALLS).fetchall():
        calls.setdefault((schema, table), set()).add(function)
    if not calls:
        return {}
    sources: dict[str, str] = {}
    for name, source in connection.execute(SOURCES):
        sources[name] = f"{sources.get(name, '')} {source}"
    known = list(tables)
    found = {
        table: frozenset(_mentioned(functions, sources, known)) - {table}
        for table, functions in calls.items()
    }
    return {table: others for table, others in found.items() if others}


def ordered(tables: Sequence[Table], reads: Mapping[Table, frozenset[Table]]) -> list[Table]:
    """The tables in their order, but each after those that it reads."""
    done: dict[Table, None] = {}

    def add(table: Table, waiting: tuple[Table, ...]) -> None:
        for other in tables if table in reads else ():
            if other in reads[table] and other not in (*waiting, *done):
                add(other, (*waiting, table))
        done.setdefault(table)

    for table in tables:
        add(table, ())
    return list(done)


def _mentioned(
    functions: Iterable[str], sources: Mapping[str, str], tables: list[Table]
) -> Iterator[Table]:
    """The tables whose names are in the functions' text, or in that of functions that it mentions."""
    waiting, seen = list(functions), set(functions)
    text = ""
    while waiting:
        source = sources.get(waiting.pop(), "")
        text += f"\n{source}"
        more = {word for word in WORD.findall(source) if word in sources} - seen
        seen |= more
        waiting += more
    words = {word.lower() for word in WORD.findall(text)}
    for table in tables:
        if set(WORD.findall(table[1].lower())) <= words:
            yield table
