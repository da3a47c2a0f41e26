"""Drift, told from two descriptions and two histories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.migrations import differences
from scripts.database.migrations.files import Applied, compare, migrations_in

DESCRIBED = st.dictionaries(
    st.sampled_from(["table a", "table b", "view c", "function d"]),
    st.lists(st.text("xyz", max_size=3), min_size=1, max_size=4).map(tuple),
)


@given(DESCRIBED)
def test_a_schema_does_not_differ_from_itself(one: dict[str, tuple[str, ...]]) -> None:
    assert differences.schema_differences(one, one) == ()


@given(DESCRIBED, DESCRIBED)
def test_no_difference_is_lost(one: dict[str, tuple[str, ...]], other: dict[str, tuple[str, ...]]) -> None:
    """Things that are not named are equal; seen from the other side, added is removed."""
    found = differences.schema_differences(one, other)
    named = {each.thing for each in found}
    mirrored = {"added": "removed", "removed": "added", "changed": "changed"}

    assert {k: v for k, v in one.items() if k not in named} == {
        k: v for k, v in other.items() if k not in named
    }
    assert [mirrored[each.change] for each in found] == [
        each.change for each in differences.schema_differences(other, one)
    ]


def test_the_lines_that_differ_are_shown() -> None:
    one = {"table a": ("column id int", "column x text", "policy p")}
    (found,) = differences.schema_differences(
        one, {"table a": ("column id int", "column x text not null", "policy p")}
    )

    assert found.lines() == ["-column x text", "+column x text not null"]
    assert (found.change, found.thing) == ("changed", "table a")


BETWEEN = [
    ("equal", {"1": "a", "2": "b"}, {"1": "a", "2": "b"}),
    ("equal", {"1": "a"}, {"1": ""}),
    ("equal", {"1": "select 1 -- why"}, {"1": "select  1;"}),
    ("ahead", {"1": "a"}, {"1": "a", "2": "b"}),
    ("behind", {"1": "a", "2": "b"}, {"1": "a"}),
    ("diverged", {"1": "a", "2": "b"}, {"1": "a", "3": "b"}),
    ("diverged", {"1": "a"}, {"1": "b"}),
]


@pytest.mark.parametrize(("state", "one", "other"), BETWEEN)
def test_two_histories(state: str, one: dict[str, str], other: dict[str, str]) -> None:
    rows = [
        [Applied(version, "", (text,) if text else ()) for version, text in each.items()]
        for each in (one, other)
    ]

    assert differences.compare_histories(*rows).state == state


def test_what_merely_waits_is_no_problem() -> None:
    files = migrations_in({"20240101000000_a.sql": "select 1", "20240102000000_b.sql": "select 2"})

    assert (
        list(differences.history_problems(compare(files, [Applied("20240101000000", "a", ("select 1",))])))
        == []
    )
    assert list(differences.history_problems(compare(files, []))) == []


def test_every_disagreement_is_named() -> None:
    files = migrations_in(
        {
            "20240101000000_a.sql": "select 1",
            "20240102000000_late.sql": "select 2",
            "20240103000000_c.sql": "select 3",
            "20240103000000_d.sql": "select 3",
        }
    )
    rows = [Applied("20240101000000", "a", ("select 7",)), Applied("20240104000000", "gone", ("x",))]
    said = "\n".join(differences.history_problems(compare(files, rows)))

    for each in ("20240104000000", "20240101000000_a.sql", "20240102000000_late.sql", "20240103000000"):
        assert f"`{each}`" in said


OLDER = {
    "table public.a": ("grant to anon: DELETE, SELECT", "column x int"),
    "view public.v": ("view v p  SELECT rooms.id", "   FROM public.rooms", "  WHERE (rooms.size > 9);"),
}
NEWER = {
    "table public.a": ("grant to anon: DELETE, MAINTAIN, SELECT", "column x int"),
    "view public.v": ("view v p  SELECT id", "   FROM public.rooms", "  WHERE (size > 9);"),
}


@pytest.mark.parametrize(
    ("majors", "count"),
    [((15, 17), 0), ((17, 15), 0), ((15, 16), 0), ((17, 17), 2), ((17, 18), 2), ((16, 17), 1)],
)
def test_what_is_new_in_a_major_version_is_no_drift(majors: tuple[int, int], count: int) -> None:
    """MAINTAIN is new in 17; from 16 on a view's columns are written without their table."""
    sides = (OLDER, NEWER) if majors[0] <= majors[1] else (NEWER, OLDER)

    assert len(differences.schema_differences(*differences.comparable(*sides, majors))) == count


def test_another_view_is_drift_between_any_versions() -> None:
    other = {
        **NEWER,
        "view public.v": ("view v p  SELECT id", "   FROM public.rooms", "  WHERE (size > 8);"),
    }
    (found,) = differences.schema_differences(*differences.comparable(OLDER, other, (15, 17)))

    assert found.thing == "view public.v"


def test_what_a_scratch_server_lacks_is_no_drift() -> None:
    """Extensions of the platform, and jobs; not what it has and the project lacks."""
    live = {"extension pg_graphql": ("a",), "cron job x": ("b",), "extension citext": ("c",)}
    scratch, known = {"extension pgcrypto": ("d",)}, ["pg_graphql", "pgcrypto"]
    found = differences.schema_differences(*differences.comparable(scratch, live, (17, 17), known))

    assert {each.thing: each.change for each in found} == {
        "extension citext": "added",
        "extension pgcrypto": "removed",
    }
    assert len(differences.schema_differences(*differences.comparable(scratch, live, (17, 17)))) == 4
