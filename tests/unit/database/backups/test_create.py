"""What is refused before a dump, and what an archive must contain; whole backups are integration tests."""

from __future__ import annotations

import json
from pathlib import Path

import pyrage
import pytest

from scripts.database.backups import create, encryption
from scripts.database.backups import manifest as manifests
from scripts.database.backups.dumping import Snapshot
from scripts.database.backups.manifest import Table
from scripts.database.backups.storage import KEY_ID, SECRET_KEY
from scripts.database.postgres.programs import Programs
from scripts.errors import CommandFailed, ConfigError, DeskError, Refused
from tests.support import databases
from tests.support.archives import archive_of

VALUES = {"DATABASE_URL": "postgresql://ada@127.0.0.1:1/app", KEY_ID: "key", SECRET_KEY: "secret"}
RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())
LISTING = "1; 0 1 TABLE DATA public guests postgres\n2; 2620 1 TRIGGER auth users t postgres\n"


@pytest.mark.parametrize(
    ("environment", "backup", "fault", "message"),
    [
        ({"database": False}, {}, Refused, "has no database"),
        ({}, {"bucket": "kept"}, Refused, "`backup.recipients` is empty"),
        ({}, {"recipients": ["nonsense"]}, ConfigError, "no public age key"),
    ],
)
def test_what_is_missing_is_refused_before_anything_is_written(
    environment: dict[str, object],
    backup: dict[str, object],
    fault: type[DeskError],
    message: str,
    tmp_path: Path,
) -> None:
    desk = databases.desk(tmp_path, VALUES, environment, **backup)
    production = desk.settings.environment("production")
    with pytest.raises(fault, match=message), create.create_backup(desk, production, "daily", None):
        pytest.fail("it began")
    assert list(tmp_path.iterdir()) == []


def programs(folder: Path, listing: str) -> Programs:
    """A dump with this listing, and a `pg_restore` that prints SQL."""
    (folder / manifests.DUMP).write_bytes(archive_of(listing))
    program = folder / "pg_restore"
    program.write_text('#!/bin/sh\necho "select 1;"\n')
    program.chmod(0o755)
    return Programs(folder, "17.11")


def snapshot(*tables: str) -> Snapshot:
    return Snapshot("17.11", "0/1", {name: Table(1, "1", 1) for name in tables}, {}, {}, (), ())


def test_the_lists_are_written_beside_the_dump(tmp_path: Path) -> None:
    lists = create._write_lists(programs(tmp_path, LISTING), tmp_path, snapshot("public.guests"))
    document = json.loads((tmp_path / manifests.LISTS).read_text())

    assert [entry.line for entry in lists.app] == document["app"]
    assert [str(lists.app[0]), str(lists.extras[0])] == [
        line.split(" ", 3)[-1] for line in LISTING.splitlines()
    ]
    assert document["extras"] == [lists.extras[0].line]
    assert set(document) == {"app", "users", "extras", "database", "large_objects", "left_out"}
    assert (tmp_path / manifests.EXTRAS).read_text() == "select 1;\n"


def test_an_entry_that_fits_no_list_fails_the_backup(tmp_path: Path) -> None:
    strange = f"{LISTING}3; 1259 1 TABLE auth mine postgres\n"
    with pytest.raises(Refused, match=r"would bring back 1 objects:\n  \| TABLE auth mine"):
        create._write_lists(programs(tmp_path, strange), tmp_path, snapshot("public.guests"))


def test_a_table_without_rows_in_the_dump_fails_the_backup(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"lacks the rows of public\.rooms"):
        create._write_lists(
            programs(tmp_path, LISTING), tmp_path, snapshot("public.guests", "public.rooms")
        )


@pytest.mark.parametrize("recipients", [[], [RECIPIENT]])
def test_every_file_is_stored_and_measured(recipients: list[str], tmp_path: Path) -> None:
    desk = databases.desk(tmp_path, recipients=recipients)
    plain, target = tmp_path / "plain", tmp_path / "target"
    plain.mkdir()
    target.mkdir()
    for name in manifests.FILES:
        (plain / name).write_text(name)
    files = create._encrypt_files(desk, plain, target)

    suffix = manifests.ENCRYPTED if recipients else ""
    assert {path.name for path in target.iterdir()} == {f"{name}{suffix}" for name in manifests.FILES}
    for name, file in files.items():
        assert (file.bytes, file.sha256) == encryption.measure(plain / name)
        stored = encryption.measure(target / f"{name}{suffix}")
        assert (file.encrypted_bytes, file.encrypted_sha256) == (stored if recipients else (None, None))
