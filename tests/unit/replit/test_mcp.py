"""How the answers of Replit's MCP server are read; the protocol itself is spoken in tests/integration."""

from __future__ import annotations

import pytest

from scripts.errors import Unreachable
from scripts.replit import mcp
from scripts.system.secret import Secret
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
