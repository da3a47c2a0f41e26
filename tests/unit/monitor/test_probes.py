"""Each probe against a real server on loopback, or the fakes of a world."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from scripts.config.monitor_settings import MonitorCheck
from scripts.database.backups.manifest import backup_id
from scripts.database.postgres.client import Row
from scripts.errors import Unreachable
from scripts.monitor import probes
from scripts.monitor.checks import Check, Look, checks_of
from scripts.monitor.judge import Figures
from scripts.monitor.probes import Round, look_at
from scripts.notify.outbox import Outbox
from scripts.state.remote import record
from tests.fakes.world import World, build_world
from tests.support.servers import Server, closed_port, serving, text

VERSION = "20240101000000"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tester's proxy is not asked."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    """The app, and Supabase's API."""
    with serving() as running:
        running.answers = {"/": text("hello")}
        yield running


@contextmanager
def round_over(folder: Path, server: str, patch: pytest.MonkeyPatch, **changes: Any) -> Iterator[Any]:
    """A round over a world whose production is the server."""
    world = build_world(folder, patch, environment__production__url=server, **changes)
    values = {
        "VITE_SUPABASE_URL": server,
        "VITE_SUPABASE_ANON_KEY": "anon",
        "WHATSAPP_VERIFY_TOKEN": "right",
    }
    desk = world.desk(
        "monitor", values=lambda _: {**values, "DATABASE_URL": "postgresql://u:p@production.x/d"}
    )
    yield world, Round(desk, world.clock.epoch())


def look(made: Round, kind: str, **wanted: Any) -> Look:
    """One look at production."""
    return look_at(made, Check("production", kind, kind, MonitorCheck("x", **wanted)))


