"""The backup store in a bucket of any S3-compatible service, ideally at another provider."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from scripts.database.backups.manifest import MANIFEST
from scripts.errors import CommandFailed, DeskError, Refused, Unreachable
from scripts.system.process import quoted_lines
from scripts.system.secret import Secret

PART = 32 * 1024 * 1024  # bytes of one part of an upload
MISSING = ("404", "NoSuchKey", "NotFound")
TAKEN = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict")
T = TypeVar("T")


@dataclass(frozen=True)
class BucketStore:
    """The backups of one environment under a prefix of a bucket.

    Args:
        endpoint: of the service; "" for Amazon's own.
        prefix: ends with `/`.
    """

    name: str
    endpoint: str
    region: str
    prefix: str
    key_id: str
    secret: Secret = field(repr=False)

    @property
    def place(self) -> str:
        """As in `Store`."""
        return f"s3://{self.name}/{self.prefix}"

    def ids(self) -> list[str]:
        """As in `Store`."""
        keys = (key for key, _ in self._keys(self.prefix))
        return sorted(key.split("/")[-2] for key in keys if key.endswith(f"/{MANIFEST}"))

    def manifest(self, backup: str) -> bytes:
        """As in `Store`."""
        with self._translated_errors(f"no backup `{backup}` in {self.place}"):
            body = self._client().get_object(Bucket=self.name, Key=self._key(backup, MANIFEST))["Body"]
            return bytes(body.read())

    def put(self, backup: str, folder: Path, names: Sequence[str], manifest: bytes) -> None:
        """As in `Store`."""
        for name in names:
            self._upload(self._key(backup, name), folder / name)
        with self._translated_errors(f"the manifest of `{backup}` could not be written to {self.place}"):
            self._client().put_object(
                Bucket=self.name,
                Key=self._key(backup, MANIFEST),
                Body=manifest,
                IfNoneMatch="*",
                ContentType="application/json",
                ChecksumSHA256=base64.b64encode(hashlib.sha256(manifest).digest()).decode(),
            )

    def get(self, backup: str, name: str, target: Path) -> None:
        """As in `Store`."""
        with self._translated_errors(f"`{name}` of the backup `{backup}` is not in {self.place}"):
            self._client().download_file(self.name, self._key(backup, name), str(target))

    def remove(self, backup: str) -> None:
        """As in `Store`."""
        with self._translated_errors(f"`{backup}` can't be removed from {self.place}"):
            self._client().delete_object(Bucket=self.name, Key=self._key(backup, MANIFEST))
        for key, _ in self._keys(self._key(backup, "")):
            with self._translated_errors(f"`{backup}` can't be removed from {self.place}"):
                self._client().delete_object(Bucket=self.name, Key=key)

    def clear(self, dead: Callable[[float], bool]) -> list[str]:
        """Remove unfinished backups and uploads; returns the ids of the backups.

        Args:
            dead: whether an upload last written at that time (Unix) belongs to a dead run.
        """
        newest: dict[str, float] = {}
        keys: dict[str, list[str]] = {}
        for key, at in self._keys(self.prefix):
            backup = key.removeprefix(self.prefix).split("/")[0]
            newest[backup] = max(at, newest.get(backup, 0))
            keys.setdefault(backup, []).append(key)
        complete = {backup for backup, names in keys.items() if self._key(backup, MANIFEST) in names}
        unfinished = [backup for backup in sorted(keys.keys() - complete) if dead(newest[backup])]
        for backup in unfinished:
            self.remove(backup)
        self._abort_uploads(dead)
        return unfinished

    def _abort_uploads(self, dead: Callable[[float], bool]) -> None:
        """Parts of abandoned uploads cost money, and no listing of objects shows them."""
        with self._translated_errors(f"{self.place} can't be cleared"):
            pages = self._client().get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self.name, Prefix=self.prefix):
                for upload in page.get("Uploads", []):
                    if dead(upload["Initiated"].timestamp()):
                        self._client().abort_multipart_upload(
                            Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"]
                        )

    def _upload(self, key: str, file: Path) -> None:
        """Upload in parts, each checked on arrival; then check what the service stored."""
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)
        with self._translated_errors(f"`{file.name}` can't be brought to {self.place}"):
            client = self._client()
            extra = {"ChecksumAlgorithm": "SHA256"}
            client.upload_file(str(file), self.name, key, ExtraArgs=extra, Config=config)
            head = client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
            size, checksum = int(head["ContentLength"]), str(head.get("ChecksumSHA256", ""))
            wrong = size != file.stat().st_size or (checksum and checksum not in _checksums(file))
            if not wrong and not checksum:  # the service keeps none: read the file back
                wrong = _stream_digest(
                    client.get_object(Bucket=self.name, Key=key)["Body"]
                ) != _file_digest(file)
        if wrong:
            raise CommandFailed(f"`{file.name}` did not arrive complete in {self.place}", "try again")

    def _keys(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Each key under a prefix, and when it was written (Unix)."""
        with self._translated_errors(f"{self.place} can't be listed"):
            for page in (
                self._client().get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            ):
                for item in page.get("Contents", []):
                    yield str(item["Key"]), float(item["LastModified"].timestamp())

    def _key(self, backup: str, name: str) -> str:
        return f"{self.prefix}{backup}/{name}"

    def _client(self) -> Any:
        return _client(self.endpoint, self.region, self.key_id, self.secret)

    @contextlib.contextmanager
    def _translated_errors(self, failure: str) -> Iterator[None]:
        """Turn errors of boto into ours; `failure` begins the message."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as fault:
            raise _service_error(failure, fault) from None
        except (BotoCoreError, Boto3Error, OSError) as fault:
            if isinstance(fault.__context__, ClientError):  # an upload wraps the service's answer
                raise _service_error(failure, fault.__context__) from None
            raise Unreachable(f"{failure}{quoted_lines(str(fault))}", "check `backup.endpoint`") from None


def _service_error(failure: str, fault: Any) -> DeskError:
    """Our error for an answer of the service (a botocore `ClientError`)."""
    code = str(fault.response.get("Error", {}).get("Code", ""))
    if code in TAKEN:
        return Refused(f"{failure}: another run has written it", "`invoke backup.list`")
    if code in MISSING:
        return Refused(failure, "`invoke backup.list`")
    return CommandFailed(f"{failure}{quoted_lines(str(fault))}", "check `[backup]` and its keys")


_clients: dict[tuple[str, str, str], Any] = {}


def _client(endpoint: str, region: str, key_id: str, secret: Secret) -> Any:
    """One client for each service: creating it takes longer than a request."""
    client = _clients.get((endpoint, region, key_id))
    if client is None:
        import boto3
        from botocore.config import Config

        client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=region or "us-east-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret.reveal(),
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"max_attempts": 4, "mode": "standard"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path" if endpoint else "auto"},
            ),
        )
        _clients[endpoint, region, key_id] = client
    return client


def _file_digest(file: Path) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _stream_digest(body: Any) -> bytes:
    digest = hashlib.sha256()
    for chunk in body.iter_chunks(1024 * 1024):
        digest.update(chunk)
    return digest.digest()


def _checksums(file: Path) -> tuple[str, ...]:
    """What a service may answer: the digest of the file, or of the digests of its parts."""
    if file.stat().st_size < PART:
        return (base64.b64encode(_file_digest(file)).decode(),)
    digests = []
    with file.open("rb") as stream:
        while part := stream.read(PART):
            digests.append(hashlib.sha256(part).digest())
    whole = base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
    return (f"{whole}-{len(digests)}", whole, base64.b64encode(_file_digest(file)).decode())
