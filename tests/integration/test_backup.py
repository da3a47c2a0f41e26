"""Backups, for real: taken, proven, fetched again; and every damage that must not pass."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.config.desk import Desk
from scripts.database.backups import catalog, commands, create, encryption, manifest, proof_bar, storage
from scripts.database.backups.manifest import MANIFEST, File, Manifest
from scripts.database.backups.request import (
    BackupRequest,
    ListBackupsRequest,
    PruneBackupsRequest,
    VerifyBackupRequest,
)
from scripts.database.postgres.client import configured_database
from scripts.database.postgres.local_server import LocalServer
from scripts.errors import CommandFailed, DeskError, Locked, Refused, Unreachable
from scripts.state.remote import observe_remote
from scripts.system.background import submit
from tests.support import databases, skips

FLIPS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    folder = tmp_path_factory.mktemp("server")
    with databases.serving(folder) as made:
        yield made


@pytest.fixture(scope="module")
def url(server: LocalServer) -> str:
    return databases.filled(server, "app")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory, url: str) -> Desk:
    return databases.toolbox(tmp_path_factory.mktemp("desk"), url)


@pytest.fixture(scope="module")
def taken(tools: Desk) -> Manifest:
    """One backup, taken and proven."""
    outcome = commands.backup(tools, BackupRequest(env="production", kind="manual", proof=True))
    assert outcome.data["proven"] is True
    home = storage.folder_store(tools, production(tools))
    return manifest.parse_manifest(home.manifest(outcome.data["backup"]))


def production(tools: Desk):  # type: ignore[no-untyped-def] # noqa: ANN201 - the settings' own
    return tools.settings.environment("production")


def archive(tools: Desk, taken: Manifest) -> Path:
    return storage.folder_store(tools, production(tools)).folder / taken.id


def left(tools: Desk) -> list[str]:
    """What lies there beside the backups that are shown."""
    folder = storage.folder_store(tools, production(tools)).folder
    return [each.name for each in folder.iterdir() if not (each / MANIFEST).exists()]


@pytest.fixture
def copy(tools: Desk, taken: Manifest) -> Iterator[Path]:
    """The archive, to be damaged; whole again afterwards."""
    folder = archive(tools, taken)
    beside = folder.with_name("kept")
    shutil.copytree(folder, beside)
    yield folder
    shutil.rmtree(folder)
    beside.rename(folder)


def doctored(folder: Path, taken: Manifest, **news: object) -> None:
    """A manifest that fits the files as they are now, and says `news`."""
    files = {name: File(*encryption.measure(folder / name)) for name in taken.files}
    changed = dataclasses.replace(taken, files=files, **news)  # type: ignore[arg-type]
    (folder / MANIFEST).write_text(changed.text())


def verified(tools: Desk, taken: Manifest) -> str:
    """What `backup.verify` says; the ledger is set aside, which would know the exchange at once."""
    try:
        with storage.fetch_files(tools, production(tools), taken.id) as (plain, found):
            from scripts.database.backups.verify import compare_with_copy

            compare_with_copy(tools, production(tools), found, plain, accept_partial=False)
    except DeskError as fault:
        return fault.message
    return ""


def test_a_backup_is_taken_proven_and_shown(tools: Desk, taken: Manifest) -> None:
    """Everything is in the manifest, and the ledger knows the proof."""
    assert taken.tables["public.bookings"].rows == 2000
    assert taken.tables["billing.audit_2026"].rows + taken.tables["billing.audit_rest"].rows == 400
    assert taken.tables["auth.users"].rows == 20
    assert taken.tables["public.totals"].rows == 20
    assert taken.sequences["public.bookings_id_seq"] == 2000
    assert taken.migrations == {"20260101000000": ""}
    assert {"passwords of roles", "rows of vault.*"} <= {each.what for each in taken.left_out}
    known = catalog.records(observe_remote(tools).ledger, "production")[taken.id]
    assert (known.proven != "", known.digest) == (True, taken.digest)
    assert left(tools) == []
    assert {each.stat().st_mode & 0o77 for each in archive(tools, taken).iterdir()} == {0}


def test_the_list_shows_age_size_proof_and_place(tools: Desk, taken: Manifest) -> None:
    outcome = commands.list_backups(tools, ListBackupsRequest(env="production", check=True))
    row = next(each for each in outcome.data["backups"] if each["backup"] == taken.id)
    assert (outcome.code, row["proven"], row["bytes"]) == (0, True, taken.bytes)
    assert row["places"] == [str(archive(tools, taken).parent)]


def test_verify_proves_it_again(tools: Desk, taken: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """And shows how far it is: while the scratch database grows, then table by table."""
    monkeypatch.setattr(proof_bar, "LOOK", 0.01)
    shown: Any = tools.progress
    shown.reached.clear()
    outcome = commands.verify_backup(tools, VerifyBackupRequest(backup=taken.id, env=""))
    assert (outcome.code, outcome.data["proven"]) == (0, True)
    assert any(text.endswith("restored") for _, total, text in shown.reached if total)
    done, total, text = shown.reached[-1]
    assert text.endswith("compared")
    assert done == total == sum(each.bytes for each in taken.tables.values())


def test_every_flipped_bit_is_found(tools: Desk, taken: Manifest, copy: Path) -> None:
    """pg_restore itself misses two of three."""
    dice = random.Random(4)  # noqa: S311 - dice
    others = ("roles.sql", "schema.json", "restore.json", "extras.sql")
    names = (*["db.dump"] * (FLIPS - len(others)), *others)
    assert (len(names), {*names}) == (60, {*taken.files})
    for name in names:
        file = copy / name
        whole = file.read_bytes()
        place = dice.randrange(len(whole))
        file.write_bytes(
            whole[:place] + bytes([whole[place] ^ (1 << dice.randrange(8))]) + whole[place + 1 :]
        )
        with (
            pytest.raises(Refused, match="damaged"),
            storage.fetch_files(tools, production(tools), taken.id),
        ):
            pytest.fail("it was taken for whole")
        file.write_bytes(whole)


@pytest.mark.parametrize("name", ["db.dump", "extras.sql", "schema.json"])
def test_a_file_cut_at_a_line_end_is_found(tools: Desk, taken: Manifest, copy: Path, name: str) -> None:
    whole = (copy / name).read_bytes()
    cut = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    (copy / name).write_bytes(whole[:cut])
    assert "damaged" in verified(tools, taken)
    (copy / name).unlink()
    assert "is missing" in verified(tools, taken)


def test_an_exchanged_manifest_is_found(tools: Desk, taken: Manifest, copy: Path) -> None:
    """One of another backup, one that was rewritten, and half of one."""
    doctored(copy, taken, id=taken.id[:-4] + "0000")
    assert "exchanged" in verified(tools, taken)
    doctored(copy, taken, release="v99")
    with pytest.raises(Refused, match="exchanged"):
        commands.verify_backup(tools, VerifyBackupRequest(backup=taken.id, env="production"))
    (copy / MANIFEST).write_text(taken.text()[:-20])
    assert "not usable" in verified(tools, taken)


def dumped(server: LocalServer, url: str, file: Path) -> None:
    file.unlink()
    argv = [str(server.bin / "pg_dump"), "-Fc", "-f", str(file), url]
    subprocess.run(argv, check=True, capture_output=True)


DAMAGE = """
delete from public.bookings where id = 1000;
update public.guests set tags = '{}' where id = 7;
drop trigger on_auth_user_created on auth.users;
drop policy "own files" on storage.objects;
revoke all on public.bookings from anon;
alter publication supabase_realtime drop table public.bookings;
alter table public.guests disable row level security;
select setval('public.bookings_id_seq', 3);
drop materialized view public.totals;
"""
FOUND = (
    "table public.bookings has 1999 rows, not 2000",
    "table public.guests: its 20 rows are not the same",
    "missing: trigger on_auth_user_created on auth.users",
    'missing: policy "own files" on storage.objects',
    "changed: grants on public.bookings",
    "missing: publication supabase_realtime of public.bookings",
    "changed: table public.guests",
    "public.bookings_id_seq stands at 3, not at 2000",
    "table public.totals is missing (20 rows)",
)


def test_a_dump_of_something_else_is_found(
    server: LocalServer, tools: Desk, taken: Manifest, copy: Path
) -> None:
    """A whole dump whose digests all fit, of a database that lacks a row, a trigger, a policy ..."""
    with server.connect("postgres") as admin:
        admin.execute("create database damaged template app")
    with server.connect("damaged") as admin:
        admin.execute(DAMAGE.encode())
    dumped(server, server.url("damaged"), copy / "db.dump")
    doctored(copy, taken)
    said = verified(tools, taken)
    assert [] == [each for each in FOUND if each not in said]


LOST_NAME = """
create table public.tbl_dict (id bigint generated always as identity primary key, val text not null unique);
insert into public.tbl_dict (val) values ('a'), ('b');
create function public.in_dict(p text) returns boolean language sql stable
  as $$ select exists (select 1 from tbl_dict where val = p) $$;
