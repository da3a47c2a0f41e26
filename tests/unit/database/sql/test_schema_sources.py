"""What the database shows, and what the files tell."""

from __future__ import annotations

from scripts.database.migrations.judge import Judge
from scripts.database.migrations.verdict import judge
from scripts.database.sql.schema import Schema
from scripts.database.sql.schema_sources import complete

FUNCTION = "create function {}f() returns int language sql as '{}'"


def verdict(sql: str, shown: str, told: str) -> str:
    """The verdict where the database shows this and the files tell that."""
    database, files = Judge(Schema()), Judge(Schema())
    database.learn([shown])
    files.learn([told])
    return str(judge(sql, False, (), Judge(complete(database.schema, files.schema))))


def test_the_database_is_right_about_what_exists() -> None:
    """Made by hand, changed by hand, dropped by hand."""
    table = "create table public.t (a varchar(20))"

    assert verdict("select f()", FUNCTION.format("public.", "delete from t"), "").startswith("irreversible")
    assert verdict(
        "select f()", FUNCTION.format("public.", "delete from t"), FUNCTION.format("", "select 1")
    ) == ("irreversible (deletes rows of `t` (by `f()`): they are lost)")
    assert verdict("alter table t alter a type varchar(10)", table, "").startswith("irreversible")
    assert (
        verdict("alter table t alter a type varchar(30)", table, "create table t (a text)") == "compatible"
    )
    assert (
        verdict("create table if not exists t (a int); drop table t", "", "create table t ()")
        == "compatible"
    )
    for gone in ("index i", "table t", "view v", "function f()", "policy p on t", "trigger x on t"):
        made = table if " on t" in gone else ""
        assert verdict(f"drop {gone} cascade", made, "") != "compatible"
        assert verdict(f"drop {gone.replace(' ', ' if exists ', 1)} cascade", made, "") == "compatible"
        assert (
            verdict(f"drop {gone.replace(' ', ' if exists ', 1)} cascade", "", "") != "compatible"
            or not made
        )
    assert verdict("drop table if exists auth.t", "", "") != "compatible"


def test_the_words_of_a_file_are_kept() -> None:
    """What the server prints in its own way is the same function."""
    shown = (
        "CREATE OR REPLACE FUNCTION public.f() RETURNS integer LANGUAGE sql AS $function$select 1$function$"
    )
    again = FUNCTION.format("", "select 1").replace("create", "create or replace")

    assert verdict(again, shown, FUNCTION.format("", "select 1")) == "compatible"
    assert "+select 2" in verdict(again.replace("1", "2"), shown, "")


def test_the_search_path_of_the_role_counts() -> None:
    """An unqualified name means what the role that migrates sees."""
    shown = "set search_path = app, public; create table app.t (a int); create table public.t (a int)"
    database = Judge(Schema())
    database.learn([shown])
    judging = Judge(complete(database.schema, Schema()))
    judging.file("set search_path = public; reset search_path; delete from t")

    assert [each.title for each in judging.writes] == ["app.t"]
