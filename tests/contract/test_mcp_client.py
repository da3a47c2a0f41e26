"""The client of MCP against the server of the `mcp` library, set up in each way that Replit's may be."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from scripts.replit.mcp_client import McpError, call_tool
from scripts.system.secret import Secret
from tests.support.servers import Server, closed_port, serving, text

STREAM = {"Content_Type": "text/event-stream"}
HELLO = {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-03-26", "capabilities": {}}}


def app(**options: Any) -> Any:
    """The library's server with three tools."""
    server = MCPServer("tools", log_level="ERROR")

    @server.tool(structured_output=False)
    async def says(replId: str) -> str:  # noqa: N803 - Replit's name
        return json.dumps({"status": "published", "replId": replId})

    @server.tool()
    async def counts(replId: str) -> dict[str, int]:  # noqa: N803
        return {"letters": len(replId)}

    @server.tool(structured_output=False)
    async def refuses(replId: str) -> str:  # noqa: N803
        raise ToolError(f"not {replId}")

    return server.streamable_http_app(streamable_http_path="/mcp", **options)


@pytest.fixture(scope="module", params=[{}, {"json_response": True}, {"stateless_http": True}], ids=str)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Its address: it answers with a stream or plainly, with sessions or without."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app(**request.param), log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    )
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        await server.serve(sockets=[listener])
        left = asyncio.all_tasks() - {asyncio.current_task()}  # the library leaves one
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    server.should_exit = True
    thread.join(10)
    loop.close()


def test_a_tool_answers_with_text_and_with_structure(url: str) -> None:
    """The handshake, the call, and its result."""
    made_sure: list[str] = []

    said = call_tool(url, None, "says", {"replId": "id-1"}, 20, before=lambda: made_sure.append("held"))
    counted = call_tool(url, Secret("any"), "counts", {"replId": "id-1"}, 20)

    assert json.loads(said.text) == {"status": "published", "replId": "id-1"}
    assert (said.structured, said.failed, counted.structured) == (None, False, {"letters": 4})
    assert made_sure == ["held"]


def test_a_tool_that_fails_says_why(url: str) -> None:
    """It is a result of the protocol, and no fault of it."""
    result = call_tool(url, None, "refuses", {"replId": "id-1"}, 20)

    assert result.failed
    assert "not id-1" in result.text


def test_a_tool_that_is_not_there_was_refused(url: str) -> None:
    """By a fault of the protocol, or by a result that says so."""
    try:
        refused = call_tool(url, None, "no_such_tool", {}, 20).failed
    except McpError as fault:
        refused = fault.refused

    assert refused


# --------------------------------------------------------------------------- what the library never answers


def event(document: object, head: str = "event: message\n") -> str:
    """One event of a stream."""
    return f"{head}data: {json.dumps(document)}\n\n"


def asked(server: Server) -> list[str]:
    """The methods that were called."""
    return [json.loads(body)["method"] for command, body in server.bodies if command == "POST"]


def answers(server: Server, *said: str, **headers: str) -> None:
    """Give one answer after the other; the last one again and again."""
    left = list(said)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        text(left.pop(0) if len(left) > 1 else left[0], 200, **headers)(handler)

    server.answers["/mcp"] = answer


def test_a_stream_may_hold_more_than_the_answer() -> None:
    """An event without data, a notice, a question of the server, and the answer over two lines."""
    result = '{"jsonrpc": "2.0", "id": 2,\ndata: "result": {"content": [{"type": "text", "text": "yes"}]}}'
    others = event({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
    others += event({"jsonrpc": "2.0", "id": 2, "method": "ping"}, "id: 7\r\n")
    stream = f": hello\n\nid: 1\ndata:\n\n{others}data: {result}\n\n"
    with serving() as server:
        answers(server, event(HELLO), "", stream, **STREAM)
        said = call_tool(f"{server.url}/mcp", None, "says", {}, 20)

        assert said.text == "yes"
        assert asked(server) == ["initialize", "notifications/initialized", "tools/call"]
        assert server.headers[2]["MCP-Protocol-Version"] == "2025-03-26"


def test_a_stream_that_goes_on_after_the_answer_holds_nobody_up() -> None:
    """The answer is all that was wanted."""

    def goes_on(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        number = json.loads(handler.server.bodies[-1][1]).get("id")  # type: ignore[attr-defined]
        handler.wfile.write(event({"jsonrpc": "2.0", "id": number, "result": {"content": []}}).encode())
        handler.wfile.flush()
        if number:
            handler.server.over.wait(30)  # type: ignore[attr-defined]

    with serving() as server:
        server.answers["/mcp"] = goes_on
        began = time.monotonic()
        call_tool(f"{server.url}/mcp", None, "says", {}, 25)

        assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ('{"jsonrpc": "2.0", "id": 2, "error": {"code": -32602, "message": "no such app"}}', True),
        ('{"jsonrpc": "2.0", "id": 2, "error": {"code": -32603, "message": "it broke"}}', False),
        ('{"jsonrpc": "2.0", "id": 2, "error": "it broke"}', False),
        ('{"jsonrpc": "2.0", "id": 2}', False),
        ('{"jsonrpc": "2.0", "id": 99, "result": {}}', False),
        ("[" * 10_000, False),
        ("<h1>hello</h1>", False),
        ("", False),
    ],
)
def test_what_was_called_without_a_result_may_have_been_done(said: str, refused: bool) -> None:
    """Unless the server says that it did not take the call."""
    with serving() as server:
        answers(server, json.dumps(HELLO), "", said, Content_Type="application/json")
        with pytest.raises(McpError) as caught:
            call_tool(f"{server.url}/mcp", None, "says", {}, 20)

        assert (caught.value.called, caught.value.refused) == (True, refused)


@pytest.mark.parametrize("said", ["<h1>hello</h1>", '{"id": 1}', "null", "[]"])
def test_without_a_session_no_tool_is_called(said: str) -> None:
    """Whatever stands in the server's place."""
    with serving() as server:
        answers(server, said, Content_Type="application/json")
        with pytest.raises(McpError) as caught:
            call_tool(f"{server.url}/mcp", None, "says", {}, 20)

        assert not caught.value.called
        assert asked(server) == ["initialize"]


def test_what_is_made_sure_of_before_the_call_may_stop_it() -> None:
    """The session has begun, and the tool was not called."""

    def lost() -> None:
        raise LookupError("the lock")

    with serving() as server:
        answers(server, json.dumps(HELLO), Content_Type="application/json")
        with pytest.raises(LookupError):
            call_tool(f"{server.url}/mcp", None, "says", {}, 20, before=lost)

        assert "tools/call" not in asked(server)


def test_a_server_that_is_away_was_never_called() -> None:
    """Nothing has begun."""
    with pytest.raises(McpError) as caught:
        call_tool(f"http://127.0.0.1:{closed_port()}/mcp", None, "says", {}, 20)

    assert (caught.value.status, caught.value.called) == (0, False)
