"""One finder of PostgreSQL's programs, for `backup` and for `doctor`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.database.postgres import local_server, programs
from scripts.database.postgres.url import Database
from scripts.errors import Refused
from scripts.setup import health
from scripts.system.secret import Secret
from tests.support import databases


def install(folder: Path, version: str, *names: str) -> Path:
    """Programs that print a version."""
    folder.mkdir(parents=True)
    for name in names or programs.NAMES:
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _empty_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No programs but those of the test, and no wheel."""
    monkeypatch.setattr(programs, "USUAL", (f"{tmp_path}/usual/*/bin",))
    monkeypatch.setattr(local_server, "packaged_major", lambda: None)
    use(monkeypatch)


def use(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))


def desk(tmp_path: Path) -> Desk:
    return databases.desk(tmp_path)


def test_the_same_major_is_preferred_then_the_oldest_newer_one(tmp_path: Path) -> None:
    for version in ("15.9", "17.2", "18.0"):
        install(tmp_path / "usual" / version / "bin", version)

    found = [programs.find(major) for major in (14, 15, 16, 17, 19)]
    assert [each and each.version for each in found] == ["15.9", "15.9", "17.2", "17.2", None]


def test_every_folder_of_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`backup` once looked at the first one only, so `doctor` was green where it refused."""
    old, new = install(tmp_path / "a", "15.1"), install(tmp_path / "b", "17.1")
    use(monkeypatch, old, new)

    assert programs.available_majors() == (15, 17)
    assert programs.programs_for(desk(tmp_path), 17).folder == new


def test_a_folder_without_all_programs_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor` once looked for `pg_dump` alone, so it was green where `backup` refused."""
    use(monkeypatch, install(tmp_path / "a", "17.1", "pg_dump"))

    assert programs.available_majors() == ()
    assert health.pg_client(17, programs.available_majors()).state == "warning"
    with pytest.raises(Refused, match="PostgreSQL 17"):
        programs.programs_for(desk(tmp_path), 17)


@pytest.mark.parametrize("folder", ["opt/homebrew/opt/libpq/bin", "usr/local/pgsql-17/bin"])
def test_both_know_the_same_usual_folders(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor` once did not know these, so it was red where `backup` worked."""
    patterns = programs.USUAL
    monkeypatch.undo()
    assert any(Path("/", folder).match(pattern) for pattern in programs.USUAL)
    monkeypatch.setattr(programs, "USUAL", (*patterns, f"{tmp_path}/{folder}"))
    monkeypatch.setattr(local_server, "packaged_major", lambda: None)
    use(monkeypatch)
    install(tmp_path / folder, "17.3")

    assert programs.available_majors() == (17,)
    assert health.pg_client(17, programs.available_majors()).state == "ok"


def test_debians_wrapper_is_not_taken_for_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It chooses a version itself."""
    real = install(tmp_path / "share", "17.1", "pg_wrapper", *programs.NAMES)
    (tmp_path / "bin").mkdir()
    for name in programs.NAMES:
        (tmp_path / "bin" / name).symlink_to(real / "pg_wrapper")
    use(monkeypatch, tmp_path / "bin")

    assert programs.available_majors() == ()


def test_the_wheel_counts_as_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_server, "packaged_major", lambda: 17)

    assert programs.available_majors() == (17,)


def test_what_can_not_be_run_is_not_taken(tmp_path: Path) -> None:
    folder = install(tmp_path / "usual" / "x" / "bin", "17.1")
    (folder / "pg_dump").write_text("#!/bin/sh\nexit 1\n")
    assert programs.look(folder) is None

    (folder / "pg_dump").chmod(0o644)
    assert programs.look(folder) is None


def test_the_refusal_names_what_is_too_old(tmp_path: Path) -> None:
    install(tmp_path / "usual" / "15" / "bin", "15.9")

    refusal = programs.missing(17)
    assert "15.9" in refusal.message
    assert "postgresql-client-17" in str(refusal.hint)


def test_a_proxy_keeps_the_name_that_the_certificate_is_checked_against() -> None:
    database = Database("db.example.org", 5432, "app", "ada", Secret("pw"), "verify-full", "/ca.pem")
    env = programs.environment(database, hostaddr="127.0.0.1", port=9999)

    assert (env["PGHOST"], env["PGHOSTADDR"], env["PGPORT"]) == ("db.example.org", "127.0.0.1", "9999")
    assert (env["PGPASSWORD"], env["PGSSLMODE"]) == ("pw", "verify-full")
    assert "PGHOSTADDR" not in programs.environment(database)
