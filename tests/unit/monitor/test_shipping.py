"""`monitor.logs --ship`: a real sink on loopback; it goes away, comes back, and lacks nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from typing import Any

import pytest

from scripts.errors import CommandFailed, Refused
from scripts.monitor import log_stream, ship, supabase_logs
from scripts.monitor.log_lines import Line
from scripts.monitor.ship import FILE, URL, require_sink
from scripts.monitor.ship_forms import loki
from scripts.system.signals import Stop
from tests.fakes.functions import TOKEN, ref_of
from tests.fakes.world import ending
from tests.support.posts import Reply, Webhook, webhook
from tests.unit.monitor.spoken import Spoken

AWAY: Reply = (503, {}, "no room")


def into(logs: Spoken, sink: Webhook | str) -> None:
    """Where the lines go."""
    url = sink if isinstance(sink, str) else sink.url.reveal()
    known = {"SUPABASE_PROJECT_ID": ref_of("production"), "SUPABASE_ACCESS_TOKEN": TOKEN, URL: url}
    logs.values = lambda _environment: known


def texts(sink: Webhook) -> list[str]:
    """What the sink has, in the order in which it came."""
    return [entry[1] for each in sink.taken for stream in each["streams"] for entry in stream["values"]]


def said(logs: Spoken, number: int) -> None:
    """So many lines in the last minutes."""
    logs.supabase(
        *(("edge_logs", logs.ago(minutes=number - each), f"line {each}") for each in range(number))
    )


def test_the_form_of_loki(logs: Spoken) -> None:
    """Times are text, in nanoseconds; labels are few; the release is metadata."""
    logs.released("v41", minutes=30)
    said(logs, 1)
    with webhook((204, {}, "")) as sink:
        into(logs, sink)
        outcome = logs.run(ship=True)

    assert (outcome.code, outcome.message) == (0, "2 lines shipped")
    (edge,) = [each for each in sink.taken[0]["streams"] if each["stream"]["source"] == "edge_logs"]
    assert edge["stream"] == {
        "service_name": logs.world.settings.app.name,
        "environment": "production",
        "source": "edge_logs",
    }
    ((moment, text, metadata),) = edge["values"]
    assert (text, metadata) == ("line 0", {"release": "v41", "place": "edge_logs"})
    assert int(moment) % 10**9 == 0
    assert len(moment) == 19
    assert stat.S_IMODE((logs.folder / FILE).stat().st_mode) == 0o600


def test_nothing_is_lost_while_the_sink_is_away(logs: Spoken, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches; a batch that was not taken is sent again, one that was is not."""
    monkeypatch.setattr(ship, "BATCH", 2)
    said(logs, 5)
    with webhook((204, {}, ""), AWAY, None) as sink:
        into(logs, sink)
        first, second = logs.run(ship=True), logs.run(ship=True)
        logs.supabase()  # Supabase does not have them any more
        third = logs.run(ship=True)

        assert texts(sink) == [f"line {number}" for number in range(5)]
    assert [each.code for each in (first, second, third)] == [1, 1, 0]
    assert first.message.startswith(
        "2 lines shipped; the rest waits on disk:\n  | production: the sink answers 503"
    )
    assert "the sink gives no answer" in second.message


def test_it_goes_on_after_a_restart(logs: Spoken) -> None:
    """Where the last process was, though that is longer ago than it looks back; what is late comes too."""
    said(logs, 2)
    with webhook() as sink:
        into(logs, sink)
        logs.run(ship=True)
        logs.world.clock.seconds += 5 * 3600
        logs.supabase(
            ("edge_logs", logs.ago(hours=5, minutes=1), "late"),
            ("edge_logs", logs.ago(hours=3), "meanwhile"),
        )

        def sleep(_seconds: float) -> None:
            raise Stop

        outcome = logs.run(sleep=sleep, ship=True, follow=True)

        assert texts(sink) == ["line 0", "line 1", "late", "meanwhile"]
    assert outcome.message == "2 lines shipped"


def test_what_could_not_be_read_is_read_again(logs: Spoken) -> None:
    """While Supabase is away the mark stays; what is not set up holds nothing up."""
    faults = logs.folder / "api" / "faults.json"
    with webhook() as sink:
        into(logs, sink)
        logs.run(ship=True)
        faults.write_text(json.dumps({supabase_logs.WHAT: {"status": 503}}))
        logs.world.clock.seconds += 2 * 3600
        logs.supabase(("edge_logs", logs.ago(minutes=30), "line 0"))
        logs.run(ship=True)
        logs.world.clock.seconds += 2 * 3600
        faults.unlink()
        logs.run(ship=True)

        assert texts(sink) == ["line 0"]


def test_without_the_ledger_nothing_is_sent_without_its_release(
    logs: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent when the release is known again."""
    logs.released("v41", minutes=30)
    said(logs, 1)

    def lost(_desk: object) -> None:
        raise CommandFailed("no network")

    with webhook() as sink:
        into(logs, sink)
        with monkeypatch.context() as patch:
            patch.setattr(log_stream, "observe_remote", lost)
            assert logs.run(ship=True).message == "0 lines shipped"
        assert logs.run(ship=True).message == "2 lines shipped"


def test_what_is_refused_for_good_is_said_and_over(logs: Spoken) -> None:
    """A line that is too old for the sink must not hold up those behind it."""
    said(logs, 1)
    with webhook((400, {}, "entry too far behind")) as sink:
        into(logs, sink)
        first = logs.run(ship=True)
        second = logs.run(ship=True)

    assert "the sink answers 400 entry too far behind; it refuses 1 lines for good" in first.message
    assert (second.code, second.message) == (0, "0 lines shipped")


@pytest.mark.parametrize("url", ["", "http://logs.example.org/push"])
def test_a_sink_is_needed_and_must_keep_secrets(logs: Spoken, url: str) -> None:
    """Before anything is read; and every line is sent."""
    into(logs, url)

    assert isinstance(ending(lambda: logs.run(ship=True)), Refused)
    assert isinstance(ending(lambda: require_sink({URL: url}, "staging", "app")), Refused)
    assert isinstance(ending(lambda: logs.run(ship=True, grep="x")), Refused)
    assert logs.asked == []


def test_a_buffer_that_can_not_be_used_is_an_error(logs: Spoken) -> None:
    """Nothing is sent that could not be kept."""
    (logs.folder / FILE).mkdir()
    with webhook() as sink:
        into(logs, sink)
        assert isinstance(ending(lambda: logs.run(ship=True)), CommandFailed)
    assert sink.asked == 0


def test_few_labels() -> None:
    """Runs are no streams of their own."""
    lines = [Line(float(number), "staging", "", f"run r{number}", "x") for number in (2, 1)]
    (stream,) = loki("app", lines)["streams"]
    values: list[tuple[str, str, Mapping[str, Any]]] = stream["values"]

    assert stream["stream"]["source"] == "run"
    assert [each[2]["place"] for each in values] == ["run r1", "run r2"]
