"""A PostgreSQL dressed as Supabase, an app with rows in it, and the desk's tools over both, in-process."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psycopg

from scripts.config.desk import Desk
from scripts.config.parse import parse
from scripts.database.postgres.local_server import LocalServer
from scripts.git.merge import MergingGit
from scripts.system import ports

# Something of everything that a restore may lose; `{rows}` bookings.
APP = """
create schema supabase_migrations;
create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
insert into supabase_migrations.schema_migrations values ('20260101000000', '{{select 1}}', 'first');
create schema billing;
create type public.state as enum ('new', 'paid');
create domain public.cents as integer check (value >= 0);
create table public.guests (
  id bigint generated always as identity primary key, name text not null,
  user_id uuid references auth.users (id), seen timestamptz, tags text[], extra jsonb, doc tsvector);
create table public.bookings (
  id serial primary key, guest bigint references public.guests, state public.state,
  price public.cents, rate numeric(8,2), share numeric, ratio double precision, days daterange,
  note text,
  total integer generated always as (price * 2) stored);
create table billing.audit (id bigint, at date not null, what text) partition by range (at);
create table billing.audit_2026 partition of billing.audit for values from ('2026-01-01') to ('2027-01-01');
create table billing.audit_rest partition of billing.audit default;
alter table billing.audit add primary key (id, at);
create index on public.bookings using gist (days);
create view public.paid as select * from public.bookings where state = 'paid';
create materialized view public.totals as select guest, sum(total) as total from public.bookings group by 1;
create function public.on_user() returns trigger language plpgsql security definer
  set search_path = '' as $$ begin
  insert into public.guests (name, user_id) values (new.email, new.id); return new; end $$;
create trigger on_auth_user_created after insert on auth.users
  for each row execute function public.on_user();
create policy "own files" on storage.objects for select using (owner = auth.uid());
alter table public.guests enable row level security;
alter table public.guests force row level security;
create policy "own" on public.guests using (user_id = auth.uid());
alter publication supabase_realtime add table public.bookings;
revoke all on public.guests from anon;
grant select (name) on public.guests to anon;
comment on table public.guests is 'people';
insert into auth.users (email) select 'person' || g || '@example.com' from generate_series(1, 20) g;
insert into public.bookings (guest, state, price, rate, share, ratio, days, note)
  select 1 + g % 20, (array['new', 'paid']::public.state[])[1 + g % 2], g, g / 7.0, g / 3.0, g / 3.0,
    daterange(date '2026-01-01' + g, date '2026-01-03' + g), repeat('n' || g, 40)
  from generate_series(1, {rows}) g;
insert into billing.audit select g, date '2026-06-01' + g, 'what ' || g
  from generate_series(1, 400) g;
update public.guests set tags = array['a', name],
  extra = jsonb_build_object('n', id, 'deep', array[1.50, 2]),
  doc = to_tsvector('simple', name), seen = now();
refresh materialized view public.totals;
"""
HEAD: dict[str, Any] = {
    "chain": ["production"],
    "environment": {
        "production": {
            "branch": "main",
            "url": "http://127.0.0.1:9",
            "guarded": True,
            "ssh_host": "production",
            "publish": "manual",
        }
    },
}


@dataclass
class Quiet:
    """Notes what a workflow says."""

    notes: list[str] = field(default_factory=list)
    reached: list[tuple[float, float, str]] = field(default_factory=list)

    def show(self, lines: Iterable[str]) -> None: ...

    def begin(self, step: str, detail: str) -> None: ...

    def advance(self, done: float, total: float, text: str, *steps: str) -> None:
        self.reached.append((done, total, text))

    def end(self, step: str, ending: str, seconds: float) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)

    def output(self, text: str) -> None: ...

    def expect(self, seconds: Mapping[str, float]) -> None: ...

    def confirm(self, environment: str, *aliases: str) -> bool:
        return True

    def ask(self, question: str, default: str) -> str:
        return default

    def agree(self, question: str) -> bool:
        return True


def toolbox(folder: Path, url: str, values: dict[str, str] | None = None, **backup: Any) -> Desk:
    """The tools over a repository of its own below `folder`, with one guarded environment."""
    clone = folder / "clone"
    if not clone.exists():
        git("init", "-q", "--bare", str(folder / "origin"))
        git("init", "-q", "-b", "main", str(clone))
        git("-C", str(clone), "remote", "add", "origin", str(folder / "origin"))
        for key, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
            git("-C", str(clone), "config", key, value)
        git("-C", str(clone), "commit", "-q", "--allow-empty", "-m", "first")
        git("-C", str(clone), "push", "-q", "origin", "main")
    return replace(
        desk(folder, {"DATABASE_URL": url, **(values or {})}, **backup), git=MergingGit(clone, "origin")
    )


def desk(
    folder: Path,
    values: dict[str, str] | None = None,
    environment: Mapping[str, object] | None = None,
    /,
    **backup: Any,
) -> Desk:
    """A desk without a repository, with one guarded environment."""
    production = {**HEAD["environment"]["production"], **(environment or {})}
    return Desk(
        settings=parse({**HEAD, "environment": {"production": production}, "backup": backup}),
        git=cast("MergingGit", None),
        progress=Quiet(),
        values=lambda _environment: values or {},
        config_folder=folder,
        state_folder=folder / ".airhost",
        actor="Ada",
        host="here",
        now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        new_id=lambda: secrets.token_hex(6),
    )


def git(*arguments: str) -> None:
    """Plain git."""
    subprocess.run(["git", *arguments], check=True, capture_output=True)


@contextlib.contextmanager
def serving(folder: Path, programs: Path | None = None) -> Iterator[LocalServer]:
    """A server of its own, for the time of a test file; the wheel's, or of these programs."""
    passwords = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    server = LocalServer(folder / "postgres", ports.find_free(1)[0], *passwords, programs)
    server.create()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def filled(server: LocalServer, name: str, rows: int = 2000) -> str:
    """A database with the app in it; its URL."""
    server.create_database(name)
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute(APP.format(rows=rows).encode())
    return server.url(name)
