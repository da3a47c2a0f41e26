# pure
"""What of a database depends on its extensions, by the server's own record of dependencies.

Facts: a table depends on the type of each column; a view depends on things by its rule, which is a part of
it; what an extension brings depends on it with `e`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

# extension, schema, and what needs it; of tables, views and functions alone: the rest hangs on them
QUERY = """
with recursive needs (classid, objid, extension) as (
  select d.classid, d.objid, e.extname from pg_catalog.pg_depend d
  join pg_catalog.pg_extension e on e.oid = d.refobjid
  where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.deptype = 'e'
  union
  select found.classid, found.objid, n.extension from needs n cross join lateral (
    select d.classid, d.objid from pg_catalog.pg_depend d
    where d.refclassid = n.classid and d.refobjid = n.objid and d.deptype in ('n', 'a', 'i')
    union all
    select 'pg_catalog.pg_class'::pg_catalog.regclass, r.ev_class from pg_catalog.pg_rewrite r
    where n.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and r.oid = n.objid
  ) found
)
select distinct u.extension::text, s.nspname::text, u.kind || ' ' || u.name from (
  select n.extension, c.relnamespace as home, case c.relkind when 'v' then 'view'
    when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence'
    else 'table' end as kind,
    c.oid::pg_catalog.regclass::text as name, 'pg_class' as place, c.oid
  from needs n join pg_catalog.pg_class c on c.oid = n.objid
  where n.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select n.extension, p.pronamespace, 'function', p.oid::pg_catalog.regprocedure::text, 'pg_proc', p.oid
  from needs n join pg_catalog.pg_proc p on p.oid = n.objid
  where n.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
) u join pg_catalog.pg_namespace s on s.oid = u.home
where not exists (select from pg_catalog.pg_depend m where m.objid = u.oid and m.deptype = 'e'
  and m.classid = ('pg_catalog.' || u.place)::pg_catalog.regclass)
order by 1, 3"""


class Use(NamedTuple):
    """Something that needs an extension: `table public.docs`."""

    extension: str
    thing: str


def of_the_app(rows: Iterable[tuple[str, str, str]], is_ours: Callable[[str], bool]) -> tuple[Use, ...]:
    """What of the app's schemas needs an extension."""
    return tuple(Use(extension, thing) for extension, schema, thing in rows if is_ours(schema))