create domain public.word as text check (public.in_dict(value));
create table public.tbl_data (val text not null check (public.in_dict(val)), second public.word);
insert into public.tbl_data values ('a', 'b');
"""


def test_a_check_that_no_restore_can_run_is_named_with_what_mends_it(
    server: LocalServer, tmp_path: Path
) -> None:
    """pg_dump ends with 0. The statement that the hint shows is enough, though rows are checked by rows."""
    url = databases.filled(server, "unqualified", 10)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(LOST_NAME.encode())
        tools = databases.toolbox(tmp_path, url)
        wanted = BackupRequest(env="production", kind="manual", proof=True)
        with pytest.raises(DeskError, match=r"`public.in_dict\(text\)` finds `tbl_dict` only by") as caught:
            commands.backup(tools, wanted)
        assert caught.value.hint == (
            "in a migration: `alter function public.in_dict(text) set search_path = public`"
        )
        listed = ListBackupsRequest(env="production", check=False)
        row = commands.list_backups(tools, listed).data["backups"][0]
        assert (row["proven"], bool(row["fault"])) == (False, True)
        assert commands.list_backups(tools, dataclasses.replace(listed, check=True)).code == 1

        connection.execute(caught.value.hint.split("`")[1].encode())
        assert commands.backup(tools, wanted).data["proven"] is True


def test_a_role_that_sees_only_part_of_the_rows_is_refused(server: LocalServer, tmp_path: Path) -> None:
    url = databases.filled(server, "blind", 10)
    with server.connect("blind") as admin:
        admin.execute("create role short login password 'short'; grant pg_read_all_data to short")
    tools = databases.toolbox(
        tmp_path, url.replace("postgres:", "short:", 1).replace(server.password, "short")
    )
    with pytest.raises(CommandFailed, match=r"row-level security|row security"):
        commands.backup(tools, BackupRequest(env="production", kind="manual", proof=False))
    assert storage.stored_backups(tools, production(tools)) == {}
    assert left(tools) == []


def test_a_killed_session_leaves_nothing(server: LocalServer, url: str, tmp_path: Path) -> None:
    """The server ends the dump, or the owner of its snapshot, in the middle: slow enough to be met."""
    tools = databases.toolbox(tmp_path, url, rate=1)
    for name in ("release-desk dump", "release-desk backup"):
        work = submit(commands.backup, tools, BackupRequest(env="production", proof=False))
        with server.connect("app") as admin:
            query = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s"
            while not work.done() and not admin.execute(query, [name]).fetchall():
                time.sleep(0.01)
        with pytest.raises(DeskError):
            work.result(timeout=60)
    assert storage.stored_backups(tools, production(tools)) == {}
    assert left(tools) == []


def test_no_backup_beside_a_migration(
    server: LocalServer, tools: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the one who waits is told what for."""
    from scripts.database.postgres.client import Postgres

    monkeypatch.setattr(create, "WAIT_FOR_LOCK", 0.2)
    database = configured_database(tools, production(tools))
    assert database
    with Postgres(database).exclusive(1), pytest.raises(Locked, match="a migration of `app`"):
        commands.backup(tools, BackupRequest(env="production", kind="manual", proof=False))
    with (
        Postgres(database).exclusive(1, "backup"),
        pytest.raises(Locked, match=r"a backup of `app`.*no migration can start"),
        Postgres(database).exclusive(0.2),
    ):
        pytest.fail("both at once")


