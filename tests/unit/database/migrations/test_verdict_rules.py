"""The rules of the verdict, one statement at a time."""

from __future__ import annotations

import pytest

from scripts.database.migrations.statements import statements
from scripts.database.migrations.verdict_rules import (
    BREAKS,
    GOOD,
    LOST,
    Effect,
    added_columns,
    created,
    effects,
)

REQUIRED = "adds the required column `t.a` without a default"


def bare(sql: str) -> str:
    (statement,) = statements(sql)
    return statement.bare


def effects_of(sql: str, *new_columns: str) -> list[Effect]:
    return list(effects(bare(sql), frozenset(new_columns)))


@pytest.mark.parametrize(
    ("sql", "effect"),
    [
        ("truncate public.t", Effect(LOST, "truncates `t`: its rows are lost", "t")),
        ("drop view v", Effect(BREAKS, "drops view `v`", "v")),
        ("create index on t (a)", Effect(GOOD)),
        ("alter table t drop column a", Effect(LOST, "drops column `t.a`: its values are lost", "t")),
        ("alter table t alter a drop default", Effect(BREAKS, "drops the default of `t.a`", "t")),
        ("alter table t add a int primary key", Effect(BREAKS, REQUIRED, "t")),
        ("alter table t add a int not null default 1", Effect(GOOD, "", "t")),
        ("delete from t", Effect(LOST, "deletes rows of `t`", "t")),
        ("frobnicate t", Effect(BREAKS, "not understood: `frobnicate t`")),
        ("select mend()", Effect(BREAKS, "calls `mend()`: what that does can't be seen")),
        ("select count(*) from t", Effect(GOOD)),
    ],
)  # fmt: skip
def test_the_effect_of_a_statement(sql: str, effect: Effect) -> None:
    """Its weight, its reason, and the table; a statement that no rule knows is breaking."""
    assert effects_of(sql) == [effect]


def test_each_action_of_alter_table_has_its_effect() -> None:
    """The commas of a type part nothing."""
    found = effects_of("alter table t add a numeric(1, 2), drop constraint c")

    assert [effect.weight for effect in found] == [GOOD, BREAKS]


def test_an_update_loses_old_values_unless_it_fills_new_columns() -> None:
    """With a condition it is compatible, with a reason."""
    assert effects_of("update t set a = 1")[0].weight == LOST
    assert effects_of("update t set a = 1", "t.a") == [Effect(GOOD, "", "t")]
    assert effects_of("update t set a = 1 where b = 2")[0].weight == GOOD


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("create table if not exists public.t (a int)", "t"),
        ("create unlogged table s.t (a int)", "s.t"),
        ('create materialized view "V" as select 1', "V"),
        ("create index i on t (a)", None),
        ("drop table t", None),
    ],
)
def test_what_a_statement_creates(sql: str, name: str | None) -> None:
    """Without quotes and without `public`."""
    assert created(bare(sql)) == name


def test_added_columns_are_named_with_their_table() -> None:
    """Constraints are not columns."""
    sql = "alter table public.t add column a int, add b text, add constraint c check (a > 0)"

    assert list(added_columns(bare(sql))) == ["t.a", "t.b"]
    assert list(added_columns("drop table t")) == []
