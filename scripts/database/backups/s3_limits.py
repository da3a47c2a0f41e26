"""Total limits for what is asked of a bucket: the time-outs of boto count from byte to byte.

A service that drips its answer could hold a run, and its lock, for ever.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from scripts.system.background import submit

T = TypeVar("T")

CHUNK_SECONDS = 60.0  # for one chunk of a download
SLOWEST = 50_000  # bytes a second that an upload is taken to carry at least


class Limited:
    """A client of boto, each of whose calls ends.

    Args:
        seconds: for one call with all its repetitions; an upload gets more, by its size.
    """

    def __init__(self, client: Any, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not callable(method):
            return method

        def call(**arguments: Any) -> Any:
            seconds = self._seconds + _size(arguments.get("Body")) / SLOWEST
            return within(seconds, lambda: method(**arguments))

        return call


def within(seconds: float, work: Callable[[], T]) -> T:
    """What the work gives.

    Raises:
        TimeoutError: it took longer; it goes on in a thread that nobody waits for.
    """
    try:
        return submit(work).result(timeout=seconds)
    except TimeoutError:
        raise TimeoutError(f"no whole answer within {seconds:g} s") from None


def chunks(body: Any, size: int) -> Iterator[bytes]:
    """The content of an answer; each chunk has to come in `CHUNK_SECONDS`."""
    stream = body.iter_chunks(size)
    while chunk := within(CHUNK_SECONDS, lambda: next(stream, b"")):
        yield bytes(chunk)


def _size(body: Any) -> int:
    """The bytes of what is uploaded."""
    if hasattr(body, "fileno"):
        return os.fstat(body.fileno()).st_size
    return len(body) if isinstance(body, bytes) else 0
