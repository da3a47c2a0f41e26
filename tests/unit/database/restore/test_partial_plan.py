"""The plan of a partial restore: how each table is merged, and what that loses."""

from __future__ import annotations

import pytest

from scripts.database.restore.partial_plan import PartialRestore, partial_plan
from scripts.database.restore.plan import Change, RestorePlan
from tests.unit.database.restore.manifests import manifest

THEN = ["column public.a.id: integer not null", "column public.a.name: text not null"]


def changed(updated: int | None = 2) -> RestorePlan:
    """Three rows of `public.a` were inserted, some updated, one deleted."""
    change = Change("public.a", 10, 12, inserted=3, updated=updated, deleted=1)
    return RestorePlan(manifest(), (change,), {"public.new": 4}, None, 1, False)


def planned(now: list[str], *, touched: bool = True, updated: int | None = 2) -> PartialRestore:
    """The plan for `public.a`, whose live columns are `now`."""
    return partial_plan(changed(updated), ["public.a"] if touched else [], THEN, now, ["public.a"])


@pytest.mark.parametrize(
    ("now", "touched", "updated", "mode"),
    [
        (THEN, False, 2, "live"),
        (THEN, True, 2, "both"),
        (THEN, True, None, "archive"),  # without a key, new rows can't be told from changed ones
        ([], True, 2, "archive"),  # the live table is gone
        (THEN[:1], False, 2, "archive"),  # new rows lack a column that the older table requires
        ([THEN[0], "column public.a.name: bytea not null"], False, 2, "archive"),
        ([THEN[0], "column public.a.name: text"], False, 2, "live"),  # the type decides, not `not null`
        ([*THEN, "column public.a.extra: text"], True, 2, "both"),
    ],
)
def test_how_a_table_is_merged(now: list[str], touched: bool, updated: int | None, mode: str) -> None:
    """By what the migrations touched, and by whether live rows fit the older table."""
    (merge,) = planned(now, touched=touched, updated=updated).merges

    assert merge.mode == mode


def test_a_missing_optional_column_does_not_keep_live_rows_out() -> None:
    """It gets its default."""
    then = [THEN[0], "column public.a.note: text"]
    (merge,) = partial_plan(changed(), [], then, THEN[:1], ["public.a"]).merges

    assert (merge.mode, merge.columns) == ("both", ("id",))


def test_generated_columns_are_never_copied() -> None:
    """The server computes them."""
    then = [*THEN, "column public.a.total: integer default (id * 2) s"]
    (merge,) = partial_plan(changed(), ["public.a"], then, then, ["public.a"]).merges

    assert merge.columns == ("id", "name")


def test_quoted_names_are_read() -> None:
    """A dot or a quote in a name ends nothing."""
    then = ['column public."Odd.na""me"."The id": integer not null']
    (merge,) = partial_plan(changed(), [], then, then, ['public.Odd.na"me']).merges

    assert merge.columns == ("The id",)


def test_what_is_lost_is_counted_and_named() -> None:
    """Updated rows, rows that do not fit, values of new columns, rows of new tables."""
    both, archive = planned([*THEN, "column public.a.extra: text"]), planned(THEN[:1])

    assert (both.lost, archive.lost) == (2 + 4, 2 + 3 + 4)
    assert list(both.words()) == [
        "public.a: 2 rows updated since are reverted",
        "public.a: 1 rows deleted since are restored, if what they refer to exists",
        "public.a: the values in `extra` are lost",
        "public.new: not in the backup, 4 rows (lost)",
    ]
    assert "public.a: 3 rows written since are lost: they don't fit the older table" in archive.words()
    assert both.document() == {"touched": ["public.a"], "kept": {"public.a": 3}, "lost": 6}
    assert archive.document()["kept"] == {}


def test_untouched_tables_lose_nothing_and_the_history_is_left_out() -> None:
    """The history goes back with the schema."""
    plan = partial_plan(changed(), [], THEN, THEN, ["public.a", "supabase_migrations.schema_migrations"])

    assert [merge.table for merge in plan.merges] == ["public.a"]
    assert (plan.touched, plan.merges[0].lost) == ((), 0)
