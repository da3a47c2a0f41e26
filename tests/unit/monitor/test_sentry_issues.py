"""New issues at Sentry, by real requests to the stand-in: as a check, and in the watch window."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from scripts.config.monitor_settings import MonitorCheck
from scripts.config.settings import Sentry
from scripts.errors import ConfigError
from scripts.monitor.checks import Check, Look
from scripts.monitor.probes import Round, look_at
from scripts.monitor.sentry_issues import MOST_BYTES
from scripts.notify.sentry import TOKEN
from scripts.state.remote import record
from tests.fakes.world import World
from tests.support.sentry import KEY, Told, issue, sentry
from tests.support.servers import serving, text
from tests.support.tables import settings


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """What Sentry knows."""
    with sentry(tmp_path_factory.mktemp("sentry")) as made:
        yield made


@pytest.fixture
def released(world: World, known: Told) -> World:
    """v1 is live in production; Sentry knows of nothing."""
    record(world.desk(), "production", "release", commit=world.head("main"), release="v1")
    known()
    known.play()
    return world


def look(world: World, at: Sentry, token: str = KEY, most: int = 0) -> Look:
    """What the check says."""
    desk = world.desk(settings=replace(world.settings, sentry=at), values=lambda _: {TOKEN: token})
    wanted = MonitorCheck("sentry", kind="sentry", max_issues=most)
    return look_at(Round(desk, world.clock.epoch()), Check("production", "errors", "sentry", wanted))


def test_a_new_issue_of_the_live_release_is_bad(released: World, known: Told) -> None:
    """It is named, as harmless text; more may be allowed."""
    assert look(released, known.settings) == Look("good", "0 new issues of this release at Sentry")
    head = released.head("main")
    known(
        issue(head, title="TypeError:\nx\x1b[31m is undefined", firstSeen="2026-11-30T10:00:00Z"),
        issue(head, shortId="AIRHOST-0", firstSeen="2026-11-29T10:00:00Z"),
    )

    seen = look(released, known.settings)
    assert seen.level == "bad"
    assert seen.why.startswith("2 new issues of this release at Sentry: AIRHOST-1A: TypeError: x")
    assert seen.why.isprintable()
    assert look(released, known.settings, most=2).level == "good"


@pytest.mark.parametrize(
    "other",
    [
        {"firstRelease": "e" * 40},
        {"environment": "staging"},
        {"status": "resolved"},
        {"level": "warning"},
    ],
)
def test_other_issues_do_not_count(released: World, known: Told, other: dict[str, Any]) -> None:
    """Those of other releases and environments, those that are settled, and warnings."""
    known(issue(released.head("main"), **other))

    assert look(released, known.settings).level == "good"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 403}, "the token lacks a scope (`event:read`)"),
        ({"status": 500, "body": KEY}, "it answers 500"),
        ({"status": 200, "body": "<html>"}, "gave no JSON"),
        ({"status": 200, "body": '{"detail": "no list"}'}, "no list of issues"),
        ({"status": 429, "headers": {"Retry-After": "900"}}, "it answers 429"),
    ],
)
def test_a_fault_of_sentry_is_none_of_the_app(
    released: World, known: Told, fault: dict[str, Any], words: str
) -> None:
    """It raises no alarm, and says nothing of the token."""
    known.play(fault, fault)
    seen = look(released, known.settings)

    assert seen.level == "unknown"
    assert words in seen.why
    assert KEY not in seen.why


def test_what_can_not_be_asked_is_unknown(released: World, known: Told) -> None:
    """No token; nobody there; an address that would send the token unencrypted."""
    assert "`SENTRY_AUTH_TOKEN` is not set" in look(released, known.settings, token="").why
    assert look(released, known.settings._replace(url="http://127.0.0.1:9")).level == "unknown"
    plain = look(released, known.settings._replace(url="http://sentry.example.org"))
    assert (plain.level, "unencrypted" in plain.why) == ("unknown", True)


def test_an_answer_has_a_limit_in_seconds_and_in_bytes(released: World, known: Told) -> None:
    """One that drips, and one that has no end."""
    path = "/api/0/organizations/sandbox/issues/"

    def drips(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    released.settings = replace(released.settings, monitor=released.settings.monitor._replace(timeout=0.5))
    with serving() as server:

        class Any_(dict[str, Any]):  # noqa: N801 - whatever is asked
            def get(self, asked: str, default: Any = None) -> Any:
                return self["/"] if asked.startswith(path) else default

        for answer in (drips, text("[" + " " * (MOST_BYTES + 9) + "]")):
            server.answers = Any_({"/": answer})
            began = time.monotonic()
            seen = look(released, known.settings._replace(url=server.url))
            assert seen.level == "unknown"
            assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    "changes",
    [
        {"monitor": {"checks": [{"name": "errors", "kind": "sentry"}]}},
        {"environment__production__watch": {"sentry": True}},
    ],
)
def test_both_need_the_table_of_sentry(changes: dict[str, Any], tmp_path: Path) -> None:
    """It says where to ask."""
    with pytest.raises(ConfigError, match=r"needs `sentry.organization` and `sentry.projects`"):
        settings(**changes)
    assert settings(**changes, sentry={"organization": "acme", "projects": ["app"]}).sentry.url
