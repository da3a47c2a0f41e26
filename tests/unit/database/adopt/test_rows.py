"""What a file does that no schema shows."""

from __future__ import annotations

import pytest

from scripts.database.adopt import rows


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("insert into a.plans values (1); update t set a = 1", ("inserts into a.plans", "updates t")),
        (
            "with x as (delete from t returning *) insert into u select * from x",
            ("inserts into u", "deletes from t"),
        ),
        ("do $$ begin if true then truncate t; perform 1; end if; end $$", ("truncates t",)),
        ("select storage.make('x'); select set_config('a', 'b', true)", ("calls storage.make()",)),
        ("create table t (id uuid default gen_random_uuid()); create view v as select now()", ()),
        ("create function f() returns void language sql as 'delete from t'", ()),
        ("select ;; from", ("line 1 can't be read",)),
    ],
)
def test_writes_are_named(sql: str, words: tuple[str, ...]) -> None:
    """Those that run now, not those of a function that is made."""
    assert sorted(rows.written(sql)) == sorted(words)


def test_rows_of_tables_that_are_gone_do_not_matter() -> None:
    """Whatever the schema was written as."""
    assert rows.left(("inserts into t", "updates app.u"), {"public.t"}) == ("updates app.u",)


def test_files_that_say_who_may_do_what_are_known() -> None:
    """A block may do so unseen."""
    assert rows.says_grants("grant select on t to anon")
    assert rows.says_grants("do $$ begin null; end $$")
    assert not rows.says_grants("create table t (a int)")
