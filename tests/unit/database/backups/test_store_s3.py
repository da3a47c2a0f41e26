"""Backups in a bucket: services that differ, and failures at each step, which show nothing."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from scripts.database.backups import s3_bucket
from scripts.database.backups.manifest import MANIFEST
from scripts.database.backups.s3_bucket import Bucket
from scripts.database.backups.store_s3 import BucketStore
from scripts.errors import BackupFault, CommandFailed, DeskError, Refused, Unreachable
from scripts.system.secret import Secret
from tests.support import s3, servers
from tests.support.s3 import BUCKET

BACKUP = "20300101T000000Z-00000000-daily-0001"
NAMES = ("db.dump.age", "schema.json.age")
PUT, HEAD, LIST = "PutObject", "HeadObject", "ListObjects"
PART = 5 * 1024 * 1024  # the smallest that services take


class Weather:
    """The service, which fails at the request of that number; keeps what it was asked."""

    def __init__(self, client: Any) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.fails: int | None = None
        self.how = ""
        client.meta.events.register_first("before-send.s3", self.send)
        client.meta.events.register("request-created.s3", self.note)

    def note(self, operation_name: str, **_: Any) -> None:
        self.asked.append(operation_name)

    def send(self, request: Any, **_: Any) -> None:
        """Raised here, it never reaches the service: an answer made up here would come after its deed."""
        texts = {name.lower(): value for name, value in request.headers.items()}
        self.headers.append({k: v.decode() if isinstance(v, bytes) else str(v) for k, v in texts.items()})
        if self.fails is None or len(self.asked) <= self.fails:
            return
        if self.how == "gone":
            raise EndpointConnectionError(endpoint_url=request.url)
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, self.asked[-1])


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client and no knowledge of another test's service."""
    monkeypatch.setattr(s3_bucket, "_clients", {})
    monkeypatch.setattr(s3_bucket, "_abilities", {})
    monkeypatch.setattr(s3_bucket, "PART", PART)


def store_of(endpoint: str) -> BucketStore:
    bucket = Bucket(BUCKET, endpoint, "us-east-1", "desk", Secret("desk-secret"))
    return BucketStore(bucket, "app/production/")


@pytest.fixture
def store() -> Iterator[BucketStore]:
    """In a service that is AWS's own, asked over TLS."""
    with mock_aws():
        made = store_of("")
        made.bucket.client().create_bucket(Bucket=BUCKET)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode() * 100)
    return tmp_path


def keys(store: BucketStore) -> list[str]:
    return [stored.key for stored in store.bucket.objects(store.prefix)]


def weather_of(store: BucketStore) -> Weather:
    """Over both clients, which are made the same here."""
    (store.bucket.client(), store.bucket.client(patient=False))
    patient = store.bucket.client()
    for key in s3_bucket._clients:
        s3_bucket._clients[key] = patient
    return Weather(patient)


