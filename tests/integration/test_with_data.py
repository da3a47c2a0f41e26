"""A rollback takes the data back: what it says is what goes; and a restore that dies is settled.

`DESK_LONG=1 DESK_WRITER_ROUNDS=10 pytest tests/integration/test_with_data.py -k writers` tries more rounds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.desk import Call, Desk, ended
from tests.support import skips
from tests.support.writers import MAKE, TABLES, State, Writer, lost, played, read, until_switch

ROUNDS = int(os.environ.get("DESK_WRITER_ROUNDS", "1"))
pytestmark = pytest.mark.timeout(900)

DEV = ("--env", "development")
V = "20990101000070"
FILE = f"supabase/migrations/{V}_t.sql"
BREAKING = (
    "alter table public.bookings drop column guest_email;\nupdate public.properties set name = 'x';\n"
)
BOOK = """insert into public.bookings (property_id, guest_name, check_in, check_out)
select (select id from public.properties order by id limit 1), 'late ' || i, date '2040-01-01' + 2 * i,
  date '2040-01-02' + 2 * i from generate_series(1, 1000) i"""
COUNT = "select count(*) from public.bookings"


@pytest.fixture(scope="module")
def guarded(desk: Desk) -> Iterator[str]:
    """The same world, with a development that is guarded: it asks, and it takes backups."""
    folder = desk.world.env_dir.parent / "env-guarded"
    shutil.copytree(desk.world.env_dir, folder)
    manual = folder / "pipeline.toml"
    before, head, section = manual.read_text().partition("[environment.development]\n")
    manual.write_text(before + head + section.replace("guarded = false", "guarded = true", 1))
    desk.commit({"NOTES.md": f"{time.time()}\n"})
    assert desk("deploy", *DEV, "--wait").code == 0
    try:
        yield str(folder)
    finally:
        assert desk("db.drop-aside", *DEV, "--yes").code == 0
        shutil.rmtree(folder)


def test_what_a_rollback_loses_is_what_it_said(desk: Desk, guarded: str) -> None:
    """1,000 bookings since the backup: shown exactly, kept when declined, gone and safe when accepted."""

    def call(*arguments: str) -> Call:
        return desk(*arguments, AIRHOST_ENV_DIR=guarded)

    old, before = desk.served("development"), desk.sql("development", COUNT)[0][0]
    names = desk.sql("development", "select id, name from public.properties order by id")
    desk.commit({FILE: BREAKING})
    assert call("deploy", *DEV, "--yes", "--accept-irreversible").code == 0
    desk.sql("development", BOOK)
    refused = call("rollback", *DEV, "--plan")
    tables = call("rollback", *DEV, "--with-data", "--plan").document
    plan = call("rollback", *DEV, "--scope", "full", "--plan")
    changes = {each["table"]: each for each in plan.document["data"]["tables"]}
    declined = call("rollback", *DEV, "--scope", "full")

    assert "--with-data" in (refused.document["hint"] or "")
    assert (plan.document["scope"], plan.document["refused"]) == ("full", None)
    assert [each["no"] != "" for each in plan.document["scopes"]] == [True, True, False, False, True]
    touched = [
        "public.bookings",
        "public.properties",
    ]  # older bookings demand an address: new ones don't fit
    assert tables["scope"] == "tables"
    assert tables["keeps"]["kept"] == {}
    assert tables["keeps"]["lost"] == 1000 + len(names)
    assert set(tables["keeps"]["touched"]) == set(touched)
    assert changes["public.bookings"]["inserted"] == 1000
    assert changes["public.properties"]["updated"] == len(names)
    assert set(changes) == {"public.bookings", "public.properties"}
    assert (declined.code, desk.sql("development", COUNT)) == (6, [(before + 1000,)])

    done = call("rollback", *DEV, "--with-data", "--yes", "--reason", "test")
    assert done.code == 0, done.err
    assert (old, [(before,)]) == (desk.served("development"), desk.sql("development", COUNT))
    assert names == desk.sql("development", "select id, name from public.properties order by id")
    assert V not in desk.versions("development")
    restored = done.document["restored"]
    assert restored["scope"] == "tables"
    assert restored["lost"] == 1000 + len(names)
    safety = Path(guarded).parent / ".airhost/backups/development" / restored["safety_backup"]
    held = json.loads((safety / "MANIFEST.json").read_text())
    assert held["tables"]["public.bookings"]["rows"] == before + 1000
    assert desk.ledger()[-1]["restored"]["backup"] == restored["backup"]
    desk.remove(FILE)
    assert desk("release-hold", *DEV, "--reason", "test").code == 0
    assert desk("deploy", *DEV).code == 0


MADE, DROPPED = "20990101000050", "20990101000055"
LEGACY = "select count(*) from public.legacy"
THERE = "select to_regclass('public.legacy') is not null"
ASIDE = "select nspname from pg_namespace where nspname like 'desk%'"


@skips.LONG
def test_a_dropped_table_comes_back_with_the_older_code_or_not_at_all(desk: Desk, guarded: str) -> None:
    """40 rows that a migration dropped. Whatever fails leaves the present release with the present data."""

    def call(*arguments: str) -> Call:
        return desk(*arguments, AIRHOST_ENV_DIR=guarded)

    dropped = f"supabase/migrations/{DROPPED}_dropped.sql"
    made = "create table public.legacy as select i from generate_series(1, 40) i;\n"
    old = desk.commit({f"supabase/migrations/{MADE}_legacy.sql": made})
    assert call("deploy", *DEV, "--yes").code == 0
    new = desk.commit({dropped: "drop table public.legacy;\n"})
    assert call("deploy", *DEV, "--yes", "--accept-irreversible").code == 0
    plan = call("rollback", *DEV, "--with-data", "--plan").document
    assert [each["name"] for each in plan["scopes"] if not each["no"]] == ["tables", "full"]
    assert [step["name"] for step in plan["steps"]][3:7] == ["rehearse", "safety", "restore", "publish"]

    kept = desk.sql("development", ASIDE)  # by the tests before

    def fails(scope: str) -> Call:
        failed = call("rollback", *DEV, "--scope", scope, "--yes")
        assert failed.code in (1, 3), failed.err
        assert (desk.served("development"), desk.sql("development", THERE)) == (new, [(False,)])
        assert DROPPED in desk.versions("development")
        assert desk.sql("development", ASIDE) == kept
        assert [ref for ref in desk.refs() if ref.startswith("refs/deploy/")] == []
        return failed

    with psycopg.connect(desk.world.environment("development").database_url) as busy:
        busy.execute("lock table public.properties in row exclusive mode")
        said = fails("full").document
    assert "did not go back: a table is busy" in said["message"]
    assert "nothing was changed" in said["message"]
    again = pasted(said["hint"], "--with-data")
    desk.play("development", publish="fails")
    said = fails("tables").document
    desk.play("development")
    assert "the data of development are those of before again, every row" in said["message"]

    done = call(*again, "--yes")
    assert done.code == 0, done.err
    assert (desk.served("development"), desk.sql("development", LEGACY)) == (old, [(40,)])
    assert "public.legacy: 40 deleted since are back" in done.document["message"]
    desk.remove(dropped)
    assert desk("release-hold", *DEV, "--reason", "test").code == 0
    assert call("deploy", *DEV, "--yes").code == 0


FIRST, REWRITE = "20990101000060", "20990101000080"
TOUCHES = """alter table public.journal_a add column more text;
update public.journal_a set value = value || '!' where id <= 50"""


@skips.LONG
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_the_numbers_are_those_of_the_writers(desk: Desk, guarded: str, seed: int) -> None:
    """Two people write at full speed: every number is that of their diaries, and every row is somewhere.

    First with the touched tables alone; then all of it comes back, by the commands that were named; then
    with all tables.
    """

    def call(*arguments: str) -> Call:
        made = desk(*arguments, "--yes", AIRHOST_ENV_DIR=guarded)
        assert made.code == 0, made.err
        return made

    url = desk.world.environment("development").database_url
    if FIRST not in desk.versions("development"):
        desk.commit({f"supabase/migrations/{FIRST}_journals.sql": MAKE})
        call("deploy", *DEV)
    before, old = read(url), desk.served("development")
    new = desk.commit({f"supabase/migrations/{REWRITE}_more.sql": TOUCHES})
    call("deploy", *DEV, "--accept-irreversible")
    done, was = rolled_back(desk, guarded, before, "--scope", "tables", seed=2 * seed)
    assert (desk.served("development"), REWRITE in desk.versions("development")) == (old, False)

    again, lost_again = pasted(done.document["message"], "--from-aside"), told_lost(read(url), was)
    assert desk(*again, "--plan", AIRHOST_ENV_DIR=guarded).document["lost"] == lost_again
    assert call(*again).document["lost"] == lost_again
    assert read(url) == was
    call(*pasted(done.document["hint"], "--allow-bad")[:-1], "a test")
    assert (desk.served("development"), REWRITE in desk.versions("development")) == (new, True)
    assert desk("release-hold", *DEV, "--reason", "test").code == 0

    release = next(each["release"] for each in desk.ledger() if each["commit"] == old)
    options = ("--scope", "full", "--backup", done.document["restored"]["backup"], "--to", release)
    rolled_back(desk, guarded, before, *options, "--allow-bad", "a test", seed=2 * seed + 1)
    assert (desk.served("development"), REWRITE in desk.versions("development")) == (old, False)
    desk.remove(f"supabase/migrations/{REWRITE}_more.sql")
    assert desk("release-hold", *DEV, "--reason", "test").code == 0
    call("deploy", *DEV)
    call("db.drop-aside", *DEV)


def rolled_back(desk: Desk, guarded: str, before: State, *options: str, seed: int) -> tuple[Call, State]:
    """Roll back to `before` under the writers, and check every number; gives what was live before."""
    url = desk.world.environment("development").database_url
    start = read(url)
    child = desk.start("rollback", *DEV, *options, "--yes", AIRHOST_ENV_DIR=guarded)
    done, writers = while_writing(url, seed, child)
    assert done.code == 0, done.err
    told, message = done.document["restored"], done.document["message"]
    live, aside = read(url), read(url, f"desk_aside_{told['aside']}_public.")
    early = [until_switch(writer, aside) for writer in writers]
    assert all(early)

    was = played(start, [entry for entries in early for entry in entries])
    assert aside == was  # every row that was live at the switch is kept
    late = [e for writer, entries in zip(writers, early, strict=True) for e in writer.diary[len(entries) :]]
    touched = {**was[TABLES[0]], **before[TABLES[0]]}
    then = before if told["scope"] == "full" else {**was, TABLES[0]: touched}
    assert live == played(then, late)

    expected = lost(was, then)
    tables = {
        each["table"]: (each["inserted"], each["updated"] or 0, each["deleted"]) for each in told["tables"]
    }
    assert tables == expected
    assert told["lost"] == told_lost(was, then) == told["planned"] + sum(told["late"].values())
    assert f"{told['lost']} rows are live no longer" in message
    for table, (inserted, updated, _) in expected.items():
        numbers = [
            f"{rows} {what}" for rows, what in ((inserted, "inserted"), (updated, "updated")) if rows
        ]
        assert f"{table}: {' and '.join(numbers)} since" in message
    if told["scope"] == "tables":
        assert told["kept"] == {TABLES[0]: len(was[TABLES[0]].keys() - before[TABLES[0]].keys())}
    print(f"{told['scope']}: {[len(each.diary) for each in writers]} statements, {expected}")  # noqa: T201 - for long rounds
    return done, was


def while_writing(url: str, seed: int, call: subprocess.Popen[str]) -> tuple[Call, list[Writer]]:
    """Two writers at full speed for as long as the call runs."""
    writers = [Writer(url, number, seed) for number in (0, 1)]
    for writer in writers:
        writer.start()
    try:
        return ended(call, 600), writers
    finally:
        for writer in writers:
            writer.stop()


def told_lost(was: State, now: State) -> int:
    """The rows that are live no longer."""
    return sum(inserted + updated for inserted, updated, _ in lost(was, now).values())


def pasted(text: str, mark: str) -> list[str]:
    """The command in backticks that has the mark, without `invoke`."""
    commands: list[str] = re.findall("`(invoke [^`]*)`", text)
    return next(each for each in commands if mark in each).split()[1:]


@pytest.mark.parametrize("step", ["restore", "analyze"])
def test_a_restore_that_dies_is_settled(desk: Desk, guarded: str, step: str) -> None:
    """SIGKILL at a step; `resume` says what became of it: the old database, or the new one."""
    assert guarded
    backup = desk("backup", *DEV, "--no-proof").document["backup"]
    desk.sql("development", "insert into public.messages (whatsapp_id, sender) values ('after', 'a')")
    child = desk.start("db.restore", backup, *DEV, "--yes")
    runs = desk.world.env_dir.parent / ".airhost" / "runs"
    wanted, until = f'"step": "{step}"', time.monotonic() + 60
    while child.poll() is None and time.monotonic() < until:
        newest = max(runs.glob("*/*.jsonl"), key=lambda each: each.stat().st_mtime)
        text = newest.read_text()
        if "db.restore" in text and wanted in text:
            break
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    ended(child)
    call = desk("resume", *DEV)
    there = desk.sql("development", "select count(*) from public.messages where whatsapp_id = 'after'")

    assert call.code == 0, call.err
    arrived = "had restored" in call.document["message"]
    assert arrived or "is as it was" in call.document["message"]
    assert there == [(0 if arrived else 1,)]
    assert step != "analyze" or arrived
    last = desk.ledger()[-1]
    assert ("restore", "done" if arrived else "error") == (last["kind"], last["ending"])
    assert [ref for ref in desk.refs() if ref.startswith("refs/deploy/")] == []
    desk.sql("development", "delete from public.messages where whatsapp_id = 'after'")


def test_a_backup_of_elsewhere_stays_elsewhere(desk: Desk, guarded: str) -> None:
    """Nothing is restored that is not a backup of this environment."""
    assert guarded
    refused = desk("db.restore", "20200101T000000Z-00000000-manual-0000", *DEV, "--yes")
    declined = desk("db.restore", desk("backup", *DEV, "--no-proof").document["backup"], *DEV)

    assert (refused.code, declined.code) == (1, 6)
    assert "there is no backup" in refused.document["message"]
