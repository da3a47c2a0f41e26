"""A database with extensions that the scratch server lacks, as every hosted project has some.

Stand-ins: the desk's own, which only the database's server has, and a `vector` made of SQL alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.database.backups import commands
from scripts.database.backups.foresee import foresee
from scripts.database.backups.request import BackupRequest, VerifyBackupRequest
from scripts.database.postgres.local_server import LocalServer
from scripts.errors import CommandFailed
from tests.support import databases, skips

POSTGIS = Path("/usr/share/postgresql/15/extension/postgis.control")
PLACES = """create table public.places (id int primary key, at extensions.geography(point, 4326));
insert into public.places
  select g, extensions.st_makepoint(g, g)::extensions.geography from generate_series(1, 50) g;
create index on public.places using gist (at);
create view public.near as select id from public.places where extensions.st_dwithin(at, at, 10)"""
VECTOR = """create domain vector as float4[];
create function l2(a vector, b vector) returns float8 language sql immutable as 'select 0.0::float8';
"""
NEEDS_IT = """create table public.docs (id int primary key, embedding extensions.vector);
insert into public.docs values (1, '{1,2}'), (2, '{3}');
create view public.nearest as select id, extensions.l2(embedding, embedding) as d from public.docs;
create function public.match(e extensions.vector) returns int language sql as 'select 1';
create table public.notes (id int primary key, doc int references public.docs(id));
insert into public.notes values (1, 1);
create index docs_l2 on public.docs (extensions.l2(embedding, embedding));
alter table public.docs enable row level security;
create policy everyone on public.docs for select using (true)"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with databases.serving(tmp_path_factory.mktemp("server")) as made:
        folder = next(made.folder.rglob("pgcrypto.control")).parent
        (folder / "vector.control").write_text("default_version = '1.0'\nrelocatable = true\n")
        (folder / "vector--1.0.sql").write_text(VECTOR)
        yield made


@pytest.fixture(scope="module")
def url(server: LocalServer) -> str:
    """A database that has them all, and needs none."""
    made = databases.filled(server, "app")
    with server.connect("app") as admin:
        for name in ("pg_graphql", "supabase_vault", "pg_cron", "vector schema extensions"):
            admin.execute(f"create extension if not exists {name}".encode())
    return made


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory, url: str) -> Desk:
    return databases.toolbox(tmp_path_factory.mktemp("desk"), url)


def notes(tools: Desk) -> str:
    """What was told."""
    return "\n".join(tools.progress.notes)  # type: ignore[attr-defined]


def test_a_platform_s_extensions_are_no_obstacle(tools: Desk) -> None:
    """Nothing of the app's needs them: the proof is a whole one, and says what was left out."""
    outcome = commands.backup(tools, BackupRequest(env="production"))

    assert (outcome.data["proven"], outcome.data["partial"]) == (True, [])
    assert foresee(tools, tools.settings.environment("production")) is None
    left_out = "nothing of the app's needs it: `pg_cron`, `pg_graphql`, `supabase_vault`, `vector`"
    assert left_out in notes(tools)


def test_what_needs_one_is_named_and_needs_a_yes(server: LocalServer, tools: Desk) -> None:
    """Everything else is compared; a difference there is still found."""
    with server.connect("app") as admin:
        admin.execute(f"set role postgres; {NEEDS_IT}".encode())
    with pytest.raises(CommandFailed, match="lacks `vector`") as caught:
        commands.backup(tools, BackupRequest(env="production"))
    outcome = commands.backup(tools, BackupRequest(env="production", accept_partial_proof=True))
    name = outcome.data["backup"]
    again = commands.verify_backup(
        tools, VerifyBackupRequest(backup=name, env="production", accept_partial_proof=True)
    )

    for thing in (
        "table public.docs",
        "view public.nearest",
        "function public.match(extensions.vector)",
        "fk constraint public.notes notes_doc_fkey",
    ):
        assert thing in outcome.data["partial"]
        assert thing in caught.value.message
    assert "table public.notes" not in outcome.data["partial"]
    foreseen = foresee(tools, tools.settings.environment("production"))
    assert foreseen is not None
    assert foreseen.extensions == ("vector",)
    assert foreseen.things == (
        "function public.match(extensions.vector)", "table public.docs", "view public.nearest",
    )  # fmt: skip
    assert "SCRATCH_DATABASE_URL" in (caught.value.hint or "")
    assert again.data["partial"] == outcome.data["partial"]


def test_the_settings_can_accept_it(tools: Desk, url: str) -> None:
    """For a team whose database will always have one."""
    accepting = databases.toolbox(tools.config_folder, url, partial_proof=True)

    assert commands.backup(accepting, BackupRequest(env="production")).data["partial"]


@pytest.mark.skipif(
    not POSTGIS.exists(), reason=skips.reason("PostGIS", "apt-get install postgresql-15-postgis-3")
)
def test_the_real_postgis_is_proven_with_debian_s_server(tmp_path: Path) -> None:
    """An installed server that has it is the scratch server: the proof is whole."""
    with databases.serving(tmp_path, Path("/usr/lib/postgresql/15/bin")) as made:
        address = databases.filled(made, "app", 200)
        with made.connect("app") as admin:
            admin.execute(b"create extension postgis schema extensions")
            admin.execute(f"set role postgres; {PLACES}".encode())
        tools = databases.toolbox(tmp_path, address)
        outcome = commands.backup(tools, BackupRequest(env="production"))

    assert (outcome.data["proven"], outcome.data["partial"]) == (True, [])
    assert outcome.data["rows"]["public.places"] == 50
