"""Posting to a real server: every form of Retry-After, every failure, and the URL is never shown."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from scripts.notify import webhook as notify_webhook
from scripts.notify.webhook import Delivery, post, requested_wait
from scripts.system.secret import Secret
from tests.support.posts import Clock, Reply, webhook
from tests.support.servers import closed_port

PAYLOAD = {"text": "v8 is live"}
NOW = 1_893_456_000.5  # 2030-01-01
BUDGET = 5.0


def busy(body: str = "", **headers: str) -> Reply:
    """A 429 with these headers."""
    return 429, {name.replace("_", "-"): value for name, value in headers.items()}, body


def at(seconds: float) -> datetime:
    """So many seconds from now."""
    return datetime.fromtimestamp(math.ceil(NOW) + seconds, UTC)


FORMS = {
    "seconds": (busy(Retry_After="2"), 2.0),
    "float": (busy(Retry_After="1.25"), 1.25),
    "float with blanks": (busy(Retry_After=" 1.5 "), 1.5),
    "date": (busy(Retry_After=format_datetime(at(2), usegmt=True)), 2.5),
    "date, RFC 850": (busy(Retry_After=at(2).strftime("%A, %d-%b-%y %H:%M:%S GMT")), 2.5),
    "date, asctime": (busy(Retry_After=at(2).strftime("%a %b %d %H:%M:%S %Y")), 2.5),
    "date, ISO 8601": (busy(Retry_After=at(2).isoformat()), 2.5),
    "date that is over": (busy(Retry_After=format_datetime(at(-60), usegmt=True)), 0.5),
    "json": (busy('{"message": "slow down", "retry_after": 1.2, "global": false}'), 1.2),
    "json, as text": (busy('{"retry_after": "1.2"}'), 1.2),
    "json beside a header that rounds": (busy('{"retry_after": 1.2}', Retry_After="2"), 2.0),
    "reset after": (busy(X_RateLimit_Reset_After="1.75"), 1.75),
    "missing": (busy(), 0.5),
    "empty": (busy(Retry_After=""), 0.5),
    "garbage": (busy(Retry_After="soon, I promise"), 0.5),
    "garbage beside a good one": (busy(Retry_After="soon", X_RateLimit_Reset_After="1.5"), 1.5),
    "negative": (busy(Retry_After="-7"), 0.5),
    "negative json": (busy('{"retry_after": -1}'), 0.5),
    "zero": (busy(Retry_After="0"), 0.5),
    "not a number": (busy(Retry_After="nan"), 0.5),
    "true": (busy('{"retry_after": true}'), 0.5),
    "json that is a list": (busy("[1.2]"), 0.5),
    "json that is broken": (busy('{"retry_after": 1.2'), 0.5),
    "json that is deep": (busy("[" * 4_000), 0.5),
    "unavailable": ((503, {"Retry-After": "2"}, ""), 2.0),
}


@pytest.mark.parametrize("name", FORMS)
def test_it_waits_as_long_as_it_is_asked_to_and_delivers_once(name: str) -> None:
    """And never less than the pause, so that a vendor in trouble is not hammered."""
    reply, seconds = FORMS[name]
    clock = Clock()
    with webhook(reply) as server:
        answer = post(server.url, PAYLOAD, BUDGET, clock=clock, sleep=clock.sleep, now=lambda: NOW)

        assert answer == Delivery("delivered")
        assert clock.slept == pytest.approx([seconds])
        assert (server.taken, server.asked) == ([PAYLOAD], 2)


HUGE = {
    "seconds": busy(Retry_After="300"),
    "very many": busy(Retry_After="9" * 400),
    "infinite": busy(Retry_After="inf"),
    "date": busy(Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"),
    "json": busy('{"retry_after": 64.57}'),
    "json of 400 digits": busy('{"retry_after": ' + "9" * 400 + "}"),
    "exactly the budget": busy(Retry_After="5"),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_wait_beyond_the_budget_is_not_begun(name: str) -> None:
    """It gives up at once and says which wait was requested."""
    clock = Clock()
    with webhook(HUGE[name]) as server:
        answer = post(server.url, PAYLOAD, BUDGET, clock=clock, sleep=clock.sleep, now=lambda: NOW)

        assert answer.state == "later"
        assert answer.why.startswith("HTTP 429, and asks to wait ")
        assert (answer.seconds or 0) >= 5
        assert (clock.slept, server.asked, server.taken) == ([], 1, [])


@pytest.mark.parametrize(
    "replies", [[(500, {}, "oops")] * 2, [None, (502, {}, "")], [(408, {}, ""), busy()]]
)
def test_a_transient_failure_is_tried_again(replies: list[Reply | None]) -> None:
    """500 twice, a connection that is cut: delivered, once."""
    clock = Clock()
    with webhook(*replies) as server:
        answer = post(server.url, PAYLOAD, BUDGET, clock=clock, sleep=clock.sleep)

        assert (answer.state, clock.slept) == ("delivered", [0.5, 1.0])
        assert (server.taken, server.asked) == ([PAYLOAD], 3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413])
def test_a_permanent_failure_is_refused_at_once(status: int) -> None:
    """One post, and the vendor's reason is kept."""
    with webhook((status, {}, "invalid_payload\nmore")) as server:
        answer = post(server.url, PAYLOAD, BUDGET)

        assert (answer.state, answer.why) == ("refused", f"HTTP {status}: invalid_payload more")
        assert server.asked == 1


