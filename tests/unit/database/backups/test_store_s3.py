"""A bucket whose service fails at one step of a `put`: nothing is shown, and the fault says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from scripts.database.backups import store_s3
from scripts.database.backups.manifest import MANIFEST
from scripts.database.backups.store_s3 import BucketStore
from scripts.errors import CommandFailed, DeskError, Refused, Unreachable
from scripts.system.secret import Secret

BACKUP = "20300101T000000Z-00000000-daily-0001"
NAMES = ("db.dump.age", "schema.json.age")
PUT, HEAD, BIG = "PutObject", "HeadObject", store_s3.PART + 1


class Weather:
    """The service, which fails at the request of that number; keeps what it was asked."""

    def __init__(self, client: Any) -> None:
        self.asked: list[str] = []
        self.fails: int | None = None
        self.how = ""
        client.meta.events.register_first("before-send.s3", self.send)
        client.meta.events.register("request-created.s3", self.note)

    def note(self, operation_name: str, **_: Any) -> None:
        self.asked.append(operation_name)

    def send(self, request: Any, **_: Any) -> None:
        """Raised here, it never reaches the service: an answer made up here would come after its deed."""
        if self.fails is None or len(self.asked) <= self.fails:
            return
        if self.how == "gone":
            raise EndpointConnectionError(endpoint_url=request.url)
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, self.asked[-1])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketStore]:
    monkeypatch.setattr(store_s3, "_clients", {})
    with mock_aws():
        made = BucketStore("kept", "", "us-east-1", "app/production/", "desk", Secret("desk-secret"))
        made._client().create_bucket(Bucket="kept")
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode() * 100)
    return tmp_path


def steps(bucket: BucketStore, folder: Path) -> list[str]:
    """What a `put` asks the service, with nothing wrong; taken away again."""
    weather = Weather(bucket._client())
    bucket.put(BACKUP, folder, NAMES, b"{}")
    asked = [*weather.asked]
    bucket.remove(BACKUP)
    return asked


@pytest.mark.parametrize(("how", "fault"), [("denied", CommandFailed), ("gone", Unreachable)])
def test_a_failure_at_any_step_shows_nothing(
    bucket: BucketStore, folder: Path, how: str, fault: type[DeskError]
) -> None:
    """Each file's upload, each look at what arrived, and the manifest; the next try succeeds."""
    wanted = steps(bucket, folder)
    assert wanted == [PUT, HEAD, PUT, HEAD, PUT]
    for number in range(len(wanted)):
        weather = Weather(bucket._client())
        weather.fails, weather.how = number, how
        with pytest.raises(fault) as met:
            bucket.put(BACKUP, folder, NAMES, b"{}")
        weather.fails = None
        assert type(met.value) is fault
        assert bucket.ids() == []
        with pytest.raises(Refused, match="no backup"):
            bucket.manifest(BACKUP)
        bucket.clear(lambda _at: True)
        assert [*bucket._keys(bucket.prefix)] == []
    bucket.put(BACKUP, folder, NAMES, b"{}")
    assert bucket.ids() == [BACKUP]


def test_parts_of_a_big_file_that_failed_are_taken_away(bucket: BucketStore, tmp_path: Path) -> None:
    """A part that is refused: no upload stays open, nothing is shown."""
    (tmp_path / "db.dump.age").write_bytes(bytes(BIG))
    weather = Weather(bucket._client())
    bucket.put(BACKUP, tmp_path, NAMES[:1], b"{}")
    assert weather.asked[0] == "CreateMultipartUpload"
    parts = weather.asked.count("UploadPart")
    bucket.remove(BACKUP)
    assert parts == 2
    for number in range(1, 1 + parts):
        weather.asked.clear()
        weather.fails, weather.how = number, "denied"
        with pytest.raises(DeskError):
            bucket.put(BACKUP, tmp_path, NAMES[:1], b"{}")
        weather.fails = None
        assert bucket.ids() == []
        bucket.clear(lambda _at: True)
        assert "Uploads" not in bucket._client().list_multipart_uploads(Bucket="kept")


def test_what_arrived_otherwise_is_not_shown(
    bucket: BucketStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service says that it holds something else than what was sent."""
    monkeypatch.setattr(store_s3, "_checksums", lambda _file: ("another",))
    with pytest.raises(CommandFailed, match="did not arrive complete"):
        bucket.put(BACKUP, folder, NAMES, b"{}")
    assert bucket.ids() == []


def test_one_of_that_name_stays_as_it_is(bucket: BucketStore, folder: Path) -> None:
    bucket.put(BACKUP, folder, NAMES, b"{}")
    with pytest.raises(Refused, match="another run"):
        bucket.put(BACKUP, folder, NAMES, b'{"other": 1}')
    assert bucket.manifest(BACKUP) == b"{}"


def test_the_manifest_goes_first(bucket: BucketStore, folder: Path) -> None:
    """A removal that is broken off after its first request leaves no backup."""
    bucket.put(BACKUP, folder, NAMES, b"{}")
    weather = Weather(bucket._client())
    weather.fails, weather.how = 1, "denied"
    with pytest.raises(CommandFailed):
        bucket.remove(BACKUP)
    weather.fails = None
    keys = [each for each, _ in bucket._keys(bucket.prefix)]
    assert bucket.ids() == []
    assert len(keys) == len(NAMES)
    assert not any(each.endswith(MANIFEST) for each in keys)
