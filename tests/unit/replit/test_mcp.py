"""How the answers of Replit's MCP server are read; the protocol itself is spoken in tests/integration."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from scripts.errors import CommandFailed, Refused, Unanswered, Unreachable
from scripts.replit import mcp, workspace
from scripts.replit.live import Expected
from scripts.replit.mcp import McpDriver
from scripts.system.secret import Secret
from tests.fakes.driver import PUBLISHED
from tests.fakes.world import World
from tests.support.servers import closed_port, serving


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ('{"status": "Publishing", "message": "no error so far"}', "Publishing"),
        ('{"state": "failed"}', "failed"),
        ('{"message": "failed"}', ""),
        ('{"status": 7}', ""),
        ("The publish has failed.", ""),
        ('"failed"', ""),
    ],
)
def test_only_the_status_itself_is_read(said: str, word: str) -> None:
    """A word in a message beside the status says nothing about the publish."""
    assert word == mcp._status_word(said)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    """Code 3, with what to check; the token is not told."""
    with pytest.raises(Unreachable, match="did not take `publish_app`") as caught:
        mcp.publish(f"http://127.0.0.1:{closed_port()}/mcp", Secret("token-of-mcp"), "id")

    assert 3 == caught.value.code
    assert caught.value.hint
    assert "token-of-mcp" not in caught.value.message


def test_a_server_that_speaks_otherwise_is_unreachable() -> None:
    """A web page in the server's place is no publish and no traceback."""
    with serving() as server, pytest.raises(Unreachable):
        mcp.publish(server.url, None, "id")


def drips(handler: BaseHTTPRequestHandler) -> None:
    """An answer that comes byte by byte, and never ends."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def floods(handler: BaseHTTPRequestHandler) -> None:
    """An answer without an end, as fast as it goes."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(10**12))
    handler.end_headers()
    for _ in range(10**6):
        handler.wfile.write(b" " * 10**6)


@pytest.mark.parametrize(("answer", "why"), [(drips, "timed out"), (floods, "too large")])
def test_an_answer_has_a_limit_of_time_and_of_bytes(
    answer: Callable[[BaseHTTPRequestHandler], None], why: str
) -> None:
    """In all, not from byte to byte."""
    started = time.monotonic()
    with serving() as server:
        server.answers["/mcp"] = answer
        with pytest.raises(Unreachable, match=why) as caught:
            mcp._call(f"{server.url}/mcp", None, "get_publish_status", "id", 3.0)

    assert time.monotonic() - started < 15
    assert not isinstance(caught.value, Unanswered), "the tool was not called"


# ------------------------------------------------------------------------------------------- the driver


@dataclass
class Server:
    """Replit's MCP server: notes what is asked, and gives an answer or a fault."""

    answer: str | Exception = '{"status": "published"}'
    calls: list[tuple[str, str, str | None, str]] = field(default_factory=list)

    def call(
        self, url: str, token: Secret | None, tool: str, repl_id: str, _limit: float, before: Any = None
    ) -> str:
        """One call of a tool."""
        if before:
            before()
        self.calls.append((tool, url, token.reveal() if token else None, repl_id))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """In the place of the network."""
    made = Server()
    monkeypatch.setattr(mcp, "_call", made.call)
    return made


@pytest.fixture
def driver(world: World) -> McpDriver:
    """Of staging, which has a token."""
    desk = world.desk(values=lambda _: {"REPLIT_MCP_TOKEN": "token-of-mcp"})
    return McpDriver(desk, world.settings.environments["staging"])


def test_publish_asks_for_the_app_of_the_environment(driver: McpDriver, server: Server) -> None:
    """Once, with its token."""
    driver.publish(*PUBLISHED)

    assert server.calls == [
        ("publish_app", "https://mcp.replit.com/server/mcp", "token-of-mcp", "id-2"),
    ]


@pytest.mark.parametrize("fault", [CommandFailed("refused"), Unreachable("away"), Unanswered("lost")])
def test_what_publish_ends_with_is_for_the_release_to_judge(
    driver: McpDriver, server: Server, fault: CommandFailed
) -> None:
    """Refused, never sent, or without an answer: three different things."""
    server.answer = fault
    with pytest.raises(CommandFailed) as caught:
        driver.publish(*PUBLISHED)

    assert caught.value is fault


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("publishing", "running"),
        ("In Progress", "running"),
        ("queued", "running"),
        ("failed", "failed"),
        ("Error: out of memory", "failed"),
        ("cancelled", "failed"),
        ("published", "other"),
        ("not failed", "other"),
        ("", "other"),
    ],
)
def test_the_status_is_read_leniently(driver: McpDriver, server: Server, said: str, expected: str) -> None:
    """Its values are not documented; the own words come along."""
    server.answer = json.dumps({"status": said})

    assert driver.publish_status() == (expected, server.answer)


@pytest.mark.parametrize("fault", [CommandFailed("refused"), Unreachable("away"), Unanswered("lost")])
def test_a_status_that_can_not_be_asked_says_nothing(
    driver: McpDriver, server: Server, fault: CommandFailed
) -> None:
    """It never raises: the public URL decides."""
    server.answer = fault

    assert driver.publish_status() == ("other", "")


def test_the_check_asks_only_for_the_status(driver: McpDriver, server: Server) -> None:
    """Nothing is published by `doctor`."""
    assert "mcp.replit.com" in driver.check()
    assert [call[0] for call in server.calls] == ["get_publish_status"]


def test_the_check_needs_a_token(world: World, server: Server) -> None:
    """It is named, and nobody is asked."""
    driver = McpDriver(world.desk(values=lambda _: {}), world.settings.environments["staging"])
    with pytest.raises(Refused) as caught:
        driver.check()

    assert "`REPLIT_MCP_TOKEN` is missing" in caught.value.message
    assert ".env.staging" in str(caught.value.hint)
    assert server.calls == []


def test_the_check_says_that_the_server_refuses(driver: McpDriver, server: Server) -> None:
    server.answer = Unreachable("it does not take the token")

    with pytest.raises(Unreachable):
        driver.check()


def test_where_to_look_when_a_release_does_not_show(driver: McpDriver) -> None:
    assert "https://staging.example.org" in driver.unproven_hint


def test_the_token_is_tried_while_the_build_goes_on(
    driver: McpDriver, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a first question; the build's archive is what counts."""
    asked = threading.Event()
    call = server.call

    def noted(*given: Any) -> str:
        asked.set()
        return call(*given)

    monkeypatch.setattr(mcp, "_call", noted)
    monkeypatch.setattr(
        workspace, "place", lambda *_: workspace.Placed(b"archive" if asked.wait(10) else b"", "")
    )

    assert driver.build(Expected("a" * 40, "staging"), "refs/deploy/candidate/x") == b"archive"
    assert server.calls[0][0] == "get_publish_status"


def test_a_first_question_that_fails_is_no_fault(driver: McpDriver, server: Server) -> None:
    """`publish` would say it."""
    server.answer = Unreachable("away")
    driver._try_token()

    assert driver._refused is None
    assert [tool for tool, *_ in server.calls] == ["get_publish_status"]
