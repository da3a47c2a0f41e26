"""Files that the Supabase CLI would skip or misread: refused in the plan, and fixed as its hint says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scripts.config import supabase_cli
from scripts.database import supabase
from scripts.database.migrations import source
from scripts.database.postgres.url import parse_database
from scripts.sandbox.world_code import repository
from tests.integration.desk import Desk, git

pytestmark = pytest.mark.timeout(600)

# the queries are put together from constants
# ruff: noqa: S608
M = "supabase/migrations"
V = "209902010000"
# skipped, or misread, each in its own way
ODD = {
    f"{V}01-dash.sql": "create table public.odd1 ();",
    f"{V}02_upper.SQL": "create table public.odd2 ();",
    f"{V}03.sql": "create table public.odd3 ();",
    f"app/{V}04_in.sql": "create table public.odd4 ();",
    f"{V}05_x.down.sql": "drop table public.odd1;",
    f" {V}06_blank.sql": "create table public.odd6 ();",
    "seven.sql": "create table public.odd7 ();",
    f"{V}08_x.sql.bak": "create table public.odd8 ();",
    f"{V}09_folder.sql/x.sql": "create table public.odd9 ();",
}
FINE = {f"{V}11_ünï code.sql": "create table public.fine1 ();", f"{V}12_link.sql": "", "README.md": "none"}


def commit(desk: Desk, files: Mapping[str, str | bytes], *commands: str) -> None:
    """Commit files of the migrations folder, and what commands do, to `develop`."""
    clone = desk.world.clone
    with repository(clone, desk.world.folder) as made:
        made.heads.develop.checkout()
        made.remotes.origin.pull(ff_only=True)
        for name, text in files.items():
            path = clone / M / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        for command in commands:
            subprocess.run(["bash", "-ec", command], cwd=clone, check=True, capture_output=True)
        made.git.add(all=True)
        made.git.commit(message="files", quiet=True, allow_empty=True)
        made.remotes.origin.push("develop").raise_if_error()


@pytest.fixture
def live(desk: Desk) -> Iterator[Desk]:
    """Development has a release; afterwards its migrations are as before."""
    assert desk("deploy", "--env", "development", "--wait").code == 0
    before = git(desk.world.origin, "rev-parse", "develop")
    try:
        yield desk
    finally:
        commit(
            desk, {}, f"git rm -rq supabase; git checkout -q {before} -- supabase; git clean -fdq supabase"
        )


def test_the_cli_takes_exactly_what_the_desk_calls_a_migration(desk: Desk, tmp_path: Path) -> None:
    """The real CLI lists the folder."""
    binary = supabase_cli.find(desk.world.clone, "")
    database = parse_database(
        desk.world.environment("development").database_url, None, where="the test", folder=tmp_path
    )
    names = {name: "select 1;" for name in (*ODD, *FINE) if "/" not in name and "link" not in name}
    with supabase.cli_with_migrations(binary, names) as cli:
        local, _ = supabase.versions(cli, database)

    assert local == {match[1] for name in names if (match := source.FILE.fullmatch(name))}


def test_misnamed_files_are_refused_and_mended_by_the_hint(live: Desk) -> None:
    """Each is named; the hint's commands, pasted, make a plan that goes."""
    commit(live, {**ODD, **FINE}, f"ln -sf ../../{M}/README.md '{M}/{V}12_link.sql'")
    call = live("deploy", "--env", "development", "--plan")
    status = live("db.status", "--env", "development")

    assert call.code == status.code == 1, call.err
    for name in ODD:
        assert f"`{source.shown(name)}`" in call.document["refused"], name
        assert f"`{source.shown(name)}`" in status.document["message"], name
    assert not [name for name in FINE if f"`{name}`" in call.document["refused"]]

    (pasted,) = re.findall(r"`([^`]*)`, then commit", call.document["hint"])
    commit(live, {}, pasted)
    fixed = live("deploy", "--env", "development", "--plan")

    assert fixed.code == 0, fixed.err
    pending = {each["file"] for each in fixed.document["migrations"]}
    assert f"{V}01_dash.sql" in pending
    assert f"{V}11_ünï code.sql" in pending
    assert (live.world.clone / "supabase" / "rollbacks" / f"{V}05_x.sql").exists()


def test_texts_that_are_no_sql_are_refused(live: Desk) -> None:
    """UTF-16, NUL bytes, foreign encodings, pointers of git-lfs, symlinks that lead nowhere."""
    commit(
        live,
        {
            f"{V}01_a.sql": "create table a ();".encode("utf-16"),
            f"{V}02_b.sql": b"select 1;\0",
            f"{V}03_c.sql": b"select 'caf\xe9';",
            f"{V}04_d.sql": f"{source.LFS}v1\noid sha256:00\nsize 9\n",
        },
        f"ln -s /etc/passwd {M}/{V}05_e.sql",
        f"ln -s gone.sql {M}/{V}06_f.sql",
    )
    call = live("deploy", "--env", "development", "--plan")

    assert call.code == 1, call.err
    for number in range(1, 7):
        assert f"`{V}0{number}_{'abcdef'[number - 1]}.sql`" in call.document["refused"]


def test_marks_line_ends_and_links_are_taken_as_the_cli_takes_them(live: Desk) -> None:
    """A byte order mark, other line ends, a symlink: applied, and no edit afterwards.

    No tables: one that is dropped by hand is missed from then on.
    """
    body = "create function public.crlf() returns text language sql as $$\n select 'a'\n$$;\n"
    files: dict[str, str | bytes] = {
        f"{V}01_bom.sql": b"\xef\xbb\xbfcreate type public.with_bom as (id bigint);\r\n",
        f"{V}02_crlf.sql": body,
        f"{V}03_empty.sql": "",
        "../linked.sql": "create type public.linked as ();",
    }
    commit(live, files, f"ln -s ../linked.sql {M}/{V}04_link.sql")
    try:
        call = live("deploy", "--env", "development")
        assert call.code == 0, call.err
        rows = live.sql(
            "development",
            "select array_to_string(statements, ';') from supabase_migrations.schema_migrations"
            f" where version like '{V}%' order by version",
        )
        commit(live, {f"{V}02_crlf.sql": body.replace("\n", "\r\n") + "\r\n \r\n"})
        plan = live("deploy", "--env", "development", "--plan")
        status = live("db.status", "--env", "development")
    finally:
        live.sql(
            "development",
            "drop type if exists public.with_bom, public.linked; drop function if exists public.crlf();"
            f" delete from supabase_migrations.schema_migrations where version like '{V}%'",
        )

    assert rows[0] == ("create type public.with_bom as (id bigint)",)
    assert rows[3] == ("create type public.linked as ()",)
    assert (plan.code, status.code) == (0, 0), plan.err + status.err
