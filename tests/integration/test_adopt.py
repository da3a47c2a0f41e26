"""`db.adopt` over a real database that was made by hand, with a real scratch server and the real CLI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from scripts.config.desk import Desk
from scripts.config.parse import parse
from scripts.database.adopt.command import adopt
from scripts.database.migrations.drift import drift
from scripts.database.postgres.local_server import TEMPLATE, LocalServer
from scripts.database.request import AdoptRequest, DriftRequest
from scripts.errors import Refused
from tests.integration.foreign_servers import supabase_cli
from tests.support import databases

FILES = {
    "001_teams.sql": "create table public.teams (id int primary key); alter table public.teams enable row"
    " level security; create policy everyone on public.teams using (true);",
    "20250101000000_plans.sql": "create table if not exists public.plans (id int primary key);"
    " insert into public.plans values (1) on conflict do nothing;",
    "20250102000000_seed.sql": "insert into public.plans values (2);",
    "20250103000000_files.sql": "create policy own on storage.objects for select"
    " using ((storage.foldername(name))[1] = 'x'); select cron.schedule('n', '0 0 * * *', 'select 1');",
    "20250104000000_part.sql": "alter table public.teams add a int; alter table public.teams add b int;",
    "20250105000000_index.sql": "create index concurrently plans_id on public.plans (id);",
    "20250106000000_lost.sql": "alter table public.nobody_s add c int;",
}
BY_HAND = (
    *list(FILES.values())[:2],
    FILES["20250103000000_files.sql"],
    "alter table public.teams add a int",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with databases.serving(tmp_path_factory.mktemp("server")) as made:
        folder = next(made.folder.rglob("pgcrypto.control")).parent
        (folder / "geo.control").write_text("default_version = '1.0'\nrelocatable = true\ntrusted = true\n")
        (folder / "geo--1.0.sql").write_text("create domain point3 as float4[];")
        yield made


def tools_over(folder: Path, server: LocalServer, name: str, files: Mapping[str, str]) -> Desk:
    """The desk over that database, and a commit with these files; the server is the scratch server too."""
    values = {"SCRATCH_DATABASE_URL": server.url(TEMPLATE)}
    made = databases.toolbox(folder, server.url(name), values)
    write(made.git.folder, files)
    cli = supabase_cli(folder.parent / "supabase-cli")
    return replace(made, settings=parse({**databases.HEAD, "supabase": {"cli": str(cli)}}))


def history(url: str) -> list[tuple[str, bool]]:
    """Each version, and whether its text is recorded."""
    query = "select version, statements is not null from supabase_migrations.schema_migrations order by 1"
    with psycopg.connect(url) as connection:
        return [(version, known) for version, known in connection.execute(query)]


def write(clone: Path, files: Mapping[str, str]) -> None:
    """Push a commit with exactly these migrations."""
    folder = clone / "supabase" / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    for name, sql in files.items():
        (folder / name).write_text(sql)
    for command in (("add", "-A"), ("commit", "-qm", "files"), ("push", "-q", "origin", "main")):
        databases.git("-C", str(clone), *command)


def test_a_database_made_by_hand_is_adopted(server: LocalServer, tmp_path: Path) -> None:
    """What stands is in the history afterwards, with the text of its file; nothing else is."""
    server.create_database("hand")
    with server.connect("hand") as admin:
        admin.execute("create extension pg_cron")
    with psycopg.connect(server.url("hand"), autocommit=True) as connection:
        for sql in BY_HAND:
            connection.execute(sql.encode())
    tools = tools_over(tmp_path, server, "hand", FILES)
    outcome = adopt(tools, AdoptRequest(env="production", yes=True))
    found = {each["file"]: each for each in outcome.data["files"]}

    assert {each["version"]: each["verdict"] for each in found.values()} == {
        "001": "stands",
        "20250101000000": "stands",
        "20250102000000": "unknown",
        "20250103000000": "stands",
        "20250104000000": "partial",
        "20250105000000": "missing",
        "20250106000000": "unknown",
    }
    assert found["20250104000000_part.sql"]["why"] == ["missing: column b of table public.teams"]
    assert found["20250101000000_plans.sql"]["rows"] == ["inserts into public.plans"]
    assert "public.nobody_s" in found["20250106000000_lost.sql"]["why"][0]
    known = [("001", True), ("20250101000000", True), ("20250103000000", True)]
    assert history(server.url("hand")) == known


def test_a_baseline_makes_what_stands(server: LocalServer, tmp_path: Path) -> None:
    """Partitions, triggers on the platform's tables, policies, grants, jobs: proven, then written."""
    url = databases.filled(server, "plain", rows=20)
    with server.connect("plain") as admin:
        admin.execute("create extension pg_cron")
        admin.execute("set role postgres; select cron.schedule('n', '0 0 * * *', 'select 1')")
    tools = tools_over(tmp_path, server, "plain", {"README.md": "none"})
    outcome = adopt(tools, AdoptRequest(env="production", baseline=True, yes=True))
    text = Path(outcome.data["path"]).read_text()

    assert (outcome.ending, outcome.data["different"]) == ("done", [])
    assert history(url) == [(outcome.data["record"][0], True)]  # the row that no file has is gone
    for part in (
        "TRIGGER on_auth_user_created",
        "cron.schedule('n'",
        'POLICY "own files" ON storage.objects',
    ):
        assert part in text
    write(tools.git.folder, {})
    with pytest.raises(Refused, match="has 1 migrations"):
        adopt(tools, AdoptRequest(env="production", baseline=True))


def test_what_needs_an_extension_that_only_production_has_is_no_drift(
    server: LocalServer, tmp_path: Path
) -> None:
    """The rest is compared: also of the file that can't be applied as a whole."""
    files = {
        "20250101000000_geo.sql": "create extension geo with schema extensions;"
        " create table public.places (id int primary key, at extensions.point3);",
        "20250102000000_jobs.sql": "create table public.plain (a int); create view public.near as select at"
        " from public.places; select cron.schedule('n', '0 0 * * *', 'select 1');",
    }
    server.create_database("geo")
    with server.connect("geo") as admin:
        admin.execute("create extension pg_cron")  # in the dashboard: no file says so
        admin.execute(f"set role postgres; {';'.join(files.values())}".encode())
        admin.execute("create schema supabase_migrations")
        admin.execute(
            "create table supabase_migrations.schema_migrations as select version, null::text[] as"
            " statements, '' as name from (values ('20250101000000'), ('20250102000000')) as v (version)"
        )
    tools = tools_over(tmp_path, server, "geo", files)
    own = replace(tools, values=lambda _: {"DATABASE_URL": server.url("geo")})  # another scratch server
    outcome = drift(own, DriftRequest(from_="production", against="migrations"))

    assert (outcome.code, outcome.data["differences"]) == (0, [])
    assert outcome.data["lacking"] == ["geo"]
    assert outcome.data["not_compared"] == ["table public.places", "view public.near"]
