"""The database behind the Supabase stand-in: each request in a transaction, as the role of its token."""

from __future__ import annotations

import contextlib
import json
import queue
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scripts.sandbox.postgrest import Asked, statement

if TYPE_CHECKING:
    import psycopg


ROLES = ("anon", "authenticated", "service_role")
CONNECTIONS = 6  # of one environment; PostgreSQL has 100 for all
STATUS = {"42P01": 404, "23503": 409, "23505": 409, "23P01": 409, "57014": 500, "53300": 503}


class Fault(Exception):
    """An answer that is no success: its status and document."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(str(document))
        self.status = status
        self.document = document


class Database:
    """One environment's database, by a few kept connections of `authenticator`."""

    def __init__(self, *, name: str, port: int, password: str) -> None:
        self._known: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": port,
            "password": password,
            "dbname": name,
        }
        self._idle: queue.LifoQueue[psycopg.Connection | None] = queue.LifoQueue()
        for _ in range(CONNECTIONS):
            self._idle.put(None)

    def ask(self, asked: Asked, claims: Mapping[str, Any]) -> str | None:
        """The answer as JSON text; None where no rows come back.

        Raises:
            Fault: the database refused.
        """
        query, values = statement(asked)
        role = str(claims["role"])
        with self._connection(role) as connection, connection.transaction():
            setup = "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)"
            connection.execute(setup, (role, json.dumps(dict(claims))))
            cursor = connection.execute(query, values)
            row = cursor.fetchone() if cursor.description else None
        return str(row[0]) if row else None

    def sign_up(self, email: str, password: str) -> None:
        """A new user, as GoTrue would write him; one who is there already stays as he is."""
        insert = (
            "insert into auth.users (email, encrypted_password, aud, role, email_confirmed_at)"
            " select %s, extensions.crypt(%s, extensions.gen_salt('bf', 4)), 'authenticated',"
            " 'authenticated', now() where not exists (select from auth.users where email = %s)"
        )
        self._as_owner(insert, (email, password, email))

    def user(self, email: str, password: str) -> str | None:
        """The id of the user with that password."""
        ask = (
            "select id::text from auth.users"
            " where email = %s and encrypted_password = extensions.crypt(%s, encrypted_password)"
        )
        row = self._as_owner(ask, (email, password))
        return str(row[0]) if row else None

    def _as_owner(self, query: str, values: tuple[str, ...]) -> tuple[Any, ...] | None:
        import psycopg

        try:
            with psycopg.connect(**self._known, user="postgres", connect_timeout=5) as connection:
                cursor = connection.execute(query.encode(), values)
                return cursor.fetchone() if cursor.description else None
        except psycopg.Error as fault:
            raise refused(fault, "service_role") from None

    @contextlib.contextmanager
    def _connection(self, role: str) -> Iterator[psycopg.Connection]:
        """One of the kept connections; one that broke is made anew the next time."""
        import psycopg

        kept = self._idle.get()
        try:
            if kept is None or kept.closed:
                kept = psycopg.connect(
                    **self._known, user="authenticator", connect_timeout=5, autocommit=True
                )
            yield kept
        except psycopg.Error as fault:
            if kept is not None and kept.broken:
                kept.close()
            raise refused(fault, role) from None
        finally:
            self._idle.put(kept)


def refused(fault: psycopg.Error, role: str) -> Fault:
    """What PostgREST answers to a fault of the database."""
    state = fault.sqlstate or ""
    if not state:
        return Fault(503, {"code": "PGRST000", "message": "Database connection error"})
    status = STATUS.get(state, 400 if state[:2] in ("22", "23", "42", "P0") else 500)
    if state == "42501":
        status = 401 if role == "anon" else 403
    said = fault.diag
    shown = {"code": state, "message": said.message_primary, "details": said.message_detail}
    return Fault(status, {**shown, "hint": said.message_hint})
