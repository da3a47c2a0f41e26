"""How rows of the catalogue become lines of a proof and of a drift report; no server is needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from scripts.database.postgres import catalogue, catalogue_drift
from scripts.database.postgres.catalogue import QUERY, Row


def row(
    label: str,
    text: str | None = None,
    acl: list[str] | None = None,
    *,
    schema: str = "public",
    decides: str | None = "public",
    thing: tuple[str, str] = ("table", "public.t"),
) -> Row:
    return Row(schema, decides, *thing, label, text, acl)


class Connection:
    """Answers the describer's queries."""

    def __init__(self, *rows: Row, more: tuple[Row, ...] = (), jobs: tuple[Any, ...] = ()) -> None:
        self.answers: dict[str, Any] = {
            QUERY: rows,
            catalogue_drift.QUERY: more,
            catalogue_drift.EXTENSIONS: [
                ("citext", "in schema public", "1.6", "1.6"),
                ("pg_graphql", "in schema graphql", "1", "1"),
            ],
            catalogue_drift.CRON: jobs,
        }
        self.jobs = bool(jobs)

    def execute(self, query: str) -> Any:
        if query == catalogue_drift.CRON_EXISTS:
            return SimpleNamespace(fetchall=lambda: [(self.jobs,)])
        return self.answers.get(query)


def is_ours(schema: str) -> bool:
    return schema == "public"


def proof(*rows: Row) -> tuple[str, ...]:
    first, *others = catalogue.proof_lines(cast("Any", Connection(*rows)), is_ours)
    assert first == catalogue.ALL_KINDS
    return tuple(others)


def drift(*rows: Row, more: tuple[Row, ...] = (), jobs: Any = ()) -> dict[str, tuple[str, ...]]:
    connection = cast("Any", Connection(*rows, more=more, jobs=jobs))
    found = dict(catalogue.describe(connection, is_ours, ["pg_graphql"]))
    assert found.pop("extension citext") == ("in schema public, version the server's default",)
    return found


def test_a_proof_line_is_one_line() -> None:
    assert proof(row("view public.v", "v p  SELECT a,\n    b")) == ("view public.v: v p SELECT a, b",)


def test_a_proof_has_all_grants() -> None:
    assert proof(row("public.t", acl=["anon=r/postgres", "postgres=arw/postgres"]), row("x", acl=[])) == (
        "grants on public.t: anon=r/postgres,postgres=arw/postgres",
        "grants on x: none",
    )


def test_owners_are_for_proofs_alone() -> None:
    owner = Row("public", "public", "table", "public.t", "owner of table public.t", "ada", None)
    assert proof(owner) == ("owner of table public.t: ada",)
    assert drift(owner) == {}


def test_what_a_restore_left_is_not_described() -> None:
    """A cast between a type of an old schema and one of PostgreSQL's belongs to both."""
    old = Row("pg_catalog", "desk_aside_1_public", "cast", "x", "cast x", "", None)
    assert proof(old, old._replace(schema="desk_aside_1_public", decides=None)) == ()


def test_drift_groups_lines_under_their_object() -> None:
    assert drift(
        row("table public.t", "r p"),
        row("column public.t.c", "text not null"),
        row("constraint k on public.t", "CHECK (true)"),
        row("public.t", acl=["anon=ar*/postgres", "postgres=arw/postgres"]),
        row("column public.t.c", acl=["=r/postgres"]),
    ) == {
        "table public.t": (
            "column c grant to public: SELECT",
            "column c text not null",
            "constraint k CHECK (true)",
            "grant to anon: INSERT, SELECT*",
            "table r p",
        )
    }


def test_drift_keeps_the_lines_of_a_function() -> None:
    function = row("function public.f()", "CREATE FUNCTION f()\n  AS x", thing=("function", "public.f()"))
    assert drift(function) == {"function public.f()": ("function CREATE FUNCTION f()", "  AS x")}


def test_an_object_without_lines_is_seen() -> None:
    only_owner = row("schema public", acl=["own=UC/own"], thing=("schema", "public"))
    assert drift(only_owner) == {"schema public": ("schema",)}


def test_objects_of_the_platform_count_if_they_call_the_app() -> None:
    trigger = row("trigger a on auth.users", "x", schema="auth", thing=("table", "auth.users"))
    platforms = trigger._replace(label="trigger b on auth.users", decides="auth")
    policy = trigger._replace(label="policy p on auth.users", decides=None)

    assert proof(trigger, platforms, policy) == ("policy p on auth.users: x", "trigger a on auth.users: x")


def test_replaced_schemas_do_not_count() -> None:
    old = row("policy p on desk_aside_1_public.t", "x", schema="desk_aside_1_public", decides=None)
    assert proof(old) == ()


def test_what_the_platform_publishes_is_no_drift() -> None:
    """Realtime publishes tables of its own; a proof compares them all the same."""
    published = row(
        "publication r of realtime.m", "", schema="realtime", decides=None, thing=("table", "realtime.m")
    )
    assert drift(published) == {}
    assert proof(published) == ("publication r of realtime.m:",)


def test_grants_to_owners_and_the_platform_are_left_out() -> None:
    acl = [
        *("own=arwd/own", "postgres=r/own", "supabase_admin=r/own", "dashboard_user=r/own"),
        *("postgres_fan=r/own", '"odd, ""name"""=X/own', "anon=r/own", "anon=w/other", "garbage"),
    ]
    assert catalogue.grants(acl) == [
        'grant to "odd, ""name""": EXECUTE',
        "grant to anon: SELECT, UPDATE",
        "grant to postgres_fan: SELECT",
    ]


def owned(role: str, kind: str = "function", name: str = "public.f()") -> Row:
    return row(catalogue_drift.RIGHTS, role, thing=(kind, name))


def test_the_owner_whose_rights_code_has_is_shown_where_it_is_another() -> None:
    """Than the one that owns most of the app, whatever its name."""
    most = [row(f"owner of table public.t{n}", "app") for n in range(3)]

    assert drift(
        *most, row("owner of function public.f()", "boss"), more=(owned("app"), owned("boss"))
    ) == {"function public.f()": ("runs with the rights of boss",)}
    assert drift(*most, more=(owned("app"),)) == {}


def test_what_is_attached_to_a_platform_table_is_an_object_of_its_own() -> None:
    """Its name and its text are in the difference."""
    policy = row("policy p on storage.objects", "ALL true", schema="storage", decides=None,
                 thing=("table", "storage.objects"))  # fmt: skip
    grant = policy._replace(label="storage.objects", text=None, acl=["anon=r/admin"])

    assert drift(policy, more=(grant,)) == {
        "policy p on storage.objects": ("policy p ALL true",),
        "table storage.objects": ("grant to anon: SELECT",),
    }


def test_settings_and_jobs_are_described() -> None:
    setting = row("setting statement_timeout", "3s", schema="", decides=None, thing=("role", "anon"))

    assert drift(more=(setting,), jobs=(("cron job nightly", "schedule 0 3 * * * command select 1"),)) == {
        "cron job nightly": ("schedule 0 3 * * * command select 1",),
        "role anon": ("setting statement_timeout 3s",),
    }
