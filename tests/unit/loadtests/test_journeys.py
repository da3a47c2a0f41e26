"""Calls and journeys, on a client that plays the responses."""

from __future__ import annotations

import hashlib
import hmac
import json
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.loadtests.modules import load

journeys, recorder = load("journeys"), load("recorder")
PATHS = {
    name: f"/{name}" for name in ("home", "properties", "bookings", "book", "whatsapp", "rest", "inbox")
}


class Client:
    """Records requests; every answer is the same. Status 0: none comes."""

    def __init__(self, status: int = 200, content: bytes = b"", **headers: str) -> None:
        self.answer = SimpleNamespace(status_code=status, content=content, headers=headers)
        self.requests: list[dict[str, Any]] = []
        self.failures: list[str] = []

    def request(self, method: str, url: str, **more: Any) -> Any:
        self.requests.append({"method": method, "url": url, **more})
        if not self.answer.status_code:
            raise journeys.NoAnswer("TimeoutError")
        return self.answer

    def report(self, *told: Any) -> None:
        self.failures += [str(told[-1])] if told[-1] else []


def visit(client: Client, index: int = 0, workers: int = 1, secret: str = "") -> Any:
    """A visit of run `r1`."""
    accounts = SimpleNamespace(
        whatsapp_secret=secret,
        visitor_headers=lambda: {"apikey": "k"},
        host_headers=lambda: {"apikey": "h"},
    )
    plan = {"run": "r1", "paths": PATHS, "rest": "https://x", "workers": workers}
    return journeys.Visit(client, journeys.Shared(plan, recorder.Recorder(), accounts, index))


@pytest.mark.parametrize(
    ("client", "problem"),
    [
        (Client(200, b'{"id": 1}'), None),
        (Client(200, b"[]"), '200, but without `"id"`'),
        (Client(500), "answered 500"),
        (
            Client(200, b'{"error": "permission denied for table x", "id": 1, "x": ""id""}'),
            "200, but it says `error`",
        ),
        (Client(200, b'{"error": null, "data": [{"id": 1}]}'), None),
        (Client(0), "no answer (TimeoutError)"),
        (
            Client(302, location="https://evil.example/x"),
            "302: redirected to evil.example, which is not followed",
        ),
        (Client(302, location="/x"), "302: redirected to another page, which is not followed"),
    ],
)
def test_a_request_fails_unless_status_and_content_are_right(client: Client, problem: str | None) -> None:
    """A 200 with nothing in it is an outage, too."""
    response = visit(client).request("properties", "GET", "/properties", contains=b'"id"')

    assert (response is None, client.failures) == (problem is not None, [problem] if problem else [])


def test_every_call_of_a_journey_exists() -> None:
    """A journey names calls; the default mix names journeys."""
    from scripts.config.load_settings import MIX
    from scripts.config.load_settings import PATHS as DEFAULT_PATHS

    assert {call for calls in journeys.JOURNEYS.values() for call in calls} <= set(journeys.CALLS)
    assert set(MIX) <= set(journeys.JOURNEYS)
    assert set(DEFAULT_PATHS) == set(journeys.CALLS)


def test_two_processes_never_book_the_same_night() -> None:
    """Their numbers are interleaved; every booking carries the id of the run."""
    booked = []
    for index in (0, 1):
        client = Client(201, b'{"booking": {}, "id": 1}')
        guest = visit(client, index, workers=2)
        guest.shared.properties = ["p1", "p2"]
        for _ in range(50):
            journeys.CALLS["book"](guest)
        booked += [request["json"] for request in client.requests]

    assert len({(booking["property_id"], booking["check_in"]) for booking in booked}) == 100
    assert all(booking["guest_email"].startswith("load-r1-") for booking in booked)


def test_a_whatsapp_message_is_signed_if_the_secret_is_known() -> None:
    """As Meta does it."""
    signed, plain = Client(200, b'{"received":1}'), Client(200, b'{"received":1}')
    journeys.CALLS["whatsapp"](visit(signed, secret="hush"))
    journeys.CALLS["whatsapp"](visit(plain))
    (request,) = signed.requests

    expected = hmac.new(b"hush", request["data"], hashlib.sha256).hexdigest()
    assert request["headers"]["X-Hub-Signature-256"] == f"sha256={expected}"
    assert "X-Hub-Signature-256" not in plain.requests[0]["headers"]
    message = json.loads(request["data"])["entry"][0]["changes"][0]["value"]["messages"][0]
    assert message["id"] == "wamid.load-r1-0"


@pytest.mark.parametrize(("call", "key"), [("rest", "k"), ("inbox", "h")])
def test_supabase_calls_send_their_key(call: str, key: str) -> None:
    """A visitor's or a host's."""
    client = Client(200, b'[{"id": 1}]')
    journeys.CALLS[call](visit(client))

    assert [(request["url"], request["headers"]) for request in client.requests] == [
        (f"https://x/{call}", {"apikey": key})
    ]


def test_a_mix_without_writes_leaves_their_journeys_out() -> None:
    """It names the calls that are never made."""
    weights = {"browse": 1, "book": 5, "whatsapp": 5, "rest": 0}
    reading, writing = (journeys.Mix(weights, writes=writes) for writes in (False, True))

    assert (reading.left_out, writing.left_out) == (["book", "whatsapp"], [])
    assert {reading.journey()[0] for _ in range(50)} == {"browse"}
    assert {reading.call().__name__ for _ in range(200)} == {"home", "properties"}


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"nothing": 1}, "no journey is called nothing"), ({"book": 1}, "no journey is left to play")],
)
def test_a_mix_that_can_t_be_played_is_refused(weights: dict[str, int], message: str) -> None:
    """Before any request."""
    with pytest.raises(ValueError, match=message):
        journeys.Mix(weights, writes=False)


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (b"<!doctype html><title>Airhost</title><p>no error here</p>", None),
        (b"<html><head><title>Application Error</title>", "200, but it says `Error`"),
        (b"<html><title>502 Bad Gateway</title>", "200, but it says `Bad Gateway`"),
        (b"<title>Down for maintenance</title>", "200, but it says `for maintenance`"),
        (b"<title>Run this app to see the results here.</title>", "200, but it says `Run this app`"),
        (b"<title>Just a moment...</title>", "200, but it says `Just a moment`"),
        (b"", "200, but without `<`"),
    ],
)
def test_a_page_that_is_an_error_is_no_page(page: bytes, problem: str | None) -> None:
    """Whatever status it comes with."""
    client = Client(200, page)
    journeys.CALLS["home"](visit(client))

    assert client.failures == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"bookings": []}', None),
        (b" [] ", None),
        (b'{"status": "ok", "error": "of a row, not of the answer"}', None),
        (b"<!doctype html><title>Airhost</title>[]", "it is no JSON"),
        (b"", "it is no JSON"),
        (b'{"data": null, "errors": [{"message": "x"}]}', "it says `errors`"),
        (b'{"success": false, "bookings": []}', "it says `success`"),
        (b'{"status": "error"}', "it says `status`"),
        (b'{"code": "42501", "message": "permission denied for table bookings"}', "it says `code`"),
    ],
)
def test_an_answer_that_is_an_error_is_no_data(content: bytes, problem: str | None) -> None:
    """Nor is the page that an app answers with where it knows no such address."""
    client = Client(200, content)
    journeys.CALLS["bookings"](visit(client))

    assert client.failures == ([f"200, but {problem}"] if problem else [])
