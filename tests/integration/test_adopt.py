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
from scripts.database.request import AdoptRequest
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


@pytest.fixture
def tools(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A production whose tables somebody made, and a commit with files."""
    tmp_path.chmod(0o711)
    with databases.serving(tmp_path / "server") as server:
        server.create_database("app")
        with server.connect("app") as admin:
            admin.execute("create extension pg_cron")
        with psycopg.connect(server.url("app"), autocommit=True) as connection:
            for sql in BY_HAND:
                connection.execute(sql.encode())
        made = databases.toolbox(tmp_path / "desk", server.url("app"))
        write(made.git.folder, FILES)
        cli = supabase_cli(tmp_path_factory.getbasetemp() / "supabase-cli")
        yield replace(made, settings=parse({**databases.HEAD, "supabase": {"cli": str(cli)}}))


def write(clone: Path, files: Mapping[str, str]) -> None:
    """Push a commit with exactly these migrations."""
    folder = clone / "supabase" / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    for name, sql in files.items():
        (folder / name).write_text(sql)
    for command in (("add", "-A"), ("commit", "-qm", "files"), ("push", "-q", "origin", "main")):
        databases.git("-C", str(clone), *command)


def test_a_database_made_by_hand_is_adopted(tools: Desk) -> None:
    """What stands is in the history afterwards, with the text of its file; nothing else is."""
    outcome = adopt(tools, AdoptRequest(env="production", yes=True))
    found = {each["file"]: each for each in outcome.data["files"]}

    assert {file[:14].partition("_")[0]: each["verdict"] for file, each in found.items()} == {
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
    url = tools.values(tools.settings.environment("production"))["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select version, statements is not null from supabase_migrations.schema_migrations order by 1"
        ).fetchall()
    assert rows == [("001", True), ("20250101000000", True), ("20250103000000", True)]
