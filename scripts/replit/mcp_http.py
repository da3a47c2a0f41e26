"""HTTP for the `mcp` library, which signs in: trust in certificates, and an end to what servers send."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from scripts.system import network

if TYPE_CHECKING:
    import httpx2

CALL_TIMEOUT = 60.0
LARGEST = 1024 * 1024  # bytes of one answer; a real one has about 1 000


def client(
    headers: Mapping[str, str],
    auth: Any = None,
    before: Sequence[Callable[[Any], Any]] = (),
) -> httpx2.AsyncClient:
    """A client with these headers. The caller limits the whole of what it does.

    Args:
        before: what looks at each request before it goes out.
    """
    import httpx2

    return httpx2.AsyncClient(
        headers={"Accept-Encoding": "identity", **headers},
        timeout=CALL_TIMEOUT,
        verify=_trust(),
        auth=auth,
        event_hooks={"request": list(before), "response": [_limit]},
    )


async def _limit(response: Any) -> None:
    """End an answer that is larger than any real one, or is packed though we asked for it plain."""
    import httpx2

    plain = response.headers.get("content-encoding", "identity") == "identity"

    class Limited(httpx2.AsyncByteStream):
        def __init__(self, whole: Any) -> None:
            self._whole = whole

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = LARGEST if plain else 0
            async for chunk in self._whole:
                left -= len(chunk)
                if left < 0:
                    raise httpx2.ReadError("its answer is too large, or packed")
                yield chunk

        async def aclose(self) -> None:
            await self._whole.aclose()

    response.stream = Limited(response.stream)


@cache
def _trust() -> ssl.SSLContext:
    """Reading the machine's certificates takes a while: once is enough."""
    return ssl.create_default_context(cafile=network.trusted())
