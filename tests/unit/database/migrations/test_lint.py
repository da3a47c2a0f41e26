"""squawk: its rules that mean breaking, as plain values; the others are not heard."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.database.migrations import lint
from scripts.database.migrations.lint import Finding
from scripts.errors import CommandFailed

BINARY = lint.find() or Path("squawk")


def rules(sql: str) -> list[tuple[str, int]]:
    """Rule and line of what is found in one file."""
    return [(each.rule, each.line) for each in lint.check(BINARY, {"a.sql": sql})]


def test_what_breaks_is_found_with_its_line() -> None:
    """Lines count from 1, as editors do."""
    sql = "-- x\nalter table t rename column a to b;\n\ndrop table u;\nalter table t alter c type int;\n"

    assert [("renaming-column", 2), ("ban-drop-table", 4), ("changing-column-type", 5)] == rules(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "create table t (a int, b varchar(10), c timestamp);",  # matters of taste
        "create index i on t (a);",
        "alter table t add column a int default 3;",
        "select 1;",
        "create tabel x;",  # not read at all: our own rules call that breaking
        "",
    ],
)
def test_style_is_nobody_s_business_here(sql: str) -> None:
    """Only what older code can't live with counts."""
    assert [] == rules(sql)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("drop index i;", "ban-drop-index"),
        ("drop policy p on t;", "ban-drop-policy"),
        ("revoke select on t from anon;", "ban-revoke"),
        ("alter table t disable trigger all;", "ban-disable-trigger"),
    ],
)
def test_rules_that_are_off_are_asked_for(sql: str, rule: str) -> None:
    """Squawk has them, but only on demand."""
    assert [(rule, 1)] == rules(sql)


def test_names_are_given_back_and_never_patterns() -> None:
    """A file may be called anything."""
    found = lint.check(BINARY, {"*.sql": "drop view v;", "-e x": "select 1;", "z": "drop view w;"})

    assert ["*.sql", "z"] == [each.file for each in found]
    assert isinstance(found[0], Finding)


def test_bytes_that_are_no_utf8_are_read() -> None:
    """As git gives them."""
    assert [("ban-drop-view", 1)] == rules("drop view v; -- \udce9")


def test_many_files_take_one_start() -> None:
    """None at all takes none."""
    assert () == lint.check(Path("/nowhere"), {})
    assert 300 == len(lint.check(BINARY, {f"{n}.sql": "drop view v;" for n in range(300)}))


def test_another_program_is_no_squawk() -> None:
    """What prints no JSON, or fails, is said to have failed."""
    with pytest.raises(CommandFailed):
        lint.check(Path("/bin/echo"), {"a": "select 1;"})
    with pytest.raises(CommandFailed):
        lint.check(Path("/nowhere/squawk"), {"a": "select 1;"})


def test_it_is_found_beside_the_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A virtual environment need not be on PATH; without it there is none."""
    assert Path(sys.executable).with_name("squawk") == lint.find()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lint.find() is None
