"""A restore in place, for real: everything comes back, on each PostgreSQL, and never half of it.

`DESK_POSTGRES=/folder/bin:... pytest tests/integration/test_restore.py` tries other majors as well.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.client import session
from scripts.database.postgres.local_server import LocalServer
from scripts.database.postgres.url import Database
from scripts.database.restore import in_place, losses, swap_schemas
from scripts.errors import CommandFailed, DeskError
from tests.support import restores
from tests.support.restores import WRITES, run

COUNT = f"select count(*) from {OLD_SCHEMA_PREFIX}one_public.bookings"  # noqa: S608 - constants only
pytestmark = pytest.mark.timeout(60 * 60)


@pytest.fixture(scope="module", params=restores.MAJORS, ids=lambda each: str(each or "wheel"))
def server(request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    """A server dressed as Supabase; its `postgres` is no superuser."""
    with restores.serving(request.param) as made:
        yield made


@pytest.fixture
def project(server: LocalServer, tmp_path: Path) -> tuple[Database, Path]:
    """A database with everything in it, and its archive."""
    database = restores.filled(server, "project", tmp_path, 300)
    restores.backed_up(server, database, tmp_path)
    return database, tmp_path


def test_everything_comes_back(project: tuple[Database, Path]) -> None:
    """Rows, sequences, the trigger on auth.users, the storage policy, views, history, grants."""
    database, folder = project
    before = restores.state(database)
    run(database, WRITES)
    assert restores.state(database) != before
    restores.restored(folder, "one")

    assert restores.state(database) == before
    assert run(database, "select count(*) from public.totals") == [(1,)]
    assert run(
        database, "insert into public.bookings (guest, day) values ('n', now()) returning id > 1300"
    ) == [(False,)]
    run(database, "insert into auth.users (id, email) values (gen_random_uuid(), 'after@example.invalid')")
    assert run(database, "select count(*) from public.profiles where mail like 'after%'") == [(1,)]
    assert run(
        database, "select tablename from pg_publication_tables where pubname = 'supabase_realtime'"
    ) == [("bookings",)]
    grants = "select has_table_privilege('anon', 'public.profiles', 'select')"
    assert run(database, grants) == [(False,)]


def test_the_numbers_are_exact(project: tuple[Database, Path]) -> None:
    """Per table what was inserted, updated and deleted since; accounts apart."""
    database, folder = project
    run(database, WRITES)
    plan = restores.restored(folder, "one")
    found = {each.table: (each.inserted, each.updated, each.deleted) for each in plan.changes}

    assert found == {
        "public.bookings": (1000, 3, 15),
        "billing.payments": (0, 0, 20),
        "public.profiles": (1, 0, 1),
    }
    assert plan.new == {"public.newer": 1}
    assert plan.accounts is not None
    assert (plan.accounts.inserted, plan.accounts.deleted) == (1, 1)


def test_the_old_schemas_are_kept_until_they_are_dropped(project: tuple[Database, Path]) -> None:
    """The old rows are all there; dropping them touches nothing else."""
    database, folder = project
    run(database, WRITES)
    restores.restored(folder, "one")
    with session(database) as connection:
        names = [old.name for old in swap_schemas.old_schemas(connection)]
        assert run(database, COUNT) == [(1285,)]
        swap_schemas.drop_old_schemas(connection, names)

        assert swap_schemas.old_schemas(connection) == []
    assert run(database, "select count(*) from public.bookings") == [(300,)]


def test_what_is_not_the_backup_is_not_kept(project: tuple[Database, Path]) -> None:
    """The comparison stands before the commit: a manifest of other rows leaves all as it was."""
    database, folder = project
    text = (folder / "MANIFEST.json").read_text()
    (folder / "MANIFEST.json").write_text(text.replace('"rows": 300', '"rows": 301', 1))
    before = restores.state(database)
    with pytest.raises(CommandFailed, match="not the backup; nothing was changed"):
        restores.restored(folder, "one")

    assert restores.state(database) == before
    assert run(database, "select nspname from pg_namespace where nspname like 'desk%'") == []


def test_a_cut_archive_changes_nothing(project: tuple[Database, Path]) -> None:
    """Half a dump is an error, wherever it is cut."""
    database, folder = project
    whole, before = (folder / "db.dump").read_bytes(), restores.state(database)
    _, held = restores.opened(folder)
    for part in (0.3, 0.6, 0.9):
        (folder / "db.dump").write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(DeskError):
            restores.restored(folder, "cut")
    assert restores.state(database) == before
    assert held.lists.unknown == ()


def test_readers_go_on_and_a_busy_table_is_no_reason_to_wait(project: tuple[Database, Path]) -> None:
    """A writer that holds a table makes the restore give up, and nothing was changed."""
    database, folder = project
    before = restores.state(database)
    _, held = restores.opened(folder)
    tools = restores.toolbox(folder, database)
    tools.settings.supabase.lock_timeout = 0.3  # type: ignore[misc]
    with session(database) as writer, writer.transaction():
        writer.execute("update public.bookings set day = day where id = 1")
        plan = losses.plan_restore(database, held, safety=False, rate=None)
        with pytest.raises(CommandFailed, match="busy"):
            in_place.restore(tools, restores.PRODUCTION, held, plan, run="one", step=restores.step)
    assert restores.state(database) == before


VIEW = "create view public.bookings_view as select * from public.bookings"
WAITING = (
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'late'"
)


def test_a_statement_that_waited_for_a_replaced_table_is_refused(
    project: tuple[Database, Path],
) -> None:
    """It found a view before the switch, and waits for the table behind it: no row is lost unseen."""
    database, folder = project
    run(database, VIEW)
    _, held = restores.opened(folder)
    plan = losses.plan_restore(database, held, safety=False, rate=None)
    ends: list[str] = []

    def write() -> None:
        with psycopg.connect(
            database.url, password=database.password.reveal(), application_name="late"
        ) as late:
            try:
                late.execute("insert into public.bookings_view (guest, day) values ('late', now())")
                ends.append("written")
            except psycopg.Error as refusal:
                ends.append(str(refusal.sqlstate))

    writer = threading.Thread(target=write)

    @contextlib.contextmanager
    def step(name: str, _detail: str) -> Iterator[None]:
        if name == "compare":
            writer.start()
            while run(database, WAITING) == [(0,)]:
                time.sleep(0.01)
        yield

    in_place.restore(
        restores.toolbox(folder, database),
        restores.PRODUCTION,
        held,
        plan,
        run="one",
        step=step,
        tell=plan.tell,
    )
    writer.join(30)

    assert ends == ["40001"]
    assert run(database, COUNT) == [(300,)]
