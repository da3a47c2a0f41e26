"""What is asked of a bucket ends, whatever the service does."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.database.backups import s3_bucket, s3_limits
from scripts.database.backups.s3_bucket import Bucket
from scripts.database.backups.s3_limits import Limited, chunks, within
from scripts.errors import BackupFault, Refused
from scripts.system.secret import Secret
from tests.support.servers import serving


def slow(**_: object) -> None:
    """A call that drips."""
    time.sleep(5)


def test_a_call_that_takes_too_long_is_an_os_error() -> None:
    """As a connection that was lost."""
    client = SimpleNamespace(get_object=slow, put_object=lambda **given: given, meta="meta")
    limited = Limited(client, 0.1)

    with pytest.raises(TimeoutError, match=r"no whole answer within 0\.1 s"):
        limited.get_object(Key="a")
    assert limited.put_object(Body=b"a") == {"Body": b"a"}
    assert limited.meta == "meta"


def test_an_upload_has_time_for_its_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Bytes, and files."""
    seen: list[float] = []

    def noted(seconds: float, work: Callable[[], object]) -> object:
        seen.append(seconds)
        return work()

    monkeypatch.setattr(s3_limits, "within", noted)
    limited = Limited(SimpleNamespace(put_object=lambda **_: None), 10)
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100_000)

    limited.put_object(Body=b"x" * 50_000)
    with file.open("rb") as body:
        limited.put_object(Body=body)

    assert seen == [11, 12]


def test_a_chunk_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those before it are there."""

    def iter_chunks(_size: int) -> Any:
        yield b"a"
        time.sleep(5)

    monkeypatch.setattr(s3_limits, "CHUNK_SECONDS", 0.2)
    stream = chunks(SimpleNamespace(iter_chunks=iter_chunks), 1)

    assert next(stream) == b"a"
    with pytest.raises(TimeoutError):
        next(stream)


def test_what_fails_within_the_time_fails_as_it_did() -> None:
    """The thread's own fault is raised."""
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)


def test_a_small_object_has_a_limit_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest as large as a database is none."""
    monkeypatch.setattr(s3_bucket, "LARGEST_READ", 10)
    monkeypatch.setattr(Bucket, "_body", lambda *_, **__: io.BytesIO(b"x" * 11))

    with pytest.raises(BackupFault, match="too large"):
        Bucket("b", "", "", "", Secret("")).read("manifest.json")


def test_a_service_that_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that comes byte by byte, over a real connection."""
    monkeypatch.setattr(s3_bucket, "SOON", 0.5)

    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for _ in range(300):
            handler.wfile.write(b"<")
            time.sleep(0.1)

    with serving() as server:
        server.answers["/bucket1?prefix=a&marker=&encoding-type=url"] = drip
        server.answers["/bucket1?prefix=a&encoding-type=url"] = drip
        bucket = Bucket("bucket1", server.url, "", "key", Secret("secret-of-the-bucket"))
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            list(bucket.objects("a"))
        assert server.asked

    assert time.monotonic() - started < 5


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no part of every install."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    bucket = Bucket("b", "http://127.0.0.1:9", "", "", Secret("x"))
    with pytest.raises(Refused, match="`boto3` is not installed"):
        bucket.client()
