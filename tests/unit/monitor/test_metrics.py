"""`monitor.watch --metrics`: read as Prometheus reads it, over a real connection on loopback."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from scripts.errors import CommandFailed, DeskError, UsageError
from scripts.http import Response, fetch
from scripts.monitor import metrics_server
from scripts.monitor.checks import Look
from scripts.monitor.commands import watch
from scripts.monitor.metric_facts import measure
from scripts.monitor.metrics import CONTENT_TYPE, FAMILIES, SUFFIX, Sample, exposition
from scripts.monitor.metrics_server import place_of, serving
from scripts.monitor.request import MonitorWatchRequest
from scripts.state.ledger import Event
from scripts.system.secret import redact, remember
from scripts.system.signals import Stop
from tests.unit.monitor.watches import BAD, WARN, Watched

DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana-dashboard.json"
COMMIT = "c" * 40
Values = dict[tuple[str, tuple[str, ...]], float]


def values_of(text: str) -> Values:
    """Each sample by its name and the values of its labels, by Prometheus' own parser."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parse(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def known(watched: Watched, *events: Event) -> Values:
    """The figures of one pass over these events of the ledger."""
    watcher = watched.start()
    results = watcher.one_pass()
    assert watcher.made
    remote = watcher.made.remote()
    ledger = type(remote.ledger)(None, events)
    watcher.made._known["remote"] = type(remote)(**{**vars(remote), "ledger": ledger})
    return values_of(exposition(measure(watcher, results, 3, 1.5).taken, redact))


def event(
    kind: str, at: str, ending: str = "done", environment: str = "production", **detail: Any
) -> Event:
    """One of the live commit."""
    return Event(
        environment, kind, ending, "v41" if kind == "release" else "", COMMIT, "Ada", at, "r", detail
    )


def test_a_pass_is_told(watched: Watched) -> None:
    """Looks by phase, what the ledger says, what the tests of the live commit said where they ran."""
    watched.answers = {
        "page /": lambda _: Look("good", seconds=0.25, phases={"start": 0, "first byte": 200.0}),
        "commit": lambda _: BAD,
        "tls": lambda _: WARN,
        "dns": lambda _: Look("unknown", "no network"),
    }
    load = {"endpoints": {"GET /": {"p95": 480.0}, "torn": "x"}}
    at = "2026-01-01T00:00:00+00:00"
    found = known(
        watched,
        event("release", at),
        event("proof", at, environment="staging", what="load", load=load),
        event("proof", at, "failed", environment="staging", what="e2e"),
        replace(event("proof", at, "failed", environment="staging", what="load"), commit="d" * 40),
    )

    assert found["desk_check_up", ("page /", "production")] == 1
    assert found["desk_check_phase_seconds", ("page /", "production", "first byte")] == 0.2
    assert found["desk_check_seconds", ("page /", "production")] == 0.25
    assert [found[f"desk_check_{each}", ("tls", "production")] for each in ("up", "warning")] == [1, 1]
    assert found["desk_check_up", ("commit", "production")] == 0
    assert ("desk_check_up", ("dns", "production")) not in found
    assert found["desk_release_info", (COMMIT, "production", "v41")] == 1
    assert found["desk_load_p95_seconds", ("GET /", "production", "staging")] == 0.48
    assert found["desk_load_passed", ("production", "staging")] == 1
    assert found["desk_e2e_passed", ("production", "staging")] == 0
    assert found["desk_lock_held_seconds", ("production",)] == 0
    assert found["desk_incidents_open", ("production", "bad")] == 0  # two looks of this pass, three are one
    assert found["desk_watch_passes_total", ()] == 3


def test_an_open_incident_and_a_backup_are_counted(watched: Watched) -> None:
    """With its level; the age is that of the newest backup that is proven."""
    watched.answers["page /"] = lambda _: BAD
    watched.minutes(2)
    now = watched.world.clock.now()
    backup = "19991231T000000Z-0123abcd-daily-0123"
    found = known(watched, event("backup", now, backup=backup, proven=True))

    assert found["desk_incidents_open", ("production", "bad")] == 1
    assert found["desk_backup_age_seconds", ("production",)] > 0


def test_a_ledger_that_can_not_be_read_is_no_zero(watched: Watched) -> None:
    """Its figures are absent; those of the looks are there."""
    watcher = watched.start()
    results = watcher.one_pass()
    assert watcher.made
    watcher.made._known["remote"] = DeskError("no network")
    names = {name for name, _ in values_of(exposition(measure(watcher, results, 1, 1).taken, redact))}

    assert "desk_check_up" in names
    assert not {each for each in names if each.startswith(("desk_release", "desk_lock", "desk_backup"))}