def test_a_page_is_timed_by_phase(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, connection, TLS, first byte, body; together the whole."""
    with round_over(tmp_path, server.url, monkeypatch) as (_, made):
        seen = look(made, "http")

    assert seen.level == "good"
    assert [*seen.phases] == ["dns", "connect", "tls", "first byte", "body"]
    assert seen.seconds == pytest.approx(sum(seen.phases.values()) / 1000, abs=0.001)


def test_the_token_of_a_private_app_goes_to_it_alone(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with every other look."""
    access = {"environment__production__access": {"header": "X-Access"}}
    with serving() as other, round_over(tmp_path, server.url, monkeypatch, **access) as (world, made):
        other.answers = {"/": text("else")}
        made.desk = world.desk(values=lambda _: {"REPLIT_ACCESS_TOKEN": "t0ken-of-production"})
        assert look(made, "http").level == "good"
        assert look(made, "http", path=f"{other.url}/").level == "good"

    assert server.headers[0]["X-Access"] == "Bearer t0ken-of-production"
    assert "X-Access" not in other.headers[0]


def test_nobody_there_is_bad_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process was killed."""
    with round_over(tmp_path, f"http://127.0.0.1:{closed_port()}", monkeypatch) as (_, made):
        seen = look(made, "http")

    assert (seen.level, seen.why) == ("bad", "can't connect")


def test_an_app_that_wakes_up_is_asked_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is not counted, but shown; one that is always slow stays bad."""
    waits = iter([0.3, 0.0])

    def sleepy(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(next(waits, 0.3))
        text("hello")(handler)

    server.answers["/"] = sleepy
    timing = {"monitor__timeout": 0.2, "monitor__cold_start": 2}
    with round_over(tmp_path, server.url, monkeypatch, **timing) as (_, made):
        woken, slow = look(made, "http"), look(made, "http")

    assert (woken.level, woken.cold > 0.3) == ("good", True)
    assert (slow.level, slow.why) == ("bad", "timed out")


def test_rows_that_a_policy_hides_are_missed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgREST answers 200 and `[]`; the public key goes along."""
    server.answers["/rest/v1/homes?limit=1"] = text("[]")
    with round_over(tmp_path, server.url, monkeypatch) as (_, made):
        seen = look(made, "rest", path="/homes?limit=1", min_rows=1)

    assert (seen.level, seen.why[:28]) == ("bad", "0 rows, not 1 or more: a pol")
    assert server.headers[0]["apikey"] == "anon"


def test_services_of_supabase(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """REST, auth, and an Edge Function by `OPTIONS`."""
    server.answers |= {"/rest/v1/": text("", 401), "/auth/v1/health": text("", 503)}
    with round_over(tmp_path, server.url, monkeypatch) as (_, made):
        assert look(made, "supabase-rest").level == "good"
        assert look(made, "supabase-auth").why == "it answers 503"
        assert look(made, "function", path="/check-in").level == "bad"  # this server has no `OPTIONS`


def test_a_webhook_of_whatsapp(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right handshake, a wrong one, and a delivery with a wrong signature."""

    class Answers(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            query = parse_qs(urlsplit(path).query)
            if not query:
                return text("", 401)
            right = query["hub.verify_token"] == ["right"]
            return text(query["hub.challenge"][0] if right else "", 200 if right else 403)

    server.answers = Answers()
    with round_over(tmp_path, server.url, monkeypatch) as (_, made):
        assert look(made, "whatsapp", path="/webhook").level == "good"

    assert [method for method, _ in server.bodies] == ["POST", "GET", "GET"]
    assert server.headers[0]["X-Hub-Signature-256"].startswith("sha256=")


def test_another_commit_is_named(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody published something else than the ledger says."""
    with round_over(tmp_path, server.url, monkeypatch) as (world, made):
        assert look(made, "commit").level == "unknown"  # nothing was released
        commit = world.commit("main")
        record(world.desk(), "production", "release", commit=commit, release="v41")
        fresh = Round(made.desk, made.now)
        for served, level in ((commit, "good"), ("f" * 40, "bad")):
            stamp = json.dumps({"commit": served, "environment": "production"})
            server.answers["/version.json"] = text(stamp)
            assert look(fresh, "commit").level == level
        assert "somebody published something else" in look(fresh, "commit").why


def test_a_ledger_that_can_not_be_read_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `remote`; what depends on it is unknown."""
    with round_over(tmp_path, "http://127.0.0.1:9", monkeypatch) as (_, made):
        monkeypatch.setattr(probes, "observe_remote", _fails)
        levels = {kind: look(made, kind).level for kind in ("remote", "commit", "migrations")}

    assert levels == {"remote": "bad", "commit": "unknown", "migrations": "unknown"}


def _fails(_desk: object) -> None:
    raise Unreachable("the remote does not answer")


def test_a_database_is_asked_once_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down: one check says so, and the others know nothing."""
    asked = []

    def figures(*_: object) -> Figures:
        asked.append(1)
        return Figures(59, 60, 0.0, 1)

    kinds = ("database", "connections", "queries", "size")
    with round_over(tmp_path, "http://127.0.0.1:9", monkeypatch) as (_, made):
        monkeypatch.setattr(probes, "_figures", figures)
        assert [look(made, kind).level for kind in kinds] == ["good", "bad", "good", "good"]
        assert len(asked) == 1
        monkeypatch.setattr(probes, "_figures", _fails_twice)
        down = Round(made.desk, made.now)
        assert [look(down, kind).level for kind in kinds] == ["bad", "unknown", "unknown", "unknown"]
        assert look(down, "database").why == "the database does not answer"


def _fails_twice(*_: object) -> Figures:
    raise Unreachable("the database does not answer")


def test_migrations_that_drift_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the live release that are not applied, and those that it does not have."""
    with round_over(tmp_path, "http://127.0.0.1:9", monkeypatch) as (world, made):
        monkeypatch.setattr(probes, "_figures", lambda *_: Figures(1, 60, 0.0, 1))
        commit = world.commit("main", {f"supabase/migrations/{VERSION}_a.sql": "create table a ();"})
        record(world.desk(), "production", "release", commit=commit, release="v41")
        assert f"{VERSION}_a.sql` of v41 is not applied" in look(made, "migrations").why
        world.databases["production"].rows.append(Row(VERSION, "a", ("create table a ()",)))
        assert look(made, "migrations").level == "good"


def test_backup_drill_lock_and_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger, the remote and the outbox say."""
    with round_over(tmp_path, "http://127.0.0.1:9", monkeypatch) as (world, made):
        assert look(made, "backup").why == "there is no backup that can be read here"
        taken = datetime.fromtimestamp(made.now, UTC) - timedelta(hours=2)
        backup = backup_id(taken.isoformat(), "a" * 40, "daily", "0a1b")
        record(world.desk(), "production", "backup", commit="", backup=backup, proven=True)
        fresh = Round(made.desk, made.now)
        assert look(fresh, "backup").level == "good"
        assert look(fresh, "drill").level == "warn"
        assert look(fresh, "lock").level == "good"
        assert look(fresh, "notices").level == "good"
        Outbox(made.desk.state_folder / "outbox", made.desk.config_folder).put(
            "e", "production", "slack", {}
        )
        assert look(fresh, "notices").why == "1 notices wait to be delivered"


def test_our_own_bug_ends_no_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and counts as nothing."""
    with round_over(tmp_path, "http://127.0.0.1:9", monkeypatch) as (_, made):
        made.fetch = lambda *_, **__: 1 / 0

        assert look(made, "http") == Look("unknown", "the look itself failed (ZeroDivisionError)")


def test_an_environment_has_what_applies_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any table; `off` leaves out, everywhere or in one environment, and a table adds."""
    changes = {
        "monitor": {
            "off": ["size", "production/lock"],
            "checks": [{"name": "prices", "environments": ["production"]}],
        },
        "environment__staging__database": False,
    }
    world: World = build_world(tmp_path, monkeypatch, **changes)
    of = {
        each.name: [
            check.name for check in checks_of(world.settings, each, {"VITE_SUPABASE_URL": "https://x"})
        ]
        for each in world.settings
    }

    assert of["staging"] == [
        "page /",
        "commit",
        "dns",
        "tls",
        "supabase-rest",
        "supabase-auth",
        "lock",
        "notices",
    ]
    assert set(of["production"]) - set(of["staging"]) == {
        *("database", "connections", "queries", "migrations", "backup", "remote", "prices")
    }
    assert "lock" not in of["production"]
