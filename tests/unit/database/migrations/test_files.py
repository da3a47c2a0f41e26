"""Migrations of a commit against the history of a database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scripts.database.migrations.files import (
    Applied,
    Migration,
    compare,
    duplicates,
    elsewhere,
    migrations_in,
    newest,
)

STAMPS = ("20240101000000", "20240102000000", "20240103000000")


def files(*versions: str) -> tuple[Migration, ...]:
    """The migrations of a commit."""
    return migrations_in({f"{version}_change.sql": f"select {version}" for version in versions})


def rows(*versions: str) -> tuple[Applied, ...]:
    """The history of a database."""
    return tuple(Applied(version, "change", (f"select {version}",)) for version in versions)


STATES = [
    ("equal", (), (), ()),
    ("equal", STAMPS, STAMPS, ()),
    ("behind", STAMPS, STAMPS[:1], STAMPS[1:]),
    ("behind", STAMPS, (), STAMPS),
    ("ahead", STAMPS[:1], STAMPS, ()),
    ("ahead", (), STAMPS, ()),
    ("diverged", (STAMPS[0], STAMPS[2]), STAMPS[:2], STAMPS[2:]),
    ("diverged", STAMPS, (STAMPS[0], STAMPS[2]), STAMPS[1:2]),
    ("equal", ("1", "10", "9"), ("1", "10", "9"), ()),
    ("behind", ("1", "10", "9"), ("1", "10"), ("9",)),
    ("behind", (STAMPS[0], "20250103"), STAMPS[:1], ("20250103",)),
    ("ahead", ("1", "9"), ("1", "9", "10"), ()),
    ("diverged", ("1", "10", "9"), ("1", "9"), ("10",)),
    ("diverged", ("1", "9"), ("1", "10"), ("9",)),
    ("diverged", (STAMPS[0], "9"), ("9",), STAMPS[:1]),
]


@pytest.mark.parametrize(("state", "committed", "applied", "pending"), STATES)
def test_states(
    state: str, committed: tuple[str, ...], applied: tuple[str, ...], pending: tuple[str, ...]
) -> None:
    """Versions are compared as the CLI does, as texts, and every state has its name."""
    found = compare(files(*committed), rows(*applied))

    assert (found.state, tuple(each.version for each in found.pending)) == (state, pending)


def test_what_stands_in_the_way_is_named() -> None:
    """Missing and late migrations are told apart, each in the order of versions."""
    found = compare(files("01", "09", "11"), rows("02", "10"))

    assert found.missing == ("02", "10")
    assert tuple(each.version for each in found.late) == ("01", "09")
    assert tuple(each.version for each in found.pending) == ("01", "09", "11")


def test_an_edited_file_shows() -> None:
    """A file that no longer does what was applied makes the two diverge."""
    found = compare(migrations_in({"1_a.sql": "select 2"}), rows("1"))

    assert (found.state, tuple(each.file for each in found.edited)) == ("diverged", ("1_a.sql",))


def test_a_comment_is_no_edit() -> None:
    """A better comment in an applied file does no harm."""
    assert compare(migrations_in({"1_a.sql": "-- one\nselect 1;\n"}), rows("1")).state == "equal"


BODY = "create function f() returns text language sql as $$\n select 'a'\n$$"


@pytest.mark.parametrize(
    ("file", "row"),
    [
        (BODY.replace("\n", "\r\n") + ";\r\n", BODY),
        (BODY + ";\n", BODY.replace("\n", "\r\n")),
        (BODY.replace("\n", "\r") + ";\r\r", BODY),
        ("\ufeff" + BODY + ";", BODY),
        ("-- caf\udce9\nselect 'caf\udce9';", "-- caf\ufffd\nselect 'caf\ufffd'"),
    ],
)
def test_line_ends_and_what_the_cli_reads_otherwise_are_no_edit(file: str, row: str) -> None:
    """Also in a body between dollar quotes."""
    assert compare(migrations_in({"1_a.sql": file}), [Applied("1", "a", (row,))]).state == "equal"


def test_a_blank_in_a_body_is_an_edit() -> None:
    """It is stored in the database."""
    rows = [Applied("1", "a", (BODY,))]

    assert compare(migrations_in({"1_a.sql": BODY.replace(" select", "  select")}), rows).edited


def test_without_statements_nothing_is_called_edited() -> None:
    """A history that kept no statements (`migration repair`) can't accuse a file."""
    assert compare(files("1"), [Applied("1")]).state == "equal"


