"""Real parts are broken under a watch: each fault is one alarm and one all-clear, in two intervals.

The app is a TLS server in a process of its own, the database a PostgreSQL with few connections, the chat
the stand-in for Slack, the probes those of production. Time alone is a fake: a pass begins every minute.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.database.postgres import client
from scripts.database.postgres.local_server import LocalServer
from scripts.monitor.probes import look_at
from scripts.monitor.store import FILE, Store
from scripts.monitor.watcher import Result, Watcher
from scripts.sandbox import inbox, stand_in
from scripts.state.remote import record
from scripts.system import connection, ports
from tests.fakes.clock import START
from tests.fakes.world import Notes, World, build_world
from tests.support import restores, skips
from tests.support.certificates import NOW, Authority
from tests.support.disks import small
from tests.support.processes import wait_until

MINUTE = 60.0
CONNECTIONS, RESERVED = 8, 3  # the latter for superusers, by default
LONG = ("slow answers", "no answers")
MONITOR = {
    "cold_start": 0,
    "slow": 2000,
    "timeout": 4,
    # the rest is looked at by the same probes elsewhere: there is no backup and no project here
    "off": ["backup", "migrations", "functions", "queries", "size"],
    "checks": [
        {"name": "homes", "environments": ["production"], "kind": "rest", "path": "/homes", "min_rows": 1}
    ],
}


@dataclass
class Place:
    """What is watched, with its parts, which a test breaks."""

    folder: Path
    authority: Authority
    server: LocalServer
    port: int = field(default_factory=lambda: ports.find_free(1)[0])
    chat_port: int = field(default_factory=lambda: ports.find_free(1)[0])
    app: subprocess.Popen[bytes] | None = None
    held: list[psycopg.Connection[Any]] = field(default_factory=list)
    commit: str = ""

    def behave(self, **how: Any) -> None:
        """From now on."""
        part = self.folder / "behave.part"
        part.write_text(json.dumps({"commit": self.commit, **how}))
        part.rename(self.folder / "behave.json")

    def serve(self, days: int = 90) -> None:
        """Start the app, with a certificate of so many days."""
        argv = [sys.executable, "-m", "tests.support.breakable_app", str(self.folder), str(self.port)]
        self.app = subprocess.Popen([*argv, str(self.authority.issue("localhost", days))])
        assert wait_until(self.answers, 30)

    def answers(self) -> bool:
        """Whether somebody listens."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        """The app's process ends at once."""
        assert self.app is not None
        self.app.kill()
        self.app.wait()

    def expire(self) -> None:
        """The certificate was not renewed."""
        self.kill()
        self.serve(days=-1)

    def renew(self) -> None:
        """A good one again, and a good app."""
        self.kill()
        self.serve()

    def use_up(self, left: int = 0) -> None:
        """Others hold the connections; so many are left."""
        while True:
            try:
                self.held.append(psycopg.connect(self.server.url("postgres")))
            except psycopg.OperationalError:
                break
        for _ in range(left):
            self.held.pop().close()

    def let_go(self) -> None:
        """They end; the server takes a moment to notice."""
        count = len(self.held)
        while self.held:
            self.held.pop().close()

        def free() -> bool:
            with suppress(psycopg.OperationalError), psycopg.connect(self.server.url("postgres")) as own:
                row = own.execute("select count(*) from pg_stat_activity where usename = 'postgres'")
                return int((row.fetchone() or (count,))[0]) <= 1
            return False

        assert wait_until(free, 30)

    def chat(self) -> None:
        """Start it, or start it again."""
        inbox.start(self.folder / "inbox", self.chat_port, "token-of-this-test")

    def hang_up(self) -> None:
        """The chat's process is killed."""
        os.kill(json.loads((self.folder / "inbox" / "pid").read_text())["pid"], signal.SIGKILL)
        assert wait_until(lambda: not self._chats(), 30)

    def _chats(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.chat_port), 1):
            return True
        return False

    def titles(self) -> list[str]:
        """What the chat was told."""
        file = self.folder / "inbox" / "slack.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line)["payload"]["blocks"][0]["text"]["text"] for line in lines]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """All of them run."""
    folder = tmp_path_factory.mktemp("parts")
    options = ("fsync=off", f"max_connections={CONNECTIONS}", "max_wal_senders=0", "wal_level=replica")
    with restores.serving(options=options) as server:
        made = Place(folder, Authority(folder), server)
        made.behave()
        made.serve()
        made.chat()
        try:
            yield made
        finally:
            made.kill()
            stand_in.stop(folder / "inbox")


@dataclass
class Watch:
    """A watch over production on a clock that passes from pass to pass."""

    world: World
    parts: Place
    notes: Notes = field(default_factory=Notes)
    watcher: Watcher | None = None
    results: list[Result] = field(default_factory=list)

    def start(self) -> Watcher:
        """A new process over the same folder."""
        values = {
            "DATABASE_URL": self.parts.server.url("postgres"),
            "VITE_SUPABASE_URL": f"https://localhost:{self.parts.port}",
            "VITE_SUPABASE_ANON_KEY": "anon",
            "SLACK_WEBHOOK_URL": f"http://127.0.0.1:{self.parts.chat_port}/slack/production/token-of-this-test",
        }
        desk = self.world.desk("monitor", progress=self.notes, values=lambda _: values)
        store = Store(desk.state_folder, desk.progress.note)
        self.watcher = Watcher(desk, [desk.settings.environments["production"]], store, look_at)
        return self.watcher

    def passes(self, number: int) -> None:
        """So many, a minute apart."""
        for _ in range(number):
            began = self.world.clock.seconds
            self.results = (self.watcher or self.start()).one_pass()
            self.world.clock.seconds = began + MINUTE

    def troubles(self) -> dict[str, str]:
        """What the last pass found, by check."""
        return {each.check.name: each.look.why for each in self.results if each.look.level != "good"}


@pytest.fixture
def watch(parts: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """v1 is live, and a pass finds nothing."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    real = client.Postgres
    url = f"https://localhost:{parts.port}"
    world = build_world(tmp_path, monkeypatch, environment__production__url=url, monitor=MONITOR)
    monkeypatch.setattr(client, "Postgres", real)
    trusted = ssl.create_default_context(cafile=str(parts.authority.file))
    monkeypatch.setattr(connection, "context", lambda: trusted)
    world.clock.seconds = (NOW - START).total_seconds()  # by which certificates are judged
    parts.commit = world.commit("main")
    record(world.desk(), "production", "release", commit=parts.commit, release="v1")
    parts.behave()
    (parts.folder / "inbox" / "slack.jsonl").unlink(missing_ok=True)
    made = Watch(world, parts)
    made.passes(1)
    assert made.troubles() == {}
    return made