def test_always_500_ends_within_the_budget() -> None:
    """In real time; the last failure is the reason."""
    began = time.monotonic()
    with webhook(*[(500, {}, "")] * 9) as server:
        answer = post(server.url, PAYLOAD, 1.2)

    assert (answer.state, answer.why) == ("later", "HTTP 500")
    assert time.monotonic() - began < 1.2


def test_nobody_listens() -> None:
    """A webhook that is down costs less than the budget."""
    began = time.monotonic()
    answer = post(Secret(f"http://127.0.0.1:{closed_port()}/services/T/B/token"), PAYLOAD, 1.2)

    assert (answer.state, answer.why) == ("later", "can't connect")
    assert time.monotonic() - began < 1.2


def test_a_server_that_hangs_costs_the_budget_and_no_more() -> None:
    """It gets the whole budget: giving up early would risk a second notice."""
    began = time.monotonic()
    with webhook(30.0) as server:
        answer = post(server.url, PAYLOAD, 0.7)

        assert (answer.state, answer.why) == ("later", "timed out")
        assert server.asked == 1
    assert time.monotonic() - began < 1.2


def test_no_budget_no_request() -> None:
    """The notice waits for the next run."""
    with webhook() as server:
        assert post(server.url, PAYLOAD, 0.0).state == "later"
        assert server.asked == 0


@pytest.mark.parametrize(("status", "body"), [(204, ""), (200, "ok"), (200, '{"id": "1"}')])
def test_every_form_of_success_is_a_delivery(status: int, body: str) -> None:
    """Slack's `ok`, Discord's silence, Discord's message."""
    with webhook((status, {}, body)) as server:
        assert post(server.url, PAYLOAD, BUDGET).state == "delivered"


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ((200, {"Content-Type": "text/html; charset=utf-8"}, "<html>"), "a web page answered (HTTP 200)"),
        ((302, {"Location": "http://127.0.0.1:1/login"}, ""), "HTTP 302"),
    ],
)
def test_a_sign_in_page_is_no_delivery(page: Reply, why: str) -> None:
    """A hotel's network answers everything with 200 or a redirect, which is not followed."""
    clock = Clock()
    with webhook(*[page] * 5) as server:
        answer = post(server.url, PAYLOAD, 2, clock=clock, sleep=clock.sleep)

    assert ("later", why) == (answer.state, answer.why)


BAD = [
    "",
    "nonsense",
    "ftp://127.0.0.1/a-secret-path",
    "http://",
    "http://[::1/a-secret-path",
    "http://127.0.0.1:99999/a-secret-path",
    "http://hooks.example/a-secret-path",
    "https://\x00/a-secret-path",
    "https://a..b/a-secret-path",
]


@pytest.mark.parametrize("address", BAD)
def test_a_bad_url_is_refused_without_an_exception(address: str) -> None:
    """Nothing is raised or shown, and no secret is sent unencrypted."""
    clock = Clock()
    answer = post(Secret(address), PAYLOAD, 1, clock=clock, sleep=clock.sleep)

    assert answer.state in ("refused", "later")
    assert "secret" not in repr(answer)


@pytest.mark.parametrize(
    "fault",
    [
        requests.exceptions.SSLError("https://hooks.example/token"),
        requests.exceptions.InvalidURL("https://hooks.example/token"),
        RuntimeError("https://hooks.example/token"),
        OSError(28, "https://hooks.example/token"),
    ],
)
def test_an_exception_is_an_outcome(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's message contains the URL: it is never shown."""
    thrown: list[Exception] = []

    def throw(*_: object, **__: object) -> None:
        thrown.append(fault)
        raise fault

    monkeypatch.setattr(requests.Session, "request", throw)
    clock = Clock()
    answer = post(Secret("https://hooks.example/token"), PAYLOAD, 1, clock=clock, sleep=clock.sleep)

    assert thrown
    assert answer.state == "later"
    assert "hooks.example" not in repr(answer)


def test_an_answer_that_repeats_the_address_is_masked() -> None:
    """The vendor may repeat the path that it does not know."""
    with webhook() as server:
        server.replies.append((404, {}, f"no such webhook: {server.path}"))
        answer = post(server.url, PAYLOAD, BUDGET)

    assert (answer.state, answer.why) == ("refused", "HTTP 404: no such webhook: ***")


def test_an_answer_that_breaks_off_does_not_undo_a_delivery() -> None:
    """The status decides."""
    with webhook((200, {"Content-Length": "999"}, "ok")) as server:
        assert post(server.url, PAYLOAD, BUDGET).state == "delivered"
        assert server.asked == 1


@given(st.text(), st.binary(), st.floats(allow_nan=False, allow_infinity=False))
def test_any_header_and_any_body_give_a_wait_or_nothing(text: str, body: bytes, now: float) -> None:
    """Never an exception, never a negative number."""
    found = requested_wait({"Retry-After": text, "X-RateLimit-Reset-After": text}, body, now)

    assert found is None or found >= 0


def test_requests_is_imported_by_the_first_post_only() -> None:
    """Importing the module stays cheap."""
    assert "requests" not in vars(notify_webhook)