@pytest.mark.parametrize("mode", s3.GOOD)
def test_a_service_that_differs_holds_a_backup(mode: str, folder: Path) -> None:
    """Big and small files arrive, are listed and come back; a backup of that id stays as it is."""
    (folder / NAMES[0]).write_bytes(b"0123456789abcdef" * (2 * PART // 16 + 7))
    with s3.serving(mode) as service:
        store = store_of(service.endpoint)
        store.put(BACKUP, folder, NAMES, b"{}")
        with pytest.raises(Refused, match="another run"):
            store.put(BACKUP, folder, NAMES, b'{"other": 1}')

        assert store.ids() == [BACKUP]
        assert store.manifest(BACKUP) == b"{}"
        sizes = {name: (folder / name).stat().st_size for name in NAMES}
        assert store.sizes(BACKUP) == {**sizes, MANIFEST: 2}
        for name in NAMES:
            store.get(BACKUP, name, folder / "back")
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            assert store.digest(BACKUP, name) == (sizes[name], digest)
            assert (folder / "back").read_bytes() == (folder / name).read_bytes()
            (folder / "back").unlink()
        assert "Uploads" not in service.client.list_multipart_uploads(Bucket=BUCKET)
        store.remove(BACKUP)
        assert service.stored_keys() == []


@pytest.mark.parametrize("mode", ["plain", "b2", "ignorant"])
def test_half_of_a_file_is_not_shown(mode: str, folder: Path) -> None:
    """What the service stored is compared, by its checksum or by reading it back."""
    with s3.serving(mode) as service:
        store = store_of(service.endpoint)
        store.put(BACKUP, folder, NAMES, b"{}")
        store.remove(BACKUP)
        service.mode = "halving"
        with pytest.raises(CommandFailed, match="did not arrive complete"):
            store.put(BACKUP, folder, NAMES, b"{}")
        assert store.ids() == []


@pytest.mark.parametrize(
    ("mode", "hint"),
    [("forbidding", "BACKUP_S3_KEY_ID"), ("elsewhere", "`eu-central-1`"), ("down", "BACKUP_S3_KEY_ID")],
)
def test_a_service_that_refuses_is_unreachable(
    mode: str, hint: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what is in it: it is never said that a backup is gone."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with s3.serving() as service:
        store = store_of(service.endpoint)
        service.mode = mode
        calls = (
            store.ids,
            lambda: store.sizes(BACKUP),
            lambda: store.manifest(BACKUP),
            lambda: store.digest(BACKUP, "db.dump"),
            lambda: store.get(BACKUP, "db.dump", folder / "back"),
            lambda: store.put(BACKUP, folder, NAMES, b"{}"),
            lambda: store.remove(BACKUP),
        )
        for call in calls:
            with pytest.raises(Unreachable) as caught:
                call()
            assert hint in str(caught.value.hint)


def test_a_bucket_that_is_not_there_is_named() -> None:
    with s3.serving() as service:
        service.client.delete_bucket(Bucket=BUCKET)
        with pytest.raises(Unreachable, match="there is no bucket `kept`"):
            store_of(service.endpoint).ids()


def test_a_service_that_is_away_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with s3.serving() as service:
        store = store_of(service.endpoint)
    with pytest.raises(Unreachable, match="can't be listed"):
        store.ids()


def test_a_server_that_is_no_such_service_is_unreachable() -> None:
    """It finds nothing, which says nothing about backups."""
    with servers.serving() as server:
        store = store_of(server.url)
        for call in (store.ids, lambda: store.sizes(BACKUP)):
            with pytest.raises(Unreachable, match="can't be listed") as caught:
                call()
            assert "`backup.endpoint`" in str(caught.value.hint)


def test_a_service_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_bucket, "SOON", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = store_of(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Unreachable, match="can't be listed"):
            store.ids()


def test_what_is_missing_is_a_fault_of_the_backup(tmp_path: Path) -> None:
    with s3.serving() as service:
        store = store_of(service.endpoint)
        with pytest.raises(BackupFault, match="there is no backup"):
            store.manifest(BACKUP)
        with pytest.raises(BackupFault, match="is missing"):
            store.digest(BACKUP, "db.dump")
        with pytest.raises(BackupFault, match="is missing"):
            store.get(BACKUP, "db.dump", tmp_path / "back")
        assert store.sizes(BACKUP) == {}


def test_more_objects_than_a_page_holds_are_listed() -> None:
    """By a service that takes the new request for the old one."""
    with s3.serving("paging") as service:
        for number in range(10):
            service.client.put_object(Bucket=BUCKET, Key=f"app/production/{number}/{MANIFEST}", Body=b"")
        assert store_of(service.endpoint).ids() == [str(number) for number in range(10)]
        assert len(service.log) > 13


def test_two_environments_share_a_bucket(folder: Path) -> None:
    with s3.serving() as service:
        store = store_of(service.endpoint)
        staging = BucketStore(store.bucket, "app/staging/")
        store.put(BACKUP, folder, NAMES, b"{}")
        assert staging.ids() == []
        staging.put(BACKUP, folder, NAMES, b'{"staging": 1}')
        staging.remove(BACKUP)
        assert (store.ids(), store.manifest(BACKUP)) == ([BACKUP], b"{}")


def test_the_digest_of_each_body_is_signed(store: BucketStore, folder: Path) -> None:
    """Over TLS too: no trailers and no chunks, which older services refuse."""
    (folder / NAMES[0]).write_bytes(bytes(PART + 1))
    weather = weather_of(store)
    store.put(BACKUP, folder, NAMES, b"{}")
    signed = [headers["x-amz-content-sha256"] for headers in weather.headers]

    assert {len(text) for text in signed} == {64}
    assert not any({"x-amz-trailer", "x-amz-decoded-content-length"} & {*each} for each in weather.headers)


def steps(store: BucketStore, folder: Path) -> list[str]:
    """What a `put` asks the service, with nothing wrong; removed again."""
    weather = weather_of(store)
    store.put(BACKUP, folder, NAMES, b"{}")
    asked = [*weather.asked]
    store.remove(BACKUP)
    return asked


@pytest.mark.parametrize(("how", "fault"), [("denied", Unreachable), ("gone", Unreachable)])
def test_a_failure_at_any_step_shows_nothing(
    store: BucketStore, folder: Path, how: str, fault: type[DeskError]
) -> None:
    """Each file's upload, each look at what arrived, and the manifest; the next try succeeds."""
    wanted = steps(store, folder)
    assert wanted == [PUT, HEAD, PUT, HEAD, LIST, PUT]
    for number in range(len(wanted)):
        weather = weather_of(store)
        weather.fails, weather.how = number, how
        with pytest.raises(fault):
            store.put(BACKUP, folder, NAMES, b"{}")
        weather.fails = None
        assert store.ids() == []
        with pytest.raises(BackupFault, match="no backup"):
            store.manifest(BACKUP)
        store.clear(lambda _at: True)
        assert keys(store) == []
    store.put(BACKUP, folder, NAMES, b"{}")
    assert store.ids() == [BACKUP]


def test_parts_of_a_big_file_that_failed_are_removed(store: BucketStore, tmp_path: Path) -> None:
    """A part that is refused: no upload stays open, nothing is shown."""
    (tmp_path / "db.dump.age").write_bytes(bytes(PART + 1))
    weather = weather_of(store)
    store.put(BACKUP, tmp_path, NAMES[:1], b"{}")
    assert weather.asked[0] == "CreateMultipartUpload"
    parts = weather.asked.count("UploadPart")
    store.remove(BACKUP)
    assert parts == 2
    for number in range(1, 1 + parts):
        weather.asked.clear()
        weather.fails, weather.how = number, "denied"
        with pytest.raises(DeskError):
            store.put(BACKUP, tmp_path, NAMES[:1], b"{}")
        weather.fails = None
        assert store.ids() == []
        store.clear(lambda _at: True)
        assert "Uploads" not in store.bucket.client().list_multipart_uploads(Bucket=BUCKET)


def test_the_manifest_goes_first(store: BucketStore, folder: Path) -> None:
    """A removal that is broken off after its first request leaves no backup."""
    store.put(BACKUP, folder, NAMES, b"{}")
    weather = weather_of(store)
    weather.fails, weather.how = 1, "denied"
    with pytest.raises(CommandFailed):
        store.remove(BACKUP)
    weather.fails = None
    assert store.ids() == []
    assert [key.rpartition("/")[2] for key in keys(store)] == [*NAMES]


def test_a_known_backup_without_a_manifest_is_not_cleared(store: BucketStore, folder: Path) -> None:
    """It was complete once: what is left of it may be all that there is."""
    store.put(BACKUP, folder, NAMES, b"{}")
    store.bucket.delete(store._key(BACKUP, MANIFEST))
    assert store.clear(lambda _at: True, [BACKUP]) == []
    assert len(keys(store)) == len(NAMES)
    assert store.clear(lambda _at: False) == []
    assert store.clear(lambda _at: True) == [BACKUP]


def test_a_service_in_between(folder: Path) -> None:
    """A mode that changes while it runs: what was learnt of it holds for one service."""
    with s3.serving("b2") as first, s3.serving() as second:
        for service in (first, second):
            store_of(service.endpoint).put(BACKUP, folder, NAMES, b"{}")
        assert not store_of(first.endpoint).bucket.abilities.checksums
        assert store_of(second.endpoint).bucket.abilities.checksums
