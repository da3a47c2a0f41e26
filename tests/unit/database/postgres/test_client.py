"""Which database an environment has, and what a connection error says."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.database.postgres import client
from scripts.database.postgres.url import Database
from scripts.errors import ConfigError, Refused, Unreachable
from scripts.system.secret import Secret
from tests.support import databases

URL = "postgresql://ada@127.0.0.1:5432/app"


def desk(tmp_path: Path, url: str = URL, **environment: object) -> Desk:
    return databases.desk(tmp_path, {"DATABASE_URL": url, "DATABASE_PASSWORD": "pw"}, environment)


def test_the_configured_database(tmp_path: Path) -> None:
    own = desk(tmp_path)
    production = own.settings.environment("production")
    database = client.required_database(own, production)

    assert (database.host, database.name, database.password.reveal()) == ("127.0.0.1", "app", "pw")
    assert client.postgres_of(own, production) is not None


def test_an_environment_without_a_database(tmp_path: Path) -> None:
    own = desk(tmp_path, database=False)
    production = own.settings.environment("production")

    assert client.configured_database(own, production) is None
    assert client.postgres_of(own, production) is None
    with pytest.raises(Refused, match="production has no database"):
        client.required_database(own, production)


def test_a_missing_url_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    own = desk(tmp_path, url="")
    with pytest.raises(ConfigError, match="`DATABASE_URL` of production is missing"):
        client.configured_database(own, own.settings.environment("production"))


def test_nobody_who_listens_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    database = Database("127.0.0.1", port, "app", "ada", Secret("pw-of-db"), "disable")

    with pytest.raises(Unreachable, match=rf"`app` on `127.0.0.1:{port}`") as caught:
        client.Postgres(database).history()
    assert "pw-of-db" not in caught.value.message
    assert caught.value.hint


def test_sessions_of_a_dead_run_are_found_by_their_names() -> None:
    """Readers change nothing, and are never ended."""
    names = {client.DESK, client.BACKUP, client.DUMPER, client.CLI_NAME}

    assert len(names) == 4
    assert client.READER not in names
    assert f"{client.DESK} backup" == client.BACKUP