def test_every_session_has_limits(server: LocalServer, tools: Desk) -> None:
    """A statement of any part of the desk ends, whatever the role's or the server's own settings are."""
    from scripts.database.postgres.client import session

    database = configured_database(tools, production(tools))
    assert database
    with session(database) as blocking, session(database) as waiting:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        found = [waiting.execute(f"show {name}").fetchone() for name in names]
        blocking.execute("select pg_advisory_lock(4711)")
        waiting.execute("set lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            waiting.execute("select pg_advisory_lock(4711)")

    assert [("4h",), ("30s",), ("4h",)] == found


def test_whoever_holds_the_lock_sees_that_the_session_was_ended(server: LocalServer, tools: Desk) -> None:
    """By what the server has sent, without a question."""
    from scripts.database.postgres.client import Postgres

    database = configured_database(tools, production(tools))
    assert database
    with Postgres(database).exclusive(1) as lock:
        lock.check_received()
        lock.check()
        Postgres(database).end_desks()
        with pytest.raises(Unreachable, match="was ended"):
            lock.check_received()


def test_prune_keeps_what_is_young(tools: Desk, taken: Manifest) -> None:
    outcome = commands.prune_backups(tools, PruneBackupsRequest(env="production", plan=False, yes=True))
    assert (outcome.ending, outcome.data["removed"]) == ("nothing", [])


@skips.LONG
def test_a_backup_of_what_shrank_waits_for_a_person(server: LocalServer, tmp_path: Path) -> None:
    """A true copy of a table that somebody emptied does not count as proven, until it is accepted."""
    url = databases.filled(server, "shrinking", 100)
    tools = databases.toolbox(tmp_path, url)
    first = commands.backup(tools, BackupRequest(env="production", kind="daily", proof=True)).data["backup"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("delete from public.bookings where id > 79")
    with pytest.raises(Refused, match=rf"public.bookings has 79 rows, 100 in `{first}`"):
        commands.backup(tools, BackupRequest(env="production", kind="manual", proof=True))
    known = catalog.records(observe_remote(tools).ledger, "production")
    (second,) = known.keys() - {first}
    assert (known[first].proven != "", known[second].proven, known[second].fault) == (True, "", "")
    with pytest.raises(Refused, match="tables shrank"):
        commands.verify_backup(tools, VerifyBackupRequest(backup=second, env="production"))
    outcome = commands.verify_backup(
        tools, VerifyBackupRequest(backup=second, env="production", accept_shrink=True)
    )
    assert outcome.data["proven"] is True
    assert (
        commands.backup(tools, BackupRequest(env="production", kind="manual", proof=True)).data["proven"]
        is True
    )


def test_a_rate_spares_the_server_and_changes_nothing(url: str, tmp_path: Path) -> None:
    """The same sums through the brake."""
    tools = databases.toolbox(tmp_path, url, rate=4)
    outcome = commands.backup(tools, BackupRequest(env="production", kind="manual", proof=True))
    assert outcome.data["proven"] is True
    rows = json.loads((Path(outcome.data["path"]) / MANIFEST).read_text())["tables"]["public.bookings"]
    assert rows["rows"] == 2000


@pytest.fixture
def service() -> Iterator[str]:
    """An S3-compatible service on this machine, with a bucket in it."""
    import boto3
    from moto.server import ThreadedMotoServer

    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "desk", "aws_secret_access_key": "desk-secret"}
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="kept")
    try:
        yield endpoint
    finally:
        client.close()
        made.stop()


