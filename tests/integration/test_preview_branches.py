"""A preview's database as a branch of a Supabase project: the real CLI, a stand-in for the API."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from scripts.config import supabase_cli
from scripts.config.settings import Environment
from scripts.database import supabase
from scripts.database.backups.scratch_server import scratch_folder
from scripts.database.postgres.local_server import TEMPLATE, LocalServer
from scripts.errors import Refused
from scripts.preview.content import bring_up_to_date
from scripts.preview.supabase_branches import SupabaseBranches, supabase_branches
from scripts.system import ports
from scripts.system.secret import redact
from tests.fakes.world import World, build_world
from tests.integration.desk import ROOT
from tests.support import skips
from tests.support.branches_api import PARENT, TOKEN, BranchesApi, serving

pytestmark = pytest.mark.timeout(300)
CLI = ROOT / ".venv" / "supabase-cli"
NEEDED = pytest.mark.skipif(
    not CLI.exists(), reason=skips.reason("the Supabase CLI", "scripts/bootstrap test")
)
PREVIEWS = Environment("preview", "", "")
NAMES = ["VITE_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY", "VITE_SITE_URL"]


def branches_of(world: World, url: str, ref: str = PARENT, production: str = "") -> SupabaseBranches:
    """The branches of a project, for a desk whose API is at an address."""
    settings = replace(
        world.settings,
        secrets=world.settings.secrets._replace(supabase_api=url),
        app=world.settings.app._replace(build_variables=tuple(NAMES)),
        supabase=world.settings.supabase._replace(cli=str(supabase_cli.find(CLI, ""))),
    )

    def values(environment: Environment) -> dict[str, str]:
        own = {"preview": ref, "production": production}.get(environment.name, "")
        return {"SUPABASE_PROJECT_ID": own, "SUPABASE_ACCESS_TOKEN": TOKEN}

    desk = world.desk(settings=settings, values=values)
    return supabase_branches(desk, PREVIEWS)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world whose only real part is the CLI."""
    with pytest.MonkeyPatch.context() as patch:
        find, with_migrations = supabase_cli.find, supabase.cli_with_migrations
        made = build_world(tmp_path, patch)
        patch.setattr(supabase_cli, "find", find)
        patch.setattr(supabase, "cli_with_migrations", with_migrations)
        yield made


@NEEDED
def test_a_branch_is_made_read_and_deleted(world: World) -> None:
    """By its name; nobody's data comes with it, its passwords are masked, and others are left alone."""
    api = BranchesApi(coming=3)
    with serving(api) as url:
        branches = branches_of(world, url)
        made = branches.ensure("one")

        assert made.fresh
        assert api.bodies == [{"branch_name": "release-desk-preview-one", "is_default": False}]
        assert made.variables["VITE_SUPABASE_URL"].endswith(".supabase.co")
        assert made.variables["VITE_SUPABASE_ANON_KEY"] == "anon-key-of-it"
        assert "VITE_SITE_URL" not in made.variables
        assert redact("service_role-key-of-it password-of-a-fake") == "*** ***"
        assert made.database is not None
        assert (made.database.host, made.database.port) == ("127.0.0.1", api.port)
        assert branches.slots() == ("one",)
        assert not branches.ensure("one").fresh
        assert len(api.bodies) == 1

        row = api.rows["b" * 20]
        row["persistent"] = True
        assert branches.slots() == ()
        with pytest.raises(Refused, match="is persistent"):
            branches.drop("one")
        row["persistent"] = False
        assert branches.drop("one")
        assert api.rows == {}
        assert not branches.drop("one")


@NEEDED
def test_a_guarded_project_gets_no_branches(world: World) -> None:
    """Its data is not copied, but its settings would be near."""
    with pytest.raises(Refused, match="the project of production"):
        branches_of(world, "http://127.0.0.1:9", production=PARENT)


def test_on_supabase_the_session_pooler_is_used(world: World) -> None:
    """A CI job has no IPv6; a transaction pooler would lose the session."""
    values = {
        "POSTGRES_URL": "postgresql://postgres.bbb:pw@aws-0.pooler.supabase.com:6543/postgres?connect_timeout=10",
        "POSTGRES_URL_NON_POOLING": "postgresql://postgres:pw@db.bbb.supabase.co:5432/postgres?connect_timeout=10",
    }
    branches = SupabaseBranches(world.desk(), cast(Any, None), Path("x"))
    database = branches._database(values)

    assert (database.host, database.port, database.user) == (
        *("aws-0.pooler.supabase.com", 5432),
        "postgres.bbb",
    )
    assert database.password.reveal() == "pw"


@NEEDED
@skips.LONG
def test_a_branch_gets_migrations_and_seed(world: World) -> None:
    """Pushed by the CLI into a server of its own, as a branch is one."""
    commit = world.commit(
        "feature/x",
        {
            "supabase/migrations/20240101000000_a.sql": "create table public.a (b text);",
            "supabase/seed.sql": "insert into public.a values ('seeded');",
        },
    )
    with scratch_folder() as folder:
        (port,) = ports.find_free(1)
        server = LocalServer(
            folder / "postgres", port, secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        )
        server.create()
        server.start()
        try:
            with server.connect("template1") as admin:  # the database of a project is called `postgres`
                admin.execute("drop database postgres")
                admin.execute(f"create database postgres template {TEMPLATE} owner postgres".encode())
            with serving(BranchesApi(port, server.password)) as url:
                branches = branches_of(world, url)
                made = branches.ensure("one")
                said = bring_up_to_date(branches.desk, branches, "one", made, commit, check=lambda: None)
            with server.connect("postgres") as connection:
                assert connection.execute("select b from public.a").fetchall() == [("seeded",)]
            assert said == "1 migrations applied, `supabase/seed.sql` run"
        finally:
            server.stop()
