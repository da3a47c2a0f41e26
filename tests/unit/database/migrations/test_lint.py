"""squawk: only its rules that mean breaking are kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.database.migrations import lint
from scripts.database.migrations.files import Migration
from scripts.errors import CommandFailed

BINARY = lint.find() or Path("squawk")


def rules(sql: str) -> list[tuple[str, int]]:
    """Rule and line of each finding in one file."""
    return [(each.rule, each.line) for each in lint.check(BINARY, {"a.sql": sql}).get("a.sql", ())]


def test_breaking_statements_are_found_with_their_lines() -> None:
    """Lines count from 1, as in editors."""
    sql = "-- x\nalter table t rename column a to b;\n\ndrop table u;\nalter table t alter c type int;\n"

    assert rules(sql) == [("renaming-column", 2), ("ban-drop-table", 4), ("changing-column-type", 5)]


@pytest.mark.parametrize(
    "sql",
    [
        "create table t (a int, b varchar(10), c timestamp);",  # matters of taste
        "create index i on t (a);",
        "alter table t add column a int default 3;",
        "select 1;",
        "create tabel x;",  # a syntax error: our own rules call that breaking
        "",
    ],
)
def test_rules_of_style_are_ignored(sql: str) -> None:
    """Only what older code can't live with counts."""
    assert rules(sql) == []


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("drop index i;", "ban-drop-index"),
        ("drop policy p on t;", "ban-drop-policy"),
        ("revoke select on t from anon;", "ban-revoke"),
        ("alter table t disable trigger all;", "ban-disable-trigger"),
    ],
)
def test_rules_that_are_off_by_default_are_turned_on(sql: str, rule: str) -> None:
    """Squawk applies them only on request."""
    assert rules(sql) == [(rule, 1)]


def test_file_names_are_returned_and_never_read_as_patterns() -> None:
    """A file may have any name."""
    by_file = lint.check(BINARY, {"*.sql": "drop view v;", "-e x": "select 1;", "z": "drop view w;"})

    assert list(by_file) == ["*.sql", "z"]


def test_bytes_that_are_not_utf8_are_read() -> None:
    """Git hands them over as surrogates."""
    assert rules("drop view v; -- \udce9") == [("ban-drop-view", 1)]


def test_many_files_take_one_start_and_no_file_takes_none() -> None:
    """Without a file the program is not even looked for."""
    assert lint.check(Path("/nowhere"), {}) == {}
    assert len(lint.check(BINARY, {f"{n}.sql": "drop view v;" for n in range(300)})) == 300


@pytest.mark.parametrize("program", ["/bin/echo", "/nowhere/squawk"])
def test_another_program_is_a_failure(program: str) -> None:
    """It prints no JSON, or can't be started."""
    with pytest.raises(CommandFailed):
        lint.check(Path(program), {"a": "select 1;"})


def test_the_program_is_looked_for_beside_the_interpreter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A virtual environment need not be on PATH."""
    assert Path(sys.executable).with_name("squawk") == lint.find()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lint.find() is None


def test_lints_are_none_without_a_working_squawk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing linter and a broken one look the same to a plan."""
    migrations = [Migration("1", "1_a.sql", "drop view v;")]
    found = lint.lints(migrations)
    assert found is not None
    assert [each.rule for each in found["1_a.sql"]] == ["ban-drop-view"]
    for program in (None, Path("/bin/echo")):
        monkeypatch.setattr(lint, "find", lambda program=program: program)
        assert lint.lints(migrations) is None
