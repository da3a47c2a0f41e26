"""The table of contents is read from the archive itself; integration tests read real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.database.postgres.archive_toc import read_contents
from scripts.errors import CommandFailed
from tests.support.archives import archive

TABLE = ("TABLE", "my schema", "t t", "my role", "create ...")
SETTING = ("ENCODING", "", "ENCODING", "", "")
COMMENT = ("COMMENT", "", "DATABASE app", "", "")


@pytest.mark.parametrize("minor", [14, 15, 16])
def test_names_with_blanks_are_told_apart(tmp_path: Path, minor: int) -> None:
    """What only `--create` restores, and settings of the session, are not listed."""
    file = tmp_path / "db.dump"
    file.write_bytes(archive(SETTING, COMMENT, TABLE, minor=minor))
    (entry,) = read_contents(file)

    assert (entry.kind, entry.schema, entry.tag, entry.owner) == ("TABLE", "my schema", "t t", "my role")
    assert entry.line == "3; 1259 16400 TABLE my schema t t my role"
    assert (entry.key, entry.sql) == ("my schema.t t", "create ...")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[:-9], "cut off"),
        (lambda whole: b"PGDUMP" + whole[6:], "does not begin like one"),
        (lambda whole: whole[:6] + b"\x63" + whole[7:], "format is 1.99"),
        (lambda whole: whole[:10] + b"\x05" + whole[11:], "not known"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, damage: object, message: str) -> None:
    file = tmp_path / "db.dump"
    file.write_bytes(damage(archive(TABLE)))  # type: ignore[operator]

    with pytest.raises(CommandFailed, match=message):
        read_contents(file)
