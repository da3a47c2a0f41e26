"""`monitor.logs`: one stream of journals, ledger, workspace, Supabase (the sandbox's stand-in)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.errors import Refused, Unreachable, UsageError
from scripts.monitor import log_stream, supabase_logs
from scripts.monitor.log_lines import Releases
from scripts.replit import workspace_log
from scripts.sandbox.management_api import logs_of
from scripts.state.ledger import Event
from scripts.system.command import Command
from scripts.system.secret import remember
from scripts.system.signals import Stop
from tests.fakes.world import World, ending
from tests.unit.monitor.spoken import Spoken

BASH = shutil.which("bash") or "/bin/bash"


def test_one_stream_in_the_order_of_time(logs: Spoken) -> None:
    """Each line has the release that was live then."""
    logs.released("v40", hours=5)
    logs.released("v41", minutes=20)
    logs.supabase(
        ("postgres_logs", logs.ago(minutes=30), "deadlock detected"),
        ("edge_logs", logs.ago(minutes=10), "GET | 500"),
        ("other_logs", logs.ago(minutes=10), "of a source that nobody asked for"),
    )
    logs.workspace = (datetime.fromisoformat(logs.ago(minutes=25)).timestamp(), "vite v7\n\nbuilt in 2s\n")
    lock = {"environment": "production", "task": "deploy", "actor": "Ada", "host": "laptop"}
    step = {"step": "migrate", "at": logs.ago(minutes=21), "state": "intent", "detail": "2 files"}
    logs.journal("r1", {"at": logs.ago(minutes=22), "lock": lock, "plan": {}}, step)
    logs.journal("r2", {"at": logs.ago(minutes=5), "lock": {**lock, "environment": "staging"}})

    assert logs.shown() == [
        "production v40 postgres_logs: deadlock detected",
        "production v40 workspace: vite v7",
        "production v40 workspace: built in 2s",
        "production v40 run r1: deploy of None begins, by Ada on laptop",
        "production v40 run r1: migrate intent 2 files",
        "production v41 ledger: release v41 cccccccccccc done by Ada",
        "production v41 edge_logs: GET | 500",
    ]


def test_older_lines_need_more_time(logs: Spoken) -> None:
    """An hour by default; a week is asked for in pieces that the API takes, and no line is there twice."""
    moments = [logs.ago(hours=hours) for hours in (0.5, 2, 23, 46, 69, 160)]
    logs.supabase(*(("auth_logs", at, f"line {number}") for number, at in enumerate(moments)))

    assert logs.shown() == ["production - auth_logs: line 0"]
    assert len(logs.shown(since="3h")) == 2
    logs.asked.clear()
    assert [line[-1] for line in logs.shown(since="7d")] == [*"543210"]
    assert len(logs.asked) == 8
    assert logs.run(since="60d", json=True).data["lines"][0]["text"] == "line 5"
    assert logs.notes.lines[-1] == "only the last 7 days of that time are read"


def test_the_rounding_of_the_api_takes_no_line_and_adds_none(logs: Spoken) -> None:
    """It rounds the ends of a time to the nearest minutes."""
    logs.world.clock.seconds += 45
    moments = {"early": {"minutes": 60, "seconds": 20}, "first": {"minutes": 59, "seconds": 50}, "now": {}}
    logs.supabase(*(("edge_logs", logs.ago(**ago), name) for name, ago in moments.items()))

    assert [line.rpartition(" ")[2] for line in logs.shown()] == ["first", "now"]


def test_the_time_of_a_release(logs: Spoken) -> None:
    """Until the next one; what follows can be only the live one."""
    logs.released("v40", hours=50)
    logs.released("v41", hours=30)
    logs.supabase(*(("edge_logs", logs.ago(hours=each), f"{each} h ago") for each in (60, 40, 20)))

    assert logs.shown(release="v40", grep="ago") == ["production v40 edge_logs: 40 h ago"]
    assert logs.shown(release="v41", grep="ago") == ["production v41 edge_logs: 20 h ago"]
    assert logs.shown(release="v41", grep="ago", since="2h") == []
    for options in ({"release": "v40", "follow": True}, {"release": "v99"}):
        assert isinstance(ending(lambda options=options: logs.run(**options)), Refused)  # type: ignore[misc]


def test_the_pattern_sees_what_people_see(logs: Spoken) -> None:
    """A secret can't be found out, a control rules no terminal, a workflow command is none."""
    remember("hunter2-of-logs")
    logs.supabase(
        ("edge_logs", logs.ago(minutes=3), "password hunter2-of-logs \x1b[2J\x07"),
        ("edge_logs", logs.ago(minutes=2), "first\n::error::no\nlast"),
        ("edge_logs", logs.ago(minutes=1), f"{'x' * 5000}hunter2-of-logs"),
    )

    assert logs.shown(grep="hunter2") == []
    assert logs.shown(grep="PASSWORD") == ["production - edge_logs: password *** \ufffd"]
    logs.shown(grep="first")
    assert logs.notes.lines[0].split("\n")[1:] == ["  | | ::error::no", "  | last"]
    assert max(map(len, logs.shown(grep="xx"))) < 4100
    assert isinstance(ending(lambda: logs.run(grep="(")), Refused)


