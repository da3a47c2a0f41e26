"""The database behind the Supabase stand-in: one transaction a request, as the role of its token."""

from __future__ import annotations

import contextlib
import json
import queue
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scripts.sandbox.postgrest import Query, statement

if TYPE_CHECKING:
    import psycopg


ROLES = ("anon", "authenticated", "service_role")
CONNECTIONS = 6  # for one environment; PostgreSQL allows 100 in all
STATUS = {"42P01": 404, "23503": 409, "23505": 409, "23P01": 409, "57014": 500, "53300": 503}


class Fault(Exception):
    """An error answer: its status and document."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(str(document))
        self.status = status
        self.document = document


class Database:
    """One environment's database, over a small pool of connections of `authenticator`."""

    def __init__(self, *, name: str, port: int, password: str) -> None:
        self._parameters: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": port,
            "password": password,
            "dbname": name,
        }
        self._idle: queue.LifoQueue[psycopg.Connection | None] = queue.LifoQueue()
        for _ in range(CONNECTIONS):
            self._idle.put(None)

    def query(self, query: Query, claims: Mapping[str, Any]) -> str | None:
        """The answer as JSON text; None if the query returns no rows.

        Raises:
            Fault: the database refused.
        """
        sql, values = statement(query)
        role = str(claims["role"])
        with self._connection(role) as connection, connection.transaction():
            setup = "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)"
            connection.execute(setup, (role, json.dumps(dict(claims))))
            cursor = connection.execute(sql, values)
            row = cursor.fetchone() if cursor.description else None
        return str(row[0]) if row else None

    def sign_up(self, email: str, password: str) -> None:
        """Insert a user as GoTrue would, unless the address is known."""
        insert = (
            "insert into auth.users (email, encrypted_password, aud, role, email_confirmed_at)"
            " select %s, extensions.crypt(%s, extensions.gen_salt('bf', 4)), 'authenticated',"
            " 'authenticated', now() where not exists (select from auth.users where email = %s)"
        )
        self._as_owner(insert, (email, password, email))

    def user(self, email: str, password: str) -> str | None:
        """The id of the user with this password; None if there is none."""
        select = (
            "select id::text from auth.users"
            " where email = %s and encrypted_password = extensions.crypt(%s, encrypted_password)"
        )
        row = self._as_owner(select, (email, password))
        return str(row[0]) if row else None

    def _as_owner(self, query: str, values: tuple[str, ...]) -> tuple[Any, ...] | None:
        import psycopg

        try:
            with psycopg.connect(**self._parameters, user="postgres", connect_timeout=5) as connection:
                cursor = connection.execute(query.encode(), values)
                return cursor.fetchone() if cursor.description else None
        except psycopg.Error as fault:
            raise refused(fault, "service_role") from None

    @contextlib.contextmanager
    def _connection(self, role: str) -> Iterator[psycopg.Connection]:
        """Borrow a connection from the pool; a broken one is replaced at its next use."""
        import psycopg

        connection = self._idle.get()
        try:
            if connection is None or connection.closed:
                connection = psycopg.connect(
                    **self._parameters, user="authenticator", connect_timeout=5, autocommit=True
                )
            yield connection
        except psycopg.Error as fault:
            if connection is not None and connection.broken:
                connection.close()
            raise refused(fault, role) from None
        finally:
            self._idle.put(connection)


def refused(fault: psycopg.Error, role: str) -> Fault:
    """PostgREST's answer to an error of the database."""
    state = fault.sqlstate or ""
    if not state:
        return Fault(503, {"code": "PGRST000", "message": "Database connection error"})
    status = STATUS.get(state, 400 if state[:2] in ("22", "23", "42", "P0") else 500)
    if state == "42501":
        status = 401 if role == "anon" else 403
    diagnosis = fault.diag
    document = {"code": state, "message": diagnosis.message_primary, "details": diagnosis.message_detail}
    return Fault(status, {**document, "hint": diagnosis.message_hint})
