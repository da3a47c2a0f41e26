"""Which scratch server is used; the servers themselves are tried by integration tests."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from scripts.database.backups import scratch_server
from scripts.database.backups.unproven import VARIABLE
from scripts.database.postgres import local_server, programs
from scripts.database.postgres.archive_toc import Entry
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.programs import Programs
from scripts.database.postgres.url import Database
from scripts.errors import ConfigError, Refused, Unreachable
from scripts.system.secret import Secret
from tests.support import databases

URL = "postgresql://ada@127.0.0.1:5555/template"


def test_the_configured_server_is_used(tmp_path: Path) -> None:
    desk = databases.desk(tmp_path, {VARIABLE: URL, "SCRATCH_DATABASE_PASSWORD": "pw"})
    environment = desk.settings.environment("production")
    with scratch_server.supabase_server(desk, environment, tmp_path) as template:
        assert (template.port, template.name, template.password.reveal()) == (5555, "template", "pw")
    with scratch_server.bare_server(desk, environment, tmp_path, 17) as bare:
        assert bare == template


def test_an_invalid_url_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    desk = databases.desk(tmp_path, {VARIABLE: "mysql://x"})
    with (
        pytest.raises(ConfigError, match=VARIABLE),
        scratch_server.supabase_server(desk, desk.settings.environment("production"), tmp_path),
    ):
        pytest.fail("it was used")


def test_programs_of_exactly_the_major_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`initdb` of a client package is missing, and a newer server can't prove an older backup."""
    monkeypatch.setattr(local_server, "packaged_major", lambda: 17)
    assert scratch_server.server_programs(17) is None

    monkeypatch.setattr(programs, "find", lambda _major: Programs(tmp_path, "16.2"))
    with pytest.raises(Refused, match="PostgreSQL 16"):
        scratch_server.server_programs(16)
    (tmp_path / "initdb").touch()
    assert scratch_server.server_programs(16) == tmp_path
    with pytest.raises(Refused, match="PostgreSQL 15"):
        scratch_server.server_programs(15)


