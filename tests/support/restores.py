"""Restores without a world: a database with everything in it, its archive, and a small toolbox.

`python -m tests.support.restores FOLDER MARK` restores in a process of its own, which a test may kill.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import manifest as backups_manifest
from scripts.database.backups import toc
from scripts.database.backups.manifest import File, Manifest, Table, parse_manifest
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.client import session
from scripts.database.postgres.content import Content, read_content
from scripts.database.postgres.local_server import LocalServer
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.url import Database, parse_database
from scripts.database.restore import in_place, losses, way_back
from scripts.database.restore.in_place import Source
from scripts.database.restore.plan import RestorePlan
from scripts.database.restore.way_back import PutBack
from scripts.system import ports
from tests.support.databases import Quiet

PRODUCTION = Environment("production", "main", "http://127.0.0.1:9", guarded=True)
MAJORS = [None, *(Path(each) for each in os.environ.get("DESK_POSTGRES", "").split(":") if each)]
EVERYTHING = (Path(__file__).parent / "everything.sql").read_text()


WRITES = """
insert into public.bookings (guest, day) select 'late', date '2026-06-01' from generate_series(1, 1000);
update public.bookings set guest = 'changed' where id <= 3;
delete from billing.payments where id <= 5;
create table public.newer as select 1 as x;
delete from public.bookings where profile = '00000000-0000-4000-8000-000000000007';
delete from auth.users where id = '00000000-0000-4000-8000-000000000007';
insert into auth.users (id, email) values (gen_random_uuid(), 'new@example.invalid');
alter table public.events add column extra text;
drop view public.guests;
drop policy "my own objects" on storage.objects;
create policy "later" on storage.objects for select to authenticated using (public.mine(name));
alter publication supabase_realtime drop table public.bookings;
"""


@contextlib.contextmanager
def serving(
    programs: Path | None = None, below: Path | None = None, options: tuple[str, ...] = ()
) -> Iterator[LocalServer]:
    """A server dressed as Supabase, of those programs or the wheel's; its data on the disk `below`."""
    folder = Path(tempfile.mkdtemp(dir=below))
    passwords = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    made = LocalServer(folder / "postgres", ports.find_free(1)[0], *passwords, programs, options)
    try:
        made.create()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def run(database: Database, *statements: str) -> list[tuple[object, ...]]:
    """Ask the database; rows of the last statement."""
    found: list[tuple[object, ...]] = []
    with session(database) as connection:
        for each in statements:
            cursor = connection.execute(each.encode())
            found = cursor.fetchall() if cursor.description else []
    return found


def toolbox(folder: Path, database: Database) -> Desk:
    """What the machinery of a restore looks at."""
    password = database.password.reveal() if database.password else ""
    values = {"DATABASE_URL": database.url, "DATABASE_PASSWORD": password}
    made = SimpleNamespace(
        values=lambda _environment: values,
        state_folder=folder,
        config_folder=folder,
        progress=Quiet(),
        new_id=lambda: str(time.time_ns()),
        clock=time.monotonic,
        sleep=time.sleep,
        settings=SimpleNamespace(
            app=SimpleNamespace(migrations="supabase/migrations"),
            supabase=SimpleNamespace(lock_timeout=5.0),
        ),
    )
    return cast("Desk", made)


@contextlib.contextmanager
def step(_name: str, _detail: str) -> Iterator[None]:
    """A step that nobody sees."""
    yield


def address(server: LocalServer, name: str, folder: Path) -> Database:
    """A database of the server, as `postgres`, who is no superuser."""
    return parse_database(server.url(name), None, where="the test", folder=folder)


def filled(server: LocalServer, name: str, folder: Path, rows: int) -> Database:
    """A fresh project with everything in it that an app may have."""
    with server.connect("postgres") as admin:
        admin.execute(f'drop database if exists "{name}" with (force)'.encode())
    server.create_database(name)
    database = address(server, name, folder)
    with session(database) as connection:
        connection.execute(EVERYTHING.replace("{rows}", str(rows)).encode())
    return database


