"""The sandbox's PostgreSQL, for real: the platform is there, and `postgres` is no superuser."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts.database.postgres.local_server import LocalServer
from scripts.errors import Refused
from scripts.system import daemon, ports
from tests.support.processes import alive, wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    """Below a folder that only its owner may enter (what `mktemp -d` makes), as whoever we are."""
    folder = Path(tempfile.mkdtemp())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    passwords = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    made = LocalServer(folder / "postgres", ports.find_free(1)[0], *passwords)
    try:
        made.create()
        made.start()
        made.create_database("airhost_test")
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


@pytest.fixture
def session(server: LocalServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url("airhost_test")) as connection:
        yield connection
        connection.rollback()


def test_it_does_not_run_as_root(server: LocalServer) -> None:
    pid = (server.folder / "data" / "postmaster.pid").read_text().split()[0]
    assert Path(f"/proc/{pid}").stat().st_uid == (os.geteuid() or 65534)


def test_postgres_is_no_superuser_but_owns_the_database(session: psycopg.Connection) -> None:
    row = session.execute(
        "select rolsuper, rolcreatedb, rolcreaterole, rolbypassrls from pg_roles"
        " where rolname = current_user"
    ).fetchone()
    assert row == (False, True, True, True)
    owner = session.execute(
        "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
    ).fetchone()
    assert owner == ("postgres",)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("alter table auth.users add column mine text")


def test_the_platform_is_there(session: psycopg.Connection) -> None:
    names = ["anon", "authenticated", "service_role", "authenticator", "supabase_auth_admin"]
    count = session.execute("select count(*) from pg_roles where rolname = any(%s)", (names,))
    assert count.fetchone() == (len(names),)
    extensions = session.execute(
        "select e.extname from pg_extension e join pg_namespace n on n.oid = e.extnamespace"
        " where n.nspname = 'extensions' order by 1"
    ).fetchall()
    assert extensions == [("pg_stat_statements",), ("pgcrypto",), ("uuid-ossp",)]
    assert session.execute("select extensions.uuid_generate_v4() is not null").fetchone() == (True,)
    publications = session.execute("select pubname from pg_publication").fetchall()
    assert publications == [("supabase_realtime",)]


def test_migrations_call_what_a_hosted_project_has(session: psycopg.Connection) -> None:
    """Its functions of Storage, and extensions that no package brings."""
    session.execute(
        """
        create extension if not exists pg_cron with schema pg_catalog;
        create extension if not exists pg_net with schema extensions;
        create extension if not exists pgjwt with schema extensions;
        create extension if not exists pg_graphql;
        create policy own_files on storage.objects for select
          using ((storage.foldername(name))[1] = auth.jwt() ->> 'sub');
        select cron.schedule('nightly', '0 3 * * *', 'select 1');
        select cron.schedule('nightly', '0 4 * * *', 'select 1');
        select net.http_post(url := 'https://example.com', body := '{"a": 1}'::jsonb);
        select vault.create_secret('s3cret', 'name', 'what for');
        """
    )
    found = session.execute(
        """select storage.foldername('a/b/c.png'), storage.filename('a/b/c.png'),
        storage.extension('a/b/c.png'),
        (select array_agg(schedule) from cron.job),
        (select decrypted_secret from vault.decrypted_secrets)"""
    ).fetchone()

    assert found == (["a", "b"], "c.png", "png", ["0 4 * * *"], "s3cret")


def test_queues_and_schemas_of_documents_are_there(session: psycopg.Connection) -> None:
    """As migrations call them."""
    session.execute(
        """
        create extension if not exists pgmq;
        create extension if not exists pg_jsonschema with schema extensions;
        select pgmq.create('mails');
        create table public.documents (
          content jsonb check (extensions.jsonb_matches_schema('{"type": "object"}', content))
        );
        insert into public.documents values ('{}');
        """
    )
    found = session.execute(
        """select (select array_agg(queue_name) from pgmq.list_queues()),
        pgmq.send('mails', '{"to": "ada"}'), (select count(*) from pgmq.read('mails', 30, 1))"""
    ).fetchone()

    assert found == (["mails"], 1, 0)


def test_vectors_have_their_indexes(session: psycopg.Connection) -> None:
    """Of both kinds, also over long vectors; distances are asked for as usual."""
    found = session.execute(
        """
        create extension if not exists vector with schema extensions;
        create table public.pages (id integer, embedding extensions.vector(1536));
        create index on public.pages using hnsw (embedding vector_ip_ops);
        create index on public.pages using ivfflat (embedding vector_cosine_ops);
        insert into public.pages
          select n, cast('[' || repeat('0.123456,', 1535) || n || ']' as extensions.vector)
          from generate_series(1, 3) n;
        select count(*) from (select from public.pages order by embedding <-> '[1]' limit 2) nearest;
        """
    )
    while found.nextset():
        pass

    assert found.fetchone() == (2,)


def test_migrations_of_a_supabase_app_work(session: psycopg.Connection) -> None:
    session.execute(
        """
        create extension if not exists "uuid-ossp" with schema extensions;
        create table profiles (id uuid primary key references auth.users (id));
        alter table profiles enable row level security;
        create policy own on profiles for select using (auth.uid() = id);
        create function public.on_user() returns trigger language plpgsql security definer
          as $$ begin insert into public.profiles values (new.id); return new; end $$;
        create trigger on_auth_user_created after insert on auth.users
          for each row execute function public.on_user();
        create policy own on storage.objects for select using (auth.uid() = owner);
        alter publication supabase_realtime add table profiles;
        insert into auth.users (id, email)
          values ('00000000-0000-0000-0000-000000000001', 'a@x.example'),
                 ('00000000-0000-0000-0000-000000000002', 'b@x.example');
        set local role authenticated;
        set local request.jwt.claims = '{"sub": "00000000-0000-0000-0000-000000000001"}';
        """
    )
    assert session.execute("select count(*) from profiles").fetchone() == (1,)


def test_a_wrong_or_missing_password_is_refused(server: LocalServer) -> None:
    for url in (
        server.url("airhost_test").replace(server.password, "wrong"),
        f"postgresql://postgres@127.0.0.1:{server.port}/airhost_test",
    ):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url, connect_timeout=5)


def test_passwords_are_on_no_command_line_and_in_no_log(server: LocalServer) -> None:
    for secret in (server.password, server.admin_password):
        assert secret not in repr(server)
        assert secret not in (server.folder / "log").read_text()
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert secret not in line.read_text(errors="replace")
            except OSError:
                continue
        found = subprocess.run(
            ["grep", "-rlF", "--", secret, str(server.folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.stdout == ""


def test_postgres_can_dump_and_restore_without_an_error(server: LocalServer) -> None:
    dump = server.folder / "dump"
    env = {"PGPASSWORD": server.password, "PATH": os.environ["PATH"]}
    common = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres"]
    with psycopg.connect(server.url("postgres"), autocommit=True) as session:
        session.execute("create database beside template template0")
    dumping = [str(server.bin / "pg_dump"), *common, "-Fc", "-f", str(dump), "airhost_test"]
    subprocess.run(dumping, env=env, check=True)
    restoring = [str(server.bin / "pg_restore"), *common, "--no-owner", "-d", "beside", str(dump)]
    done = subprocess.run(restoring, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_everything_twice_is_harmless_and_a_restart_keeps_the_data(server: LocalServer) -> None:
    with psycopg.connect(server.url("airhost_test"), autocommit=True) as session:
        session.execute("create table kept as select 42 as answer")
    server.stop()
    assert not server.running
    server.stop()
    server.create()
    server.start()
    server.start()
    server.create_database("airhost_test")
    with psycopg.connect(server.url("airhost_test")) as session:
        assert session.execute("select answer from kept").fetchone() == (42,)


def test_a_port_that_was_taken_meanwhile_is_named(server: LocalServer) -> None:
    server.stop()
    taken = pytest.raises(Refused, match=f"port {server.port}.*PostgreSQL")
    with socket.create_server(("127.0.0.1", server.port)), taken:
        server.start()
    server.start()


@pytest.mark.parametrize("postmaster", ["killed", "alive but unrecorded"])
def test_what_still_runs_in_the_data_folder_is_ended_before_a_start(
    server: LocalServer, postmaster: str
) -> None:
    """Children that outlive their postmaster keep its shared memory attached, and no server could start."""
    pid = daemon.running(server.folder / "pid")
    assert pid is not None
    with psycopg.connect(server.url("airhost_test")) as open_session:
        backend = open_session.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # it can't notice that the postmaster is gone
        if postmaster == "killed":
            os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: not alive(pid))
        else:
            (server.folder / "pid").unlink()

        server.start()

    assert not alive(pid)
    assert not alive(backend)
    with psycopg.connect(server.url("airhost_test")) as session:
        assert session.execute("select 1").fetchone() == (1,)


def test_no_shared_memory_is_left(server: LocalServer) -> None:
    """A killed server would leave it in /dev/shm: it is in the data folder instead."""
    pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    maps = Path(f"/proc/{pid}/maps").read_text()

    assert "/pg_dynshmem/" in maps
    assert "/dev/shm/PostgreSQL." not in maps