def test_one_document(logs: Spoken) -> None:
    """And nothing for people."""
    logs.supabase(("edge_logs", logs.ago(minutes=3), "GET"))
    outcome = logs.run(json=True)

    assert logs.notes.lines == []
    assert outcome.data["lines"] == [
        {
            "at": logs.ago(minutes=3),
            "environment": "production",
            "release": "",
            "source": "edge_logs",
            "text": "GET",
        }
    ]
    assert outcome.message.startswith(
        "1 line; not shown:\n  | what a published app writes: Replit gives it"
    )
    assert isinstance(ending(lambda: logs.run(json=True, follow=True)), Refused)


def test_what_comes_is_shown_once(logs: Spoken) -> None:
    """Also what Supabase shows a minute late; a signal is the good end."""
    rows = [("edge_logs", logs.ago(minutes=1), "one")]
    logs.supabase(*rows)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise Stop
        late = logs.ago(minutes=1)
        logs.world.clock.seconds += seconds
        rows.append(("edge_logs", late, f"late {len(pauses)}"))
        logs.supabase(*rows)

    outcome = logs.run(sleep=sleep, follow=True)
    shown = [line.partition("edge_logs: ")[2] for line in logs.notes.lines if "edge_logs" in line]

    assert shown == ["one", "late 1", "late 2", "late 3"]
    assert outcome.message.startswith("4 lines;")
    assert sum("not shown: what a published app" in line for line in logs.notes.lines) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            {"status": 403},
            "(403) (give it the right to read logs (`analytics_logs_read`",
        ),
        ({"status": 429}, "production: Supabase: Supabase answered 429"),
    ],
)
def test_what_can_not_be_read_is_named(logs: Spoken, fault: Mapping[str, Any], said: str) -> None:
    """The rest is shown all the same."""
    logs.released("v41", minutes=20)
    (logs.folder / "api" / "faults.json").write_text(json.dumps({supabase_logs.WHAT: fault}))
    outcome = logs.run()

    assert outcome.code == 0
    assert said in outcome.message
    assert any("ledger: release v41" in line for line in logs.notes.lines)


