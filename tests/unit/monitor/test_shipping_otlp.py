"""Lines in OTLP's form, by a strict reader of protobuf's JSON mapping; and what its answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from scripts.errors import ConfigError
from scripts.monitor import ship
from scripts.monitor.log_lines import Line
from scripts.monitor.ship import URL
from scripts.monitor.ship_forms import headers_of, otlp, partial, speaks_otlp
from tests.fakes.functions import TOKEN, ref_of
from tests.fakes.world import ending
from tests.support.posts import Reply, Webhook, webhook
from tests.unit.monitor.spoken import Spoken

# opentelemetry/proto/{collector/logs,logs,common,resource}/v1: field -> message, [message], or a scalar
MESSAGES: Mapping[str, Mapping[str, Any]] = {
    "ExportLogsServiceRequest": {"resourceLogs": ["ResourceLogs"]},
    "ResourceLogs": {"resource": "Resource", "scopeLogs": ["ScopeLogs"], "schemaUrl": str},
    "Resource": {"attributes": ["KeyValue"], "droppedAttributesCount": int},
    "ScopeLogs": {"scope": "InstrumentationScope", "logRecords": ["LogRecord"], "schemaUrl": str},
    "InstrumentationScope": {"name": str, "version": str, "attributes": ["KeyValue"]},
    "LogRecord": {
        "timeUnixNano": "fixed64",
        "observedTimeUnixNano": "fixed64",
        "severityNumber": int,
        "severityText": str,
        "body": "AnyValue",
        "attributes": ["KeyValue"],
    },
    "KeyValue": {"key": str, "value": "AnyValue"},
    "AnyValue": {"stringValue": str, "boolValue": bool, "intValue": "fixed64", "doubleValue": float},
}


def read(kind: Any, value: Any, path: str = "$") -> None:
    """Fail at whatever protobuf's JSON parser refuses."""
    if isinstance(kind, list):
        assert isinstance(value, list), path
        for number, each in enumerate(value):
            read(kind[0], each, f"{path}[{number}]")
    elif kind == "fixed64":
        assert isinstance(value, str), path
        assert re.fullmatch(r"[0-9]{1,20}", value), path
    elif isinstance(kind, str):
        assert isinstance(value, dict), path
        for key, each in value.items():
            assert key in MESSAGES[kind], f"{path}.{key} is no field of {kind}"
            read(MESSAGES[kind][key], each, f"{path}.{key}")
    else:
        assert type(value) is kind, path


def attributes(of: Mapping[str, Any]) -> dict[str, str]:
    """As a dict."""
    return {each["key"]: each["value"]["stringValue"] for each in of["attributes"]}


def into(logs: Spoken, sink: Webhook, **more: str) -> None:
    """Where the lines go."""
    sink.path = "/otlp/v1/logs"
    known = {"SUPABASE_PROJECT_ID": ref_of("production"), "SUPABASE_ACCESS_TOKEN": TOKEN, **more}
    logs.values = lambda _environment: {**known, URL: sink.url.reveal()}


def said(logs: Spoken, number: int) -> None:
    """So many lines in the last minutes."""
    logs.supabase(
        *(("edge_logs", logs.ago(minutes=number - each), f"line {each}") for each in range(number))
    )


