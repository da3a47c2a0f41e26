"""A place to rehearse: a PostgreSQL of our own in a temporary folder, or the one that the team names."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.adapters.database.database_url import Database, database_of
from scripts.domain.settings import Environment
from scripts.shell import daemon, signals
from scripts.workflows.toolbox import Toolbox

PREFIX = "release-desk-scratch-"
YOUNG = 60.0  # seconds in which a folder without an owner is one that is just being made
VARIABLE = "SCRATCH_DATABASE_URL"


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder; what a killed rehearsal left is removed first, and this one at the end."""
    for each in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _abandoned(each):
            _remove(each)
    made = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        made.chmod(0o711)  # PostgreSQL, no longer root, has to pass; its data are 0700
        daemon.record(made / "owner", os.getpid())
        yield made
    finally:
        with signals.deferred():
            _remove(made)


@contextmanager
def server(tools: Toolbox, environment: Environment, beside: Path) -> Iterator[Database]:
    """The server; its database is the template of what is rehearsed: a fresh project before any migration.

    Raises:
        ConfigError: `SCRATCH_DATABASE_URL` can't be used.
        Refused: there is none, and the packages for one of our own are not installed.
    """
    values = tools.values(environment)
    url = values.get(VARIABLE)
    if url:
        password = values.get("SCRATCH_DATABASE_PASSWORD")
        yield database_of(url, password, where=f"`{VARIABLE}`", folder=tools.config_folder)
        return
    from scripts.sandbox import ports
    from scripts.sandbox.postgres import TEMPLATE, Server

    (port,) = ports.free(1)
    own = Server(beside / "postgres", port, secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    own.create()
    try:
        own.start()
        where = "the scratch server"
        yield database_of(own.url(TEMPLATE), None, where=where, folder=tools.config_folder)
    finally:
        with signals.deferred():
            own.stop()


def _abandoned(folder: Path) -> bool:
    """Its owner is dead, or never said who he is."""
    try:
        if (folder / "owner").exists():
            return daemon.running(folder / "owner") is None
        return time.time() - folder.stat().st_mtime > YOUNG
    except OSError:  # another one is removing it
        return False


def _remove(folder: Path) -> None:
    daemon.stop(folder / "postgres" / "pid")
    shutil.rmtree(folder, ignore_errors=True)