def backed_up(server: LocalServer, database: Database, folder: Path) -> Manifest:
    """Its archive in `folder`, by plain pg_dump, with a manifest."""
    held = read_content(database, is_ours=lambda each: toc.is_app_schema(each) or each in toc.USER_SCHEMAS)
    schema = read_content(database, is_ours=toc.is_app_schema, tables=()).schema
    (folder / backups_manifest.SCHEMA).write_text(json.dumps(schema))
    subprocess.run(
        [str(server.bin / "pg_dump"), "-Fc", "-d", database.url, "-f", str(folder / backups_manifest.DUMP)],
        env={"PGPASSWORD": server.password}, check=True,
    )  # fmt: skip
    manifest = Manifest(
        id="20261123T181129Z-0123abcd-manual-0001",
        environment="production",
        kind="manual",
        project="app",
        migrations={"1": ""},
        server=f"{server.major}.0",
        client=f"{server.major}.0",
        tables={key: Table(*each) for key, each in held.tables.items()},
        sequences=held.sequences,
        extensions=held.extensions,
        schema_hash="",
        files={backups_manifest.DUMP: File(1, "0" * 64)},
        left_out=(),
        host="",
        database="",
        started="",
        finished="",
        release="",
        commit="",
        wal="",
    )
    (folder / "MANIFEST.json").write_text(manifest.text())
    about = {"url": database.url, "password": server.password, "bin": str(server.bin)}
    (folder / "about.json").write_text(json.dumps(about))
    return manifest


def opened(folder: Path) -> tuple[Database, Source]:
    """The database and the archive of a folder."""
    about = json.loads((folder / "about.json").read_text())
    database = parse_database(about["url"], about["password"], where="the test", folder=folder)
    archive = Archive(folder / backups_manifest.DUMP, Path(about["bin"]) / "pg_restore")
    lists = toc.classify(archive.contents())
    schema = tuple(json.loads((folder / backups_manifest.SCHEMA).read_text()))
    return database, Source(parse_manifest((folder / "MANIFEST.json").read_text()), archive, lists, schema)


def restored(folder: Path, mark: str) -> RestorePlan:
    """Look, and restore in place; returns the plan."""
    database, held = opened(folder)
    plan = losses.plan_restore(database, held, safety=False, rate=None)
    desk = toolbox(folder, database)
    told = in_place.restore(desk, PRODUCTION, held, plan, run=mark, step=step, tell=plan.tell)
    assert {key: told[key] for key in plan.document()} == plan.document()  # nobody wrote meanwhile
    assert (told["planned"], told["late"]) == (plan.lost, {})
    done, total, _ = desk.progress.reached[-1]  # type: ignore[attr-defined]
    assert done == total > 0  # each row was shown
    return plan


def put_back(folder: Path, kept: str, mark: str, *, drop_unwritten: bool = False) -> PutBack:
    """Put back what a run kept, under the name of another."""
    database, _ = opened(folder)
    desk = toolbox(folder, database)
    found = way_back.find(desk, PRODUCTION, kept)
    back = way_back.put_back(desk, PRODUCTION, found, run=mark, step=step, drop_unwritten=drop_unwritten)
    assert back is not None
    return back


def state(database: Database) -> dict[str, Any]:
    """Everything of the app's in one value: rows by checksum, and the schema's lines."""
    found: Content = read_content(database, is_ours=toc.is_app_schema)
    tables = {name: each[:2] for name, each in asdict(found)["tables"].items() if name != "public.totals"}
    return {
        "tables": tables,
        "schema": tuple(line for line in found.schema if OLD_SCHEMA_PREFIX not in line),
    }


if __name__ == "__main__":
    restored(Path(sys.argv[1]), sys.argv[2])