def test_a_bucket_holds_it_encrypted_and_gives_it_back(url: str, tmp_path: Path, service: str) -> None:
    """Production machines hold public keys alone; who has the secret one, can prove it from elsewhere."""
    import pyrage

    key, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    values = {"BACKUP_S3_KEY_ID": "desk", "BACKUP_S3_SECRET_KEY": "desk-secret"}
    setup = {"bucket": "kept", "endpoint": service, "prefix": "app", "recipients": [str(key.to_public())]}
    tools = databases.toolbox(tmp_path, url, values, **setup)
    outcome = commands.backup(tools, BackupRequest(env="production", kind="daily", proof=True))
    name = outcome.data["backup"]
    sent = [each for each in tools.progress.reached if "sent to the bucket" in each[2]]  # type: ignore[attr-defined]
    assert sent[-1][0] == sent[-1][1] == outcome.data["bytes"]  # shown to its end
    here = storage.folder_store(tools, production(tools)).folder
    assert {each.suffix for each in (here / name).iterdir()} == {".age", ".json"}
    assert [len(each) for each in storage.stored_backups(tools, production(tools)).values()] == [2]
    shutil.rmtree(here)  # another machine
    elsewhere = databases.toolbox(tmp_path, url, {**values, "BACKUP_IDENTITY": str(key)}, **setup)
    assert (
        commands.verify_backup(elsewhere, VerifyBackupRequest(backup=name, env="production")).data["proven"]
        is True
    )
    stranger = databases.toolbox(tmp_path, url, {**values, "BACKUP_IDENTITY": str(other)}, **setup)
    with pytest.raises(Refused, match="not encrypted for the key"):
        commands.verify_backup(stranger, VerifyBackupRequest(backup=name, env="production"))
    far = storage.bucket_store(tools, production(tools))
    assert far
    with pytest.raises(Refused, match="another run"):
        far.put(name, here, [], b"{}")
    far.bucket.client().delete_object(Bucket="kept", Key=f"app/production/{name}/MANIFEST.json")
    assert far.ids() == []
    assert far.clear(lambda _at: False) == []
    assert far.clear(lambda _at: True) == [name]
    assert far.clear(lambda _at: True) == []


