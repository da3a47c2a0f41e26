"""Previews in a sandbox: git, PostgreSQL, ssh, Publish and the app are real."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.database.postgres.url import parse_database
from scripts.errors import Refused
from scripts.preview.databases import ServerDatabases
from scripts.sandbox.world_facts import Environment
from scripts.terminal import with_local_times
from tests.integration.desk import Call, Desk, ended, git
from tests.support.processes import command_lines, wait_until
from tests.support.sandboxes import ready_slot

pytestmark = pytest.mark.timeout(600)
MIGRATION = "supabase/migrations/21260101000000_guides.sql"
GUIDES = "create table public.guides (title text primary key);"
SEED = "insert into public.guides values ('seeded');"


class One:
    """The world as previews see it, with one slot alone."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.world = desk, desk.world
        self.slot: Environment = next(each for each in desk.world.slots if each.name == "one")
        self.env = folder / "env"
        shutil.copytree(desk.world.env_dir, self.env)
        text = (self.env / "pipeline.toml").read_text()
        two = text.index("[preview.slots.two]")
        (self.env / "pipeline.toml").write_text(text[:two] + text[text.find("\n\n", two) :].lstrip())

    def __call__(self, *arguments: str) -> Call:
        return self.desk(*arguments, AIRHOST_ENV_DIR=str(self.env))

    def push(self, branch: str, files: dict[str, str]) -> str:
        """Commit files to a branch that begins where `develop` is; returns the commit."""
        base = self.desk.refs("refs/heads/").get(f"refs/heads/{branch}") or git(
            self.world.origin, "rev-parse", "develop"
        )
        place = self.env.parent / "work"
        if not place.exists():
            git(self.world.folder, "clone", "-q", str(self.world.origin), str(place))
        git(place, "fetch", "-q", "origin")
        git(place, "checkout", "-q", "--detach", base)
        for name, text in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)
        git(place, "add", "-A")
        git(place, "-c", "user.name=Ada", "-c", "user.email=a@example.invalid", "commit", "-qm", "work")
        git(place, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        return git(place, "rev-parse", "HEAD")

    def stamp(self) -> dict[str, Any]:
        """What the slot's URL answers with."""
        with urllib.request.urlopen(f"{self.slot.url}/version.json", timeout=5) as response:
            found: dict[str, Any] = json.load(response)
        return found

    def titles(self) -> list[str]:
        """The rows of the preview's database."""
        with psycopg.connect(self.slot.database_url) as connection:
            return [str(row[0]) for row in connection.execute("select title from guides order by 1")]

    def databases(self) -> set[str]:
        """As `psql -l` lists them."""
        with self.world.postgres.connect("postgres") as connection:
            rows = connection.execute("select datname from pg_database where datname like 'preview%'")
            return {str(row[0]) for row in rows}

    def apps(self) -> list[str]:
        """The processes of apps that the slot runs; the parked page is none."""
        found = []
        for pid, line in command_lines().items():
            try:
                here = Path(f"/proc/{pid}/cwd").readlink()
            except OSError:
                continue
            if here.is_relative_to(self.slot.host / "published") and "http.server" not in line:
                found.append(line)
        return found

    def clear(self) -> None:
        """End what a test that failed has left: other tests have the same world."""
        for ref in self.desk.refs("refs/heads/feature/"):
            git(self.world.origin, "update-ref", "-d", ref)
        if self.desk.refs("refs/deploy/preview/"):
            swept = self("preview.sweep")  # their branches are gone
            assert (swept.code, self.desk.refs("refs/deploy/preview/")) == (0, {}), swept.err
        with self.world.postgres.connect("postgres") as admin:
            for name in ("gone", "of_a_person"):
                admin.execute(f"drop database if exists preview_airhost_{name} with (force)".encode())


@pytest.fixture
def one(desk: Desk, tmp_path: Path) -> Iterator[One]:
    """A slot that is free, before and after."""
    ready_slot(desk.world, "one")
    made = One(desk, tmp_path)
    yield made
    made.clear()


def test_a_feature_is_shown_and_leaves_nothing(one: One) -> None:
    """Up, updated in place, two at once for the last slot, ended; expired and swept from elsewhere."""
    before = (one.databases(), set(one.desk.refs("refs/deploy/")))
    first = one.push("feature/guides", {MIGRATION: GUIDES, "supabase/seed.sql": SEED})
    up = one("preview.up", "--branch", "feature/guides")

    assert (up.code, up.document["url"]) == (0, one.slot.url), up.err
    assert {
        "commit": first,
        "environment": "preview-one",
        "schema": "21260101000000",
    }.items() <= one.stamp().items()
    assert one.titles() == ["seeded"]
    assert set(one.desk.refs("refs/deploy/")) == before[1] | {"refs/deploy/preview/one"}
    previews = one("status").document["previews"]
    assert [(each["branch"], each["state"]) for each in previews] == [("feature/guides", "up")]

    # another push: the same slot, the same database with what was typed, and its new migration
    with psycopg.connect(one.slot.database_url) as connection:
        connection.execute("insert into guides values ('typed')")
    later = MIGRATION.replace("0101000000_guides", "0102000000_more")
    second = one.push("feature/guides", {later: "alter table public.guides add column more text;"})
    again = one("preview.up", "--branch", "feature/guides")
    assert (again.code, one.stamp()["commit"], one.titles()) == (0, second, ["seeded", "typed"]), again.err

    # two want the only slot at the same time
    one.push("feature/other", {"NOTES.md": "other\n"})
    down = one("preview.down", "--branch", "feature/guides")
    assert (down.code, one.databases(), one.apps()) == (0, before[0], []), down.err
    assert one.stamp()["commit"] not in (first, second)
    branches = ("feature/other", "feature/guides")
    runs = [
        one.desk.start("preview.up", "--branch", each, AIRHOST_ENV_DIR=str(one.env)) for each in branches
    ]
    calls = dict(zip(branches, map(ended, runs), strict=True))
    assert sorted(call.code for call in calls.values()) == [0, 5], [call.err for call in calls.values()]
    (winner,) = [branch for branch, call in calls.items() if call.code == 0]
    (loser,) = [call for call in calls.values() if call.code != 0]
    until = with_local_times(one("preview.list").document["previews"][0]["until"], "%Y-%m-%d %H:%M")
    assert f"one: `{winner}` by Ada Sandbox on `{again.document['host']}` until {until}" in loser.err

    # its time is over: a sweep that knows nothing of this machine ends it, and drops what no lease names
    with one.world.postgres.connect("postgres") as admin:
        for name, comment in (("gone", "release desk: preview gone of airhost"), ("of_a_person", "mine")):
            admin.execute(f"create database preview_airhost_{name} owner postgres".encode())
            admin.execute(f"comment on database preview_airhost_{name} is '{comment}'".encode())
    renewed = one("preview.up", "--branch", winner, "--ttl", "1s")
    assert renewed.code == 0, renewed.err
    assert "build" not in {step["name"] for step in renewed.document["steps"]}
    over = datetime.fromisoformat(renewed.document["until"]) + timedelta(seconds=1)
    assert wait_until(lambda: datetime.now(UTC) > over, 30)
    swept = one("preview.sweep")
    assert swept.code == 0, swept.err
    assert [(each["branch"], each["reason"]) for each in swept.document["ended"]] == [
        (winner, "its time is over")
    ]
    assert swept.document["databases"] == ["gone"]
    assert one.databases() - before[0] == {"preview_airhost_of_a_person"}
    with one.world.postgres.connect("postgres") as admin:
        admin.execute("drop database preview_airhost_of_a_person")
    assert (set(one.desk.refs("refs/deploy/")), one.apps()) == (before[1], [])


def test_a_database_that_was_being_made_is_made_anew(one: One) -> None:
    """It is closed and has no comment; one that is open is a person's, whatever its name."""
    database = replace(
        parse_database(one.slot.database_url, None, where="a test", folder=one.env), name="postgres"
    )
    databases = ServerDatabases(database, "half", "template0")
    with one.world.postgres.connect("postgres") as admin:
        admin.execute("create database preview_half_one owner postgres allow_connections false")
        admin.execute("create database preview_half_two owner postgres")
    try:
        assert databases.slots() == ("one",)
        assert databases.ensure("one").fresh
        assert not databases.ensure("one").fresh
        assert databases.ensure("one", anew=True).fresh
        for work in (databases.ensure, databases.drop):
            with pytest.raises(Refused, match="is not the desk's"):
                work("two")
        assert databases.drop("one")
        assert not databases.drop("one")
    finally:
        with one.world.postgres.connect("postgres") as admin:
            for name in ("one", "two"):
                admin.execute(f"drop database if exists preview_half_{name} with (force)".encode())
