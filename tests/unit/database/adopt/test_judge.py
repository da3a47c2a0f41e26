"""Which files a database has, by its schema alone."""

from __future__ import annotations

import pytest

from scripts.database.adopt import judge
from scripts.database.adopt.judge import Elements, Step
from scripts.database.migrations.files import Migration
from tests.unit.database.adopt.samples import INIT, NOTE, NOTED, STEPS, TABLE, WIDE, N, T

X = ("table x", "table")


def words(live: Elements, *steps: Step) -> list[str]:
    """The verdicts, in order."""
    return [each.word for each in judge.judge(steps or STEPS, live)]


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({}, ["missing", "missing", "missing", "unknown"]),
        (TABLE, ["stands", "missing", "missing", "unknown"]),
        (NOTED, ["stands", "stands", "missing", "unknown"]),
        (WIDE, ["stands", "stands", "stands", "unknown"]),
    ],
)
def test_files_stand_up_to_where_the_database_is(live: Elements, expected: list[str]) -> None:
    """A value that a later file changes says that both were applied; rows are never told from it."""
    assert words(live) == expected


def test_what_is_there_in_part_says_what_is_missing_and_what_is_different() -> None:
    """The policy is gone, the column has a type of nobody's."""
    live = {"table t": {"table": "table r", "column n": "column n int"}}
    init, note, wider, _ = judge.judge(STEPS, live)

    assert (init.word, note.word, wider.word) == ("stands", "missing", "partial")
    assert wider.why == ("different: column n of table t: `column n int`, not `column n varchar(9)`",)
    part = judge.judge(STEPS[:2], {"table t": {"table": "table r", "column n": "column n text"}})[1]
    assert (part.word, part.why) == ("partial", ("missing: policy p of table t",))


def test_a_table_that_is_made_and_dropped_again_goes_with_the_file_after_it() -> None:
    """Nothing of it is to be seen, before and after."""
    made = Step(Migration("0", "0_x.sql", ""), {X: (None, "table r")})
    dropped = Step(Migration("11", "11_x.sql", ""), {X: ("table r", None)})

    assert words(TABLE, made, dropped, *STEPS[:2]) == ["stands", "stands", "stands", "missing"]
    assert words({}, made, dropped, *STEPS[:2]) == ["missing"] * 4
    assert words({"table x": {"table": "table r"}}, made, dropped, STEPS[0]) == [
        "stands",
        "missing",
        "missing",
    ]


def test_a_file_that_changes_nothing_goes_with_its_neighbours() -> None:
    """As one that makes `if not exists` what an earlier file made."""
    again = Step(Migration("25", "25_again.sql", ""))

    assert words(NOTED, *STEPS[:2], again) == ["stands", "stands", "stands"]
    assert words(TABLE, STEPS[0], again, STEPS[1]) == ["stands", "missing", "missing"]


def test_what_fails_in_the_scratch_database_is_not_judged() -> None:
    """It says why."""
    failing = Step(INIT, {T: (None, "table r")}, faults=('line 1: extension "x" is not available',))
    (verdict,) = judge.judge([failing], TABLE)

    assert verdict.word == "unknown"
    assert verdict.why == ('can\'t be replayed: line 1: extension "x" is not available',)


def test_objects_of_nobody_s_and_elements_that_are_not_at_their_end_are_named() -> None:
    """Not what every project has."""
    live = {**NOTED, "table mine": {}, "table storage.objects": {}, "role anon": {}}

    assert judge.made_by_no_file(STEPS, live, {"table storage.objects"}) == ("table mine",)
    assert judge.not_at_its_end(STEPS, live) == ("column n of table t",)
    assert judge.not_at_its_end(STEPS, WIDE) == ()


def test_differences_are_found_by_element_and_digests_tell_schemas_apart() -> None:
    """Both sides may lack one."""
    assert judge.changes(TABLE, NOTED) == {
        N: (None, "column n text"),
        ("table t", "policy p"): (None, "policy p true"),
    }
    assert judge.digest(TABLE) == judge.digest(dict(TABLE)) != judge.digest(NOTED)
    assert judge.judge(STEPS, NOTED)[1].document() == {
        "version": "2", "file": NOTE.file, "verdict": "stands", "why": [], "rows": [],
    }  # fmt: skip
