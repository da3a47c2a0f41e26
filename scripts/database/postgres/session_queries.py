# pure
"""Queries about the sessions of a server: those of an application, and who holds the advisory lock."""

from __future__ import annotations

OURS = """application_name = %s and datname = current_database() and usename = current_user
  and pid <> pg_backend_pid() and backend_start >= %s::timestamptz"""
SESSIONS = f"select pid from pg_stat_activity where {OURS}"  # noqa: S608 - constants only
END_SESSIONS = f"select count(pg_terminate_backend(pid)) from pg_stat_activity where {OURS}"  # noqa: S608

# the session that holds the advisory lock: its key is the hash, spread over two columns
HOLDER = """
select a.application_name, to_char(a.backend_start at time zone 'utc', 'HH24:MI:SS "UTC"')
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and a.datname = current_database()
  and l.objid = (hashtext(%s)::bigint & 4294967295)::oid limit 1
"""