def test_a_renamed_file_is_the_same_migration() -> None:
    """The version is what counts, as for the Supabase CLI."""
    assert compare(migrations_in({"1_other_name.sql": "select 1"}), rows("1")).state == "equal"


def test_two_files_of_one_version_show() -> None:
    """Only one of them would ever be applied."""
    found = compare(migrations_in({"1_a.sql": "select 1", "1_b.sql": "select 1"}), ())

    assert (found.state, found.doubled) == ("diverged", ("1",))


def test_of_two_files_the_applied_one_acquits_the_other() -> None:
    """Neither was edited: one of them was never applied."""
    found = compare(migrations_in({"1_a.sql": "select 1", "1_b.sql": "select 2"}), rows("1"))

    assert (found.edited, found.doubled) == ((), ("1",))


def test_only_names_that_the_cli_accepts_are_migrations() -> None:
    """Digits, an underscore, `.sql`; nothing else is a migration; the order is that of texts."""
    names = (
        "10_b.sql",
        "9_a.sql",
        "README.md",
        "a_1.sql",
        "1.sql",
        "1_x.sql.bak",
        "-1_x.sql",
        "2_.sql",
        "1_x.SQL",
    )

    found = migrations_in(dict.fromkeys(names, ""))

    assert [each.file for each in found] == ["10_b.sql", "2_.sql", "9_a.sql"]
    assert [each.version for each in found] == ["10", "2", "9"]


def test_the_newest_is_the_last_in_the_order() -> None:
    """`9` is newer than `10` and than a time stamp, as for the CLI; no history has no newest."""
    assert newest(["9", "10", "1"]) == "9"
    assert STAMPS[1] == newest(["10", STAMPS[1], STAMPS[0]])
    assert newest([]) is None


def test_duplicates_are_listed_once() -> None:
    """A version that occurs three times is said once."""
    assert duplicates(["3", "1", "1", "2", "3", "1"]) == ("1", "3")


@pytest.mark.parametrize("version", ["", "abc", "²", "1.5", "٣", "9" * 5000])
def test_a_strange_version_in_the_database_is_only_missing(version: str) -> None:
    """What somebody wrote into the history by hand is reported, not a traceback."""
    found = compare(files("1"), [*rows("1"), Applied(version)])

    assert found.missing == (version,)


def test_migrations_that_no_release_applies_are_found_wherever_they_are() -> None:
    """In any folder of the commit but the configured one; other files of SQL are none."""
    paths = [
        "supabase/migrations/20240101000000_a.sql",
        "apps/web/supabase/migrations/20240101000000_b.sql",
        "apps/web/supabase/migrations/20240102000000_c.sql",
        "apps/web/supabase/seed.sql",
        "packages/api/prisma/migrations/1_x.sql",
        "docs/supabase/migrations/README.md",
    ]
    desk: Any = SimpleNamespace(
        settings=SimpleNamespace(app=SimpleNamespace(migrations="supabase/migrations/")),
        git=SimpleNamespace(paths=lambda _commit: paths),
    )

    assert elsewhere(desk, "a" * 40) == ("apps/web/supabase/migrations",)
    desk.settings.app.migrations = ""
    assert elsewhere(desk, "a" * 40) == ("apps/web/supabase/migrations", "supabase/migrations")