def test_labels_are_inert_and_masked() -> None:
    """Quotes, line feeds and controls of other people break no line; of two equal samples one is told."""
    remember("hunter2-of-a-test")
    name = 'a"b\\c\nd\x1b hunter2-of-a-test'
    text = exposition([Sample("desk_check_up", {"check": name}, value) for value in (1, 0)], redact)

    assert values_of(text) == {("desk_check_up", ('a"b\\c\ufffdd\ufffd ***',)): 1}


def test_the_dashboard_and_the_figures_have_the_same_names() -> None:
    """All figures are shown, none that does not exist; each panel has what Grafana needs to load it."""
    board = json.loads(DASHBOARD.read_text())
    places: list[tuple[int, int, int, int]] = []
    asked = [each["expr"] for each in board["annotations"]["list"]]
    for panel in board["panels"]:
        assert {"id", "title", "type", "gridPos", "targets", "datasource"} <= set(panel)
        places.append(tuple(panel["gridPos"][side] for side in "xywh"))
        asked += [target["expr"] for target in panel["targets"]]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    told = {name + SUFFIX.get(kind, "") for name, (kind, _) in FAMILIES.items()}

    assert {name for each in asked for name in re.findall(r"desk_\w+", each)} == told
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(x + w <= 24 for x, _, w, _ in places)
    assert {each["name"] for each in board["templating"]["list"]} == {"datasource", "environment"}
    assert {
        name for name in told if f"`{name}`" in (DASHBOARD.parent / "monitoring.md").read_text()
    } == told


@pytest.fixture
def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def ask(port: int, path: str = "/metrics", method: str = "GET") -> Response:
    """Over the network."""
    return fetch(f"http://127.0.0.1:{port}{path}", seconds=5, most_bytes=1_000_000, method=method)


def test_the_watch_serves_what_it_saw(watched: Watched, free_port: int) -> None:
    """While it watches, and no longer."""
    answers: list[Response] = []

    def sleep(_seconds: float) -> None:
        answers.extend(
            [
                ask(free_port),
                ask(free_port, "/"),
                ask(free_port, method="HEAD"),
                ask(free_port, method="POST"),
            ]
        )
        raise Stop

    watch(watched.desk(sleep=sleep), MonitorWatchRequest(metrics=str(free_port)), watched.probe)

    assert [each.status for each in answers] == [200, 404, 200, 501]
    assert answers[0].headers["Content-Type"] == CONTENT_TYPE
    assert values_of(answers[0].body.decode())["desk_watch_passes_total", ()] == 1
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", free_port), 5):
        pass


def test_before_the_first_pass_there_is_nothing(free_port: int) -> None:
    """503, and a port that is taken is an error."""
    with serving(str(free_port)):
        assert ask(free_port).status == 503
        with pytest.raises(CommandFailed, match="can't be opened"), serving(f"127.0.0.1:{free_port}"):
            pass


def test_who_drips_keeps_nobody_out(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is that of the whole exchange; who finds no place is sent away at once."""
    monkeypatch.setattr(metrics_server, "SECONDS", 0.2)
    monkeypatch.setattr(metrics_server, "MOST_READERS", 1)
    with serving(str(free_port)), socket.create_connection(("127.0.0.1", free_port), 5) as slow:
        slow.sendall(b"GET /")
        slow.settimeout(5)
        with socket.create_connection(("127.0.0.1", free_port), 5) as second:
            second.settimeout(5)
            assert second.recv(1) == b""
        assert slow.recv(1) == b""
        assert ask_when_free(free_port).status == 503


def ask_when_free(port: int) -> Response:
    """The place is given back a moment after the connection has ended."""
    for _ in range(100):
        try:
            return ask(port)
        except Exception:  # noqa: BLE001, S112 - no place yet
            continue
    return ask(port)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("9464", ("127.0.0.1", 9464)),
        ("[::]:1", ("::", 1)),
        ("desk.local:1", ("desk.local", 1)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_a_place(text: str, place: tuple[str, int]) -> None:
    """Loopback unless it is said otherwise."""
    assert place_of(text) == place


@pytest.mark.parametrize("text", ["", "x", "70000", ":1", "a b:1", "::1:9464"])
def test_no_place(text: str) -> None:
    """Said with an example."""
    with pytest.raises(UsageError):
        place_of(text)
