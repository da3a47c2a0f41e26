"""A place to rehearse: a PostgreSQL of our own in a temporary folder, or the one that the team names."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.postgres import programs
from scripts.database.postgres.url import Database, parse_database
from scripts.errors import Refused
from scripts.system import signals, temporary
from scripts.system.secret import Secret

VARIABLE = "SCRATCH_DATABASE_URL"
# a server that lives for one restore need not survive a power cut
THROWN_AWAY = ("fsync=off", "full_page_writes=off", "autovacuum=off", "maintenance_work_mem=256MB")


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder through which PostgreSQL, no longer root, can pass; its data are 0700."""
    with temporary.folder() as made:
        made.chmod(0o711)
        yield made


@contextmanager
def server(desk: Desk, environment: Environment, beside: Path) -> Iterator[Database]:
    """The server; its database is the template of what is rehearsed: a fresh project before any migration.

    Raises:
        ConfigError: `SCRATCH_DATABASE_URL` can't be used.
        Refused: there is none, and the packages for one of our own are not installed.
    """
    values = desk.values(environment)
    url = values.get(VARIABLE)
    if url:
        password = values.get("SCRATCH_DATABASE_PASSWORD")
        yield parse_database(url, password, where=f"`{VARIABLE}`", folder=desk.config_folder)
        return
    from scripts.database.postgres.local_server import TEMPLATE, Server
    from scripts.system import ports

    (port,) = ports.find_free(1)
    own = Server(beside / "postgres", port, secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    own.create()
    try:
        own.start()
        where = "the scratch server"
        yield parse_database(own.url(TEMPLATE), None, where=where, folder=desk.config_folder)
    finally:
        with signals.deferred():
            own.stop()


@contextmanager
def bare(desk: Desk, environment: Environment, beside: Path, major: int) -> Iterator[Database]:
    """The same without a template, of that major; its user is a superuser where the server is our own.

    Raises:
        ConfigError: `SCRATCH_DATABASE_URL` can't be used.
        Refused: there is none, and no programs of that major are here for one of our own.
    """
    if desk.values(environment).get(VARIABLE):
        with server(desk, environment, beside) as named:
            yield named
        return
    from scripts.database.postgres.local_server import SUPERUSER, Server
    from scripts.system import ports

    (port,) = ports.find_free(1)
    password = secrets.token_urlsafe(24)
    own = Server(beside / "postgres", port, password, password, _programs(major), THROWN_AWAY)
    own.create()
    try:
        own.start(dress=False)
        yield Database("127.0.0.1", port, "postgres", SUPERUSER, Secret(password), "disable")
    finally:
        with signals.deferred():
            own.stop()


def _programs(major: int) -> Path | None:
    """The folder of a whole PostgreSQL of that major; None for the wheel's."""
    from scripts.database.postgres import local_server

    if local_server.major() == major:
        return None
    found = programs.find(major)
    if found and found.major == major and (found.folder / "initdb").is_file():
        return found.folder
    raise Refused(
        f"a scratch server of PostgreSQL {major} is needed to prove this, and none is here",
        f"apt-get install postgresql-{major}; or name one in `{VARIABLE}`",
    )