def test_a_bucket_demands_keys_to_encrypt_for(url: str, tmp_path: Path) -> None:
    values = {"BACKUP_S3_KEY_ID": "desk", "BACKUP_S3_SECRET_KEY": "desk-secret"}
    tools = databases.toolbox(tmp_path, url, values, bucket="kept", endpoint="http://127.0.0.1:9")
    with pytest.raises(Refused, match="only encrypted"):
        commands.backup(tools, BackupRequest(env="production", kind="daily", proof=True))


MAJORS = [Path(name) for name in os.environ.get("DESK_POSTGRES", "").split(":") if name]


@pytest.mark.parametrize("folder", MAJORS or [None], ids=str)
def test_other_majors(folder: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with servers of other majors, whose programs `DESK_POSTGRES` names.

    Their `pg_stat_statements` must be marked as trusted, which no distribution does.
    """
    if folder is None:
        pytest.skip("DESK_POSTGRES names no PostgreSQL of another major (such as `/opt/postgresql-18/bin`)")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with databases.serving(tmp_path, folder) as server:
        tools = databases.toolbox(tmp_path, databases.filled(server, "app"))
        outcome = commands.backup(tools, BackupRequest(env="production", kind="manual", proof=True))
    assert (outcome.data["proven"], outcome.data["rows"]["public.bookings"]) == (True, 2000)