def test_a_full_answer_is_not_all(logs: Spoken, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is halved until they fit, or it is said; so are rows without a time, and a refused query."""
    monkeypatch.setattr(supabase_logs, "MOST", 2)
    rows = [("edge_logs", logs.ago(minutes=50 - each * 10), str(each)) for each in range(5)]
    logs.supabase(*rows)
    monkeypatch.setattr(supabase_logs, "SQL", supabase_logs.SQL.replace("1000", "2"))
    assert [line[-1] for line in logs.shown()] == [*"01234"]
    assert len(logs.asked) == 11

    monkeypatch.setattr(supabase_logs, "REQUESTS", 1)
    assert "Supabase has more than 2 lines before" in logs.run().message

    monkeypatch.setattr(supabase_logs, "SQL", "select * from edge_logs")
    assert "Supabase gave no logs: a stand-in knows this query only" in logs.run().message

    odd = {"result": [{"timestamp": "yesterday"}, "torn"]}
    monkeypatch.setattr(supabase_logs, "get_json", lambda *_: (200, odd, {}))
    assert "Supabase gave 1 lines without a time" in logs.run().message


def test_the_stand_in_demands_what_the_api_does(logs: Spoken) -> None:
    """Both ends of a time, at most a day; that a query of ours is taken, the other tests show."""
    begin, end = "2026-01-01T00:00:00Z", "2026-01-02T00:02:00Z"
    known = {"sql": supabase_logs.SQL, "iso_timestamp_start": begin, "iso_timestamp_end": end}

    assert logs_of({**known, "iso_timestamp_end": begin}, []) == (200, {"result": []})
    assert logs_of(known, [])[0] == logs_of({"sql": supabase_logs.SQL}, [])[0] == 400
    assert "error" in logs_of({**known, "iso_timestamp_end": begin, "sql": "select 1"}, [])[1]


def test_a_lost_remote_takes_the_releases_alone(logs: Spoken, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine and Supabase say is shown."""
    logs.supabase(("edge_logs", logs.ago(minutes=3), "GET"))

    def lost(_desk: object) -> None:
        raise Unreachable("no network")

    monkeypatch.setattr(log_stream, "observe_remote", lost)

    assert "the ledger, and so the releases: no network" in logs.run().message
    assert any("production - edge_logs: GET" in line for line in logs.notes.lines)


def test_a_torn_journal_is_read_as_far_as_it_goes(logs: Spoken) -> None:
    """A full disk cuts a line; a fault is shown whole."""
    lock = {"environment": "production", "task": "deploy"}
    fault = {"at": logs.ago(minutes=1), "fault": "Traceback\nKeyError: 'x'"}
    logs.journal("r1", {"at": logs.ago(minutes=2), "lock": lock}, fault, torn=b'{"step": "mig\n')

    assert [each.partition("run r1: ")[2].split("\n")[-1] for each in logs.shown()] == [
        "deploy of None begins, by None on None",
        "  | KeyError: 'x'",
    ]


@pytest.mark.parametrize("text", ["10", "0m", "1w", "m"])
def test_a_time_has_a_unit(logs: Spoken, text: str) -> None:
    """And is not nothing."""
    assert isinstance(ending(lambda: logs.run(since=text)), UsageError)


def test_releases_of_other_environments_and_failed_ones_were_never_live() -> None:
    """A rollback is live as well."""
    at = "2026-01-0{}T00:00:00+00:00"
    events = [
        Event("production", "release", "done", "v1", "a", "Ada", at.format(1), "r"),
        Event("production", "release", "failed", "v2", "b", "Ada", at.format(2), "r"),
        Event("staging", "release", "done", "v3", "b", "Ada", at.format(3), "r"),
        Event("production", "rollback", "done", "v4", "b", "Ada", at.format(4), "r"),
    ]
    releases = Releases(events, "production")
    moments = [datetime.fromisoformat(at.format(day)).timestamp() for day in range(1, 5)]

    assert [releases.at(moment) for moment in moments] == ["v1", "v1", "v1", "v4"]
    assert releases.at(moments[0] - 1) == ""
    assert releases.window("v1") == (moments[0], moments[3])
    assert (releases.window("v4"), releases.window("v2")) == ((moments[3], None), None)


def test_the_log_of_a_workspace(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real bash: the last lines, whole; nothing where there is none; an error where nobody answers."""
    place = tmp_path / "it's here"
    (place / ".git" / "release-desk").mkdir(parents=True)
    environment = world.settings.environments["staging"]._replace(workspace=str(place))

    def here(_host: str, _config: str | None, script: str, timeout: float) -> Command:
        git = f"git() {{ echo {json.dumps(str(place / '.git'))}; }}\n"
        said = f"echo welcome\n{git}{script}"
        return Command((BASH, "-s"), stdin=said.encode(), timeout=timeout)

    monkeypatch.setattr(workspace_log, "ssh", here)
    monkeypatch.setattr(workspace_log, "MOST_BYTES", 12)
    desk = world.desk()
    assert workspace_log.read_log(desk, environment) is None
    log = place / ".git" / "release-desk" / "log"
    log.write_text("cut secret\nlast\nline\n")
    os.utime(log, (1000, 1000))
    assert workspace_log.read_log(desk, environment) == (1000.0, "last\nline\n")
    monkeypatch.setattr(workspace_log, "SCRIPT", "exit 255")
    assert isinstance(ending(lambda: workspace_log.read_log(desk, environment)), Unreachable)