FAULTS: dict[str, tuple[Callable[[Place], None], Callable[[Place], None], str]] = {
    "process killed": (Place.kill, Place.serve, "can't connect"),
    "500s": (lambda parts: parts.behave(status=500), Place.behave, "it answers 500"),
    "slow answers": (lambda parts: parts.behave(delay=2.2), Place.behave, "slow: 2."),
    "no answers": (lambda parts: parts.behave(delay=60), Place.renew, "timed out"),
    "wrong commit": (lambda parts: parts.behave(commit="f" * 40), Place.behave, "somebody published"),
    "expired certificate": (Place.expire, Place.renew, "it has expired"),
    "empty rows": (lambda parts: parts.behave(rows=[]), Place.behave, "0 rows, not 1 or more"),
    "database down": (
        lambda parts: parts.server.stop(),
        lambda parts: parts.server.start(supabase=False),
        "can't be used",
    ),
    "connections used up": (Place.use_up, Place.let_go, "connections"),
    "connections nearly used up": (
        lambda parts: parts.use_up(left=2),
        Place.let_go,
        f" of {CONNECTIONS - RESERVED} connections are in use",
    ),
}


@pytest.mark.parametrize(
    "fault", [pytest.param(each, marks=skips.LONG) if each in LONG else each for each in FAULTS]
)
def test_a_fault_is_one_alarm_and_one_all_clear(watch: Watch, fault: str) -> None:
    """In two intervals and a second look; the same for its end."""
    breaks, fixes, why = FAULTS[fault]
    parts = watch.parts
    breaks(parts)
    try:
        watch.passes(2)
        found = watch.troubles()
        told = parts.titles()
        watch.passes(3)
    finally:
        fixes(parts)
        if fault == "no answers":
            parts.behave()
    assert any(why in each for each in found.values()), found
    assert len(told) == 1, told
    assert ("warning" if fault == "slow answers" else "DOWN") in told[0]
    watch.passes(2)
    told = parts.titles()
    assert len(told) == 2, told
    assert "up again" in told[1]
    watch.passes(5)

    assert parts.titles() == told
    assert watch.troubles() == {}


def test_a_chat_that_is_down_is_told_both_later(watch: Watch) -> None:
    """Its process was killed before the fault; in order, once each."""
    parts = watch.parts
    parts.hang_up()
    parts.behave(status=500)
    watch.passes(4)
    parts.behave()
    watch.passes(4)
    assert parts.titles() == []
    parts.chat()
    watch.passes(3)

    assert ["DOWN" in each for each in parts.titles() if "notices" not in each] == [True, False]


def test_a_watch_that_is_killed_forgets_and_repeats_nothing(watch: Watch) -> None:
    """A process with the same memory, killed after the alarm; then another one."""
    parts = watch.parts
    parts.behave(status=500)
    assert watch.watcher is not None
    child = os.fork()
    if not child:  # a watch of its own, which knows what is on disk
        try:
            watch.start()
            watch.passes(10_000)
        finally:
            os._exit(1)
    try:
        assert wait_until(lambda: len(parts.titles()) == 1, 60)
        wait_until(lambda: False, 0.3)  # the chat's answer is on its way to it
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    watch.world.clock.seconds += 3600
    watch.start()
    watch.passes(3)
    assert len(parts.titles()) == 1
    parts.behave()
    watch.passes(3)

    assert ["DOWN" in each for each in parts.titles()] == [True, False]


def test_a_full_disk_of_the_monitor_loses_no_alarm(watch: Watch, tmp_path: Path) -> None:
    """A real one, on which its memory and its outbox lie."""
    with small(tmp_path / "disk", 2) as disk:
        if not disk.real:
            pytest.skip("no small disk can be mounted here")
        state = disk.folder / "state"
        desk = watch.start().desk
        watch.watcher = Watcher(
            desk.__class__(**{**vars(desk), "state_folder": state}),
            watch.watcher.environments,  # type: ignore[union-attr]
            Store(state, watch.notes.note),
        )
        watch.passes(2)
        disk.fill()
        watch.parts.behave(status=500)
        watch.passes(2)
        assert ["DOWN" in each for each in watch.parts.titles()] == [True]
        watch.parts.behave()
        watch.passes(2)
        assert ["DOWN" in each for each in watch.parts.titles()] == [True, False]
        disk.free()
        watch.passes(3)
        size = (state / FILE).stat().st_size

    assert size > 0
    assert len(watch.parts.titles()) == 2
    assert any("can be written again" in line for line in watch.notes.lines)


@skips.LONG
@pytest.mark.timeout(900)
def test_a_day_of_health_is_a_day_without_a_message(watch: Watch) -> None:
    """1440 passes over the real parts."""
    watch.passes(1440)

    assert watch.parts.titles() == []
    assert watch.troubles() == {}