def texts(sink: Webhook) -> list[str]:
    """What the sink has."""
    return [
        record["body"]["stringValue"]
        for request in sink.taken
        for resource in request["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]


def test_the_form_is_that_of_the_specification(logs: Spoken) -> None:
    """As the sink gets it: the resource names app and environment, each record its release."""
    logs.released("v41", minutes=30)
    said(logs, 2)
    with webhook((200, {}, "{}")) as sink:
        into(logs, sink)
        outcome = logs.run(ship=True)

    assert (outcome.code, outcome.message) == (0, "3 lines shipped")
    (request,) = sink.taken
    read("ExportLogsServiceRequest", request)
    found = {attributes(each["resource"])["source"]: each for each in request["resourceLogs"]}
    assert attributes(found["edge_logs"]["resource"]) == {
        "service.name": logs.world.settings.app.name,
        "deployment.environment.name": "production",
        "source": "edge_logs",
    }
    (scope,) = found["edge_logs"]["scopeLogs"]
    first = scope["logRecords"][0]
    assert first["body"] == {"stringValue": "line 0"}
    assert attributes(first) == {"log.source": "edge_logs", "release": "v41"}
    assert len(first["timeUnixNano"]) == 19


def test_hostile_text_stays_one_text() -> None:
    """Whatever a line says, the form holds."""
    lines = [Line(1.5, "staging", "", "run r1", '"}]\n\u2028\x7f💥')]
    made = json.loads(json.dumps(otlp("app", lines)))
    read("ExportLogsServiceRequest", made)
    record = made["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]

    assert record["timeUnixNano"] == "1500000000"
    assert record["body"]["stringValue"] == lines[0].text
    assert attributes(record) == {"log.source": "run r1"}


@pytest.mark.parametrize(
    ("url", "is_otlp"),
    [
        ("https://u:t@otlp.example.org/otlp/v1/logs", True),
        ("https://collector.example.org:4318/v1/logs/", True),
        ("https://u:t@logs.example.org/loki/api/v1/push", False),
        ("https://logs.example.org/loki/api/v1/push?x=/v1/logs", False),
    ],
)
def test_the_address_says_which_form(url: str, is_otlp: bool) -> None:
    """By its path alone."""
    assert speaks_otlp(url) == is_otlp


@pytest.mark.parametrize("number", ['"1"', "1"])
def test_what_is_not_taken_of_a_batch_is_said_and_not_sent_again(logs: Spoken, number: str) -> None:
    """A partial success; 64-bit numbers are text, and some sinks write them as numbers."""
    said(logs, 3)
    answer = f'{{"partialSuccess": {{"rejectedLogRecords": {number}, "errorMessage": "too old"}}}}'
    with webhook((200, {}, answer)) as sink:
        into(logs, sink)
        first, second = logs.run(ship=True), logs.run(ship=True)

    assert (first.code, first.data["shipped"]) == (1, 2)
    assert "the sink refuses 1 lines for good: too old" in first.message
    assert (second.code, second.message, sink.asked) == (0, "0 lines shipped", 1)


@pytest.mark.parametrize(
    ("body", "rejected"),
    [
        ("{}", 0),
        ("", 0),
        ("[]", 0),
        ('{"partialSuccess": null}', 0),
        ('{"partialSuccess": []}', 0),
        ('{"partialSuccess": {"rejectedLogRecords": "x"}}', 0),
        ('{"partialSuccess": {"rejectedLogRecords": -4}}', 0),
        ('{"partialSuccess": {"rejectedLogRecords": "4"}}', 4),
    ],
)
def test_whatever_a_good_answer_says_it_is_good(body: str, rejected: int) -> None:
    """Its status has said that already."""
    assert partial(body.encode()).rejected == rejected


@pytest.mark.parametrize("status", [429, 503])
def test_a_sink_that_asks_to_wait_is_left_alone(logs: Spoken, status: int) -> None:
    """For as long as it says, also by the next process; then nothing is lacking."""
    said(logs, 2)
    with webhook((status, {"Retry-After": "300"}, "slow down")) as sink:
        into(logs, sink)
        first = logs.run(ship=True)
        logs.world.clock.seconds += 200
        second = logs.run(ship=True)
        assert sink.asked == 1
        logs.world.clock.seconds += 101
        third = logs.run(ship=True)

    assert [each.code for each in (first, second, third)] == [1, 1, 0]
    assert f"the sink answers {status} slow down" in first.message
    assert "the sink has asked to wait 100 s more" in second.message
    assert texts(sink) == ["line 0", "line 1"]


def test_no_sink_pauses_for_ever(logs: Spoken) -> None:
    """Whatever it asks for."""
    said(logs, 1)
    with webhook((429, {"Retry-After": "99999999"}, "")) as sink:
        into(logs, sink)
        logs.run(ship=True)
        logs.world.clock.seconds += ship.LONGEST_PAUSE + 1
        assert logs.run(ship=True).code == 0


def test_a_batch_that_is_too_large_is_halved(logs: Spoken) -> None:
    """Down to one line, which is refused for good if it alone is."""
    said(logs, 4)
    large: Reply = (413, {}, "too large")
    with webhook(large, large, large) as sink:
        into(logs, sink)
        outcome = logs.run(ship=True)

    assert texts(sink) == ["line 1", "line 2", "line 3"]
    assert (outcome.code, outcome.data["shipped"]) == (1, 3)
    assert "the sink answers 413 too large; it refuses 1 lines for good" in outcome.message


def test_a_sign_in_page_takes_no_line(logs: Spoken) -> None:
    """It answers 200 to everything."""
    said(logs, 1)
    with webhook((200, {"Content-Type": "text/html"}, "<html>")) as sink:
        into(logs, sink)
        assert "the sink answers with a web page" in logs.run(ship=True).message
        assert logs.run(ship=True).message == "1 line shipped"


def test_headers_are_sent_and_are_secrets(logs: Spoken) -> None:
    """As OpenTelemetry's exporters read them."""
    assert headers_of("api-key=a%20b, x-scope = team", "X") == {"api-key": "a b", "x-scope": "team"}
    with webhook() as sink:
        into(logs, sink, LOGS_PUSH_HEADERS="api-key=k\r\nx: y")
        fault = ending(lambda: logs.run(ship=True))
        assert isinstance(fault, ConfigError)
        assert "api-key" not in fault.message
    said(logs, 1)
    with webhook((400, {}, "no such key: key-of-this-test")) as sink:
        into(logs, sink, LOGS_PUSH_HEADERS="api-key=key-of-this-test")
        assert "key-of-this-test" not in logs.run(ship=True).message
        assert sink.heads[0]["api-key"] == "key-of-this-test"
