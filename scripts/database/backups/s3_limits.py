"""boto, kept within limits: total ones for what is asked of a bucket; its own large files are read once.

Its time-outs count from byte to byte: a service that drips could hold a run, and its lock, for ever.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar

from scripts.errors import Refused
from scripts.system.background import submit

T = TypeVar("T")

CHUNK_SECONDS = 60.0  # for one chunk of a download
SLOWEST = 50_000  # bytes a second that an upload is taken to carry at least


def session() -> Any:
    """A session of boto with the settings of this moment; the description of S3's API is read once.

    Raises:
        Refused: boto is not installed.
    """
    try:
        import boto3
        from botocore.session import get_session
    except ModuleNotFoundError:
        raise Refused(
            "`[backup] bucket` is set, and `boto3` is not installed",
            "`scripts/bootstrap status` installs it",
        ) from None

    core = get_session()
    core.register_component("data_loader", _api_files())
    return boto3.session.Session(botocore_session=core)


@cache
def _api_files() -> Any:
    from botocore.loaders import create_loader

    return create_loader()


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