def test_an_installed_server_with_more_of_the_wanted_extensions_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's, say, for `vector`; the wheel's where it has as many."""
    places = {
        "wheel/bin": "wheel/share/extension",
        "usr/lib/postgresql/17/bin": "usr/share/postgresql/17/extension",
    }
    for folder, extensions in places.items():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / extensions).mkdir(parents=True)
        (tmp_path / extensions / "citext.control").touch()
    wheel, debian = (tmp_path / folder for folder in places)
    (tmp_path / "usr/share/postgresql/17/extension/vector.control").touch()
    monkeypatch.setattr(local_server, "packaged_major", lambda: 17)
    monkeypatch.setattr(programs, "packaged", lambda _desk: wheel)
    monkeypatch.setattr(programs, "find", lambda _major: Programs(debian, "17.2"))
    desk = databases.desk(tmp_path)

    assert scratch_server.programs_with(desk, 17, ("vector",)) is None  # no server, only its clients
    (debian / "initdb").touch()
    assert scratch_server.programs_with(desk, 17, ("vector", "citext")) == debian
    assert scratch_server.programs_with(desk, 17, ("citext", "postgis")) is None


def test_postgresql_can_pass_through_the_folder() -> None:
    with scratch_server.scratch_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o711
    assert not folder.exists()


class Recorded(Archive):
    """An archive that notes what it is told to restore: (lines, options, section)."""

    calls: ClassVar[list[tuple[list[str], tuple[str, ...], str]]] = []

    def restore(self, database: Database, entries: str, *options: str, section: str = "") -> None:
        self.calls.append((entries.splitlines(), options, section))

    def publish(self, database: Database, entries: str, *options: str) -> None:
        self.calls.append((entries.splitlines(), options, "publish"))


NEVER_ASKED = Database("127.0.0.1", 1, "never_asked", "ada", Secret(""), "disable")


def test_tables_are_filled_by_the_call_that_makes_them(tmp_path: Path) -> None:
    """Unless a check may read another table: then the server is asked for the order."""
    kinds = ["FUNCTION", "TABLE", "TABLE DATA", "INDEX", "PUBLICATION", "PUBLICATION TABLE"]
    tags = {"FUNCTION": "known(text)"}
    sql = {"TABLE": "CREATE TABLE public.t (word text)"}
    entries = [
        Entry(f"{number}; {kind}", kind, "public", tags.get(kind, "t"), sql=sql.get(kind, ""))
        for number, kind in enumerate(kinds)
    ]
    archive = Recorded(tmp_path / "dump", tmp_path / "pg_restore")
    archive.calls.clear()
    scratch_server._fill(NEVER_ASKED, archive, entries, "--no-acl")
    whole = [entry.line for entry in entries]
    others = [line for line in whole if line != "4; PUBLICATION"]
    assert archive.calls == [
        (["4; PUBLICATION"], ("--no-acl",), "publish"),
        (others, ("-j2", "--no-acl"), ""),
    ]

    archive.calls.clear()
    scratch_server._fill(NEVER_ASKED, archive, [*entries, Entry("6; INDEX ATTACH", "INDEX ATTACH")])
    assert archive.calls == [
        ([*whole, "6; INDEX ATTACH"], ("-j2", "--section=pre-data", "--section=data"), ""),
        (["4; PUBLICATION"], (), "publish"),
        (["3; INDEX"], ("-j2",), "post-data"),
        (["6; INDEX ATTACH"], (), "post-data"),
        ([line for line in others if line != "3; INDEX"], ("-j2",), "post-data"),
    ]

    archive.calls.clear()
    entries[1] = Entry("1; TABLE", "TABLE", "public", "t", sql="CHECK (public.known(word))")
    with pytest.raises(Unreachable):  # it asks
        scratch_server._fill(NEVER_ASKED, archive, entries)
    assert [section for _, _, section in archive.calls] == ["pre-data"]


def test_nothing_runs_beside_the_attaching_of_an_index(tmp_path: Path) -> None:
    """Its locks are not in the archive; foreign keys need the index that it completes."""
    kinds = ["INDEX", "INDEX ATTACH", "CONSTRAINT", "FK CONSTRAINT", "INDEX ATTACH", "TRIGGER", "TABLE"]
    entries = [Entry(f"{number}; {kind}", kind) for number, kind in enumerate(kinds)]
    archive = Recorded(tmp_path / "dump", tmp_path / "pg_restore")
    archive.calls.clear()
    database = NEVER_ASKED
    scratch_server._restore_section(database, archive, entries, "post-data", "--no-owner")
    assert archive.calls == [
        (["0; INDEX", "2; CONSTRAINT"], ("-j2", "--no-owner"), "post-data"),
        (["1; INDEX ATTACH", "4; INDEX ATTACH"], ("--no-owner",), "post-data"),
        (["3; FK CONSTRAINT", "5; TRIGGER", "6; TABLE"], ("-j2", "--no-owner"), "post-data"),
    ]

    comments = [Entry("7; COMMENT", "COMMENT", needs=("2",)), Entry("8; COMMENT", "COMMENT", needs=("3",))]
    archive.calls.clear()
    scratch_server._restore_section(database, archive, [*entries, *comments], "post-data")
    assert [lines for lines, _, _ in archive.calls] == [
        ["0; INDEX", "2; CONSTRAINT", "7; COMMENT"],
        ["1; INDEX ATTACH", "4; INDEX ATTACH"],
        ["3; FK CONSTRAINT", "5; TRIGGER", "6; TABLE", "8; COMMENT"],
    ]

    archive.calls.clear()
    scratch_server._restore_section(database, archive, entries[:1], "post-data")
    scratch_server._restore_section(database, archive, entries, "pre-data")
    assert [(len(lines), options) for lines, options, _ in archive.calls] == [(1, ("-j2",)), (7, ("-j2",))]
