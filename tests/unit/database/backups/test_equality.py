"""Every difference between a copy and its original has its words."""

from __future__ import annotations

from scripts.database.backups.equality import differences
from tests.unit.database.backups.test_manifest import ONE

SCHEMA = ("column public.guests.id: bigint", "grants on public.guests: a", "trigger t on auth.users: x")
SAME = {
    "tables": {"public.guests": (3, "-77")},
    "sequences": {"public.guests_id_seq": 3},
    "descending": (),
    "extensions": ("pgcrypto", "plpgsql"),
    "found": SCHEMA,
}


def said(**news: object) -> tuple[str, ...]:
    return differences(ONE, SCHEMA, **{**SAME, **news})  # type: ignore[arg-type]


def test_the_same_is_the_same() -> None:
    assert said() == ()
    assert said(sequences={"public.guests_id_seq": 4}) == ()  # it went on while the dump was made
    assert said(sequences={"public.guests_id_seq": 2}, descending=("public.guests_id_seq",)) == ()


def test_each_difference_is_named() -> None:
    assert said(tables={}) == ("table public.guests is missing (3 rows)",)
    assert said(tables={"public.guests": (2, "-77")}) == ("table public.guests has 2 rows, not 3",)
    assert said(tables={"public.guests": (3, "77")}) == (
        "table public.guests: its 3 rows are not the same",
    )
    assert said(sequences={}) == ("sequence public.guests_id_seq is missing",)
    assert said(sequences={"public.guests_id_seq": 2}) == (
        "sequence public.guests_id_seq stands at 2, not at 3",
    )
    assert said(extensions=()) == ("extension pgcrypto is missing",)
    assert said(found=SCHEMA[:2]) == ("missing: trigger t on auth.users: x",)
    assert said(found=(*SCHEMA, "view v: y")) == ("not in the original: view v: y",)


def test_what_changed_is_told_from_what_is_gone() -> None:
    changed = ("column public.guests.id: integer", *SCHEMA[1:])
    assert said(found=changed) == (
        "changed: column public.guests.id: bigint",
        "it is now: column public.guests.id: integer",
    )


def test_grants_count_only_where_they_can_be_had() -> None:
    without = (SCHEMA[0], SCHEMA[2])
    assert said(found=without) == ("missing: grants on public.guests: a",)
    assert said(found=without, grants=False) == ()


def test_a_view_that_was_older_than_its_tables_is_no_difference() -> None:
    """A restore computes it anew; that it is there counts."""
    with_view = (*SCHEMA, "materialized view public.guests: m")
    same = {**SAME, "tables": {"public.guests": (2, "1")}, "found": with_view}

    assert () == differences(ONE, with_view, **same)  # type: ignore[arg-type]
    gone = differences(ONE, with_view, **{**same, "tables": {}})  # type: ignore[arg-type]
    assert gone == ("table public.guests is missing (3 rows)",)
