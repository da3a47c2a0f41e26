"""A bucket of an S3-compatible service: what is asked of it, and what to do where an ability is missing.

Services differ. Some refuse the headers for checksums (Backblaze B2, older MinIO and Ceph), some a
condition on a `PUT`, some uploads in parts; some ignore a header that they don't know. So each of them is
tried, done without where the service refuses it, and what was stored is then read back and compared.
No request has a trailer or a chunked body: the digest of the body is part of every signature.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from scripts.database.backups import s3_errors, s3_limits
from scripts.database.backups.encryption import BLOCK, create_private, measure
from scripts.database.counting import Tell, silent
from scripts.errors import BackupFault, CommandFailed, Refused, Unreachable
from scripts.system import network
from scripts.system.background import submit
from scripts.system.process import quoted_lines
from scripts.system.proxies import for_boto
from scripts.system.secret import Secret

PART = 32 * 1024 * 1024  # bytes of one part of an upload
AT_ONCE = 4  # parts
MOST_IN_ONE = 5 * 1024**3  # bytes that one request may carry, by the protocol
LARGEST_READ = 64 * 1024 * 1024  # bytes of what is read into memory: manifests
MOST_PAGES = 1_000  # of a listing
PATIENCE = 300.0  # seconds for one request and its repetitions, besides the time for its bytes
SOON = 10.0  # seconds within which a service answers a small request
TRIES = 4  # of a conditional write that meets another one, and of a download that breaks off


@dataclass
class Abilities:
    """What a service is taken to know until it refuses it: checksum headers, conditions."""

    checksums: bool = True
    conditions: bool = True


@dataclass(frozen=True)
class Stored:
    """An object as it is listed: bytes, and when it was written (Unix)."""

    key: str
    bytes: int
    at: float


_clients: dict[tuple[object, ...], Any] = {}
_abilities: dict[tuple[object, ...], Abilities] = {}


@dataclass(frozen=True)
class Bucket:
    """A bucket, with the key to it.

    Args:
        endpoint: of the service; "" for Amazon's own.
    """

    name: str
    endpoint: str
    region: str
    key_id: str
    secret: Secret = field(repr=False)

    @property
    def abilities(self) -> Abilities:
        """What this service has turned out to know, in this process."""
        return _abilities.setdefault((self.endpoint, self.name), Abilities())

    def client(self, *, patient: bool = True) -> Any:
        """One client for each service: creating it takes longer than a request.

        Args:
            patient: for uploads and downloads; otherwise an answer is expected soon.
        """
        key = (self.endpoint, self.region, self.key_id, patient)
        if key not in _clients:
            session = s3_limits.session()
            from botocore.config import Config

            made = session.client(
                "s3",
                endpoint_url=self.endpoint or None,
                region_name=self.region or "us-east-1",
                aws_access_key_id=self.key_id,
                aws_secret_access_key=self.secret.reveal(),
                verify=str(network.trusted() or "") or None,
                config=Config(
                    proxies=for_boto(self.endpoint),
                    connect_timeout=SOON / 2,
                    read_timeout=60 if patient else SOON,
                    retries={"total_max_attempts": 4 if patient else 2, "mode": "standard"},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"addressing_style": "path" if self.endpoint else "auto"},
                ),
            )
            _clients[key] = s3_limits.Limited(made, PATIENCE if patient else 2 * SOON)
        return _clients[key]

    def objects(self, prefix: str) -> Iterator[Stored]:
        """Each object whose key starts with the prefix.

        By the first version of the request: an old service takes the second for it, and would end after
        its first page.
        """
        marker = ""
        while True:
            page = self.client(patient=False).list_objects(Bucket=self.name, Prefix=prefix, Marker=marker)
            found = [
                Stored(str(item["Key"]), int(item["Size"]), item["LastModified"].timestamp())
                for item in page.get("Contents", [])
            ]
            yield from found
            if not page.get("IsTruncated"):
                return
            if not found or found[-1].key <= marker:
                raise CommandFailed(
                    f"the service of `{self.name}` can't list more than one page",
                    "backups need the paging of `ListObjects` by `marker`",
                )
            marker = found[-1].key

    def read(self, key: str) -> bytes:
        """A small object.

        Raises:
            BackupFault: it is larger than any that a backup has.
        """
        body = self._body(key, patient=False)
        with contextlib.closing(body):
            content = s3_limits.within(2 * SOON, lambda: bytes(body.read(LARGEST_READ + 1)))
        if len(content) > LARGEST_READ:
            raise BackupFault(f"`{key}` in the bucket `{self.name}` is too large for what it should be")
        return content

    def digest(self, key: str) -> tuple[int, str]:
        """Read an object to its end; returns bytes and SHA-256."""
        count, digest = 0, hashlib.sha256()
        for chunk in self._chunks(key):
            count += len(chunk)
            digest.update(chunk)
        return count, digest.hexdigest()

    def download(self, key: str, target: Path) -> None:
        """Bring an object into a new file."""
        with create_private(target) as file:
            for chunk in self._chunks(key):
                file.write(chunk)

    def delete(self, key: str) -> None:
        """Delete an object; harmless if it is gone."""
        self.client().delete_object(Bucket=self.name, Key=key)

    def upload(self, key: str, file: Path, tell: Tell = silent) -> None:
        """Store a file, and compare what arrived; `tell` is told how many bytes more were sent.

        Raises:
            CommandFailed: what arrived is something else.
        """
        size = file.stat().st_size
        if size <= PART or not self._upload_parts(key, file, tell):
            if size > MOST_IN_ONE:
                raise CommandFailed(
                    f"the service of `{self.name}` refuses uploads in parts, and `{file.name}` has {size}"
                    f" bytes: one request carries at most {MOST_IN_ONE}",
                    "backups of this size need a service that knows `CreateMultipartUpload`",
                )
            self._with_fallback(partial(self._put_file, key, file))
            tell(size)
        if not self._arrived(key, file):
            raise CommandFailed(
                f"`{file.name}` did not arrive complete in the bucket `{self.name}`", "try again"
            )

    def create(self, key: str, body: bytes) -> None:
        """Store a small object, unless there is one of that name.

        Looks first: a service may ignore the condition.

        Raises:
            Refused: there is one, and it is another.
            CommandFailed: what arrived is something else.
        """
        if any(stored.key == key for stored in self.objects(key)):
            self._require_same(key, body)
            return
        try:
            self._put_new(key, body)
        except s3_errors.client_error() as fault:
            if s3_errors.code_of(fault) not in s3_errors.TAKEN:
                raise
            self._require_same(key, body)  # the first of two tries may have been ours, its answer lost
        if not self.abilities.checksums and self.read(key) != body:
            self.delete(key)
            raise CommandFailed(f"`{key}` did not arrive complete in the bucket `{self.name}`", "try again")

    def abort_uploads(self, prefix: str, dead: Callable[[float], bool]) -> None:
        """Abandoned uploads in parts cost money, and no listing of objects shows them."""
        try:
            uploads = list(self._open_uploads(prefix))
        except s3_errors.client_error() as fault:
            if s3_errors.code_of(fault) in s3_errors.UNKNOWN:
                return  # a service without uploads in parts has none
            raise
        for upload in uploads:
            if dead(upload["Initiated"].timestamp()):
                where = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
                self.client().abort_multipart_upload(Bucket=self.name, **where)

    def _open_uploads(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """Each upload in parts that has not ended."""
        more: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            page = self.client().list_multipart_uploads(Bucket=self.name, Prefix=prefix, **more)
            yield from page.get("Uploads", [])
            if not page.get("IsTruncated"):
                return
            more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    @contextlib.contextmanager
    def translated_errors(self, failure: str) -> Iterator[None]:
        """Turn errors of boto into ours; `failure` begins the message."""
        from botocore.exceptions import BotoCoreError

        try:
            yield
        except s3_errors.client_error() as fault:
            raise s3_errors.translated(failure, fault, self.name) from None
        except (BotoCoreError, OSError) as fault:
            raise Unreachable(
                f"{failure}{quoted_lines(str(fault))}", "is `backup.endpoint` right, and the network up?"
            ) from None

    def _body(self, key: str, start: int = 0, *, patient: bool = True) -> Any:
        part = {"Range": f"bytes={start}-"} if start else {}
        answer = self.client(patient=patient).get_object(Bucket=self.name, Key=key, **part)
        if start and not str(answer.get("ContentRange", "")).startswith(f"bytes {start}-"):
            raise Unreachable(
                f"the download of `{key}` broke off, and its rest can't be asked for", "try again"
            )
        return answer["Body"]

    def _chunks(self, key: str) -> Iterator[bytes]:
        """The content of an object; a download that breaks off goes on where it was."""
        from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError

        done = 0
        for attempt in range(1, TRIES + 1):
            try:
                with contextlib.closing(self._body(key, done)) as body:
                    for chunk in s3_limits.chunks(body, BLOCK):
                        done += len(chunk)
                        yield chunk
            except (HTTPClientError, IncompleteReadError, ResponseStreamingError):
                if attempt == TRIES or not done:
                    raise
            else:
                return

    def _with_fallback(self, send: Callable[..., None]) -> None:
        """Do `send(checksums=True)`; without checksums if the service refuses them."""
        if self.abilities.checksums:
            try:
                send(checksums=True)
            except s3_errors.client_error() as fault:
                if not s3_errors.may_be_a_header(fault):
                    raise
            else:
                return
        send(checksums=False)
        self.abilities.checksums = False

    def _put_file(self, key: str, file: Path, *, checksums: bool) -> None:
        more = _checksum(bytes.fromhex(measure(file)[1])) if checksums else {}
        with file.open("rb") as body:
            self.client().put_object(Bucket=self.name, Key=key, Body=body, **more)

    def _put_new(self, key: str, body: bytes) -> None:
        """With the condition that there is none, unless the service refuses conditions."""

        def put(*, conditions: bool) -> None:
            more: dict[str, str] = {"IfNoneMatch": "*"} if conditions else {}

            def send(*, checksums: bool) -> None:
                digest = _checksum(hashlib.sha256(body).digest()) if checksums else {}
                self.client().put_object(Bucket=self.name, Key=key, Body=body, **more, **digest)

            self._with_fallback(send)

        if self.abilities.conditions:
            try:
                _retry_conflicts(lambda: put(conditions=True))
            except s3_errors.client_error() as fault:
                if not s3_errors.may_be_a_header(fault):
                    raise
            else:
                return
        put(conditions=False)
        self.abilities.conditions = False

    def _require_same(self, key: str, body: bytes) -> None:
        if self.read(key) != body:
            raise Refused(
                f"`{key}` is in the bucket `{self.name}`: another run has written it", "try again"
            )

    def _upload_parts(self, key: str, file: Path, tell: Tell) -> bool:
        """Upload in parts; returns False if the service refuses that."""
        try:
            self._with_fallback(partial(self._send_upload, key, file, tell))
        except s3_errors.client_error() as fault:
            if fault.operation_name == "CreateMultipartUpload" and s3_errors.may_be_a_header(fault):
                return False
            raise
        return True

    def _send_upload(self, key: str, file: Path, tell: Tell, *, checksums: bool) -> None:
        client, where = self.client(), {"Bucket": self.name, "Key": key}
        algorithm = {"ChecksumAlgorithm": "SHA256"} if checksums else {}
        where["UploadId"] = client.create_multipart_upload(**where, **algorithm)["UploadId"]
        try:
            parts: list[Mapping[str, object]] = []
            count = math.ceil(file.stat().st_size / PART)
            for first in range(0, count, AT_ONCE):
                sent = [
                    submit(self._send_part, where, file, number, checksums=checksums)
                    for number in range(first, min(first + AT_ONCE, count))
                ]
                parts += [part.result() for part in sent]
                tell(min(AT_ONCE * PART, file.stat().st_size - first * PART))
            client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        except BaseException:
            with contextlib.suppress(Exception):  # the first fault is the one to report
                client.abort_multipart_upload(**where)
            raise

    def _send_part(
        self, where: Mapping[str, str], file: Path, number: int, *, checksums: bool
    ) -> Mapping[str, object]:
        with file.open("rb") as stream:
            stream.seek(number * PART)
            body = stream.read(PART)
        checksum = _checksum(hashlib.sha256(body).digest()) if checksums else {}
        sent = self.client().upload_part(**where, PartNumber=number + 1, Body=body, **checksum)
        checksum.pop("ChecksumAlgorithm", None)
        return {"PartNumber": number + 1, "ETag": sent.get("ETag", ""), **checksum}

    def _arrived(self, key: str, file: Path) -> bool:
        """By the checksum that the service keeps; where it keeps none, by reading the object back."""
        if self.abilities.checksums:
            with contextlib.suppress(s3_errors.client_error()):
                head = self.client().head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
                if int(head["ContentLength"]) != file.stat().st_size:
                    return False
                if str(head.get("ChecksumSHA256", "")) in _expected_checksums(file):
                    return True
        return self.digest(key) == measure(file)


def _checksum(digest: bytes) -> dict[str, str]:
    return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": base64.b64encode(digest).decode()}


def _retry_conflicts(write: Callable[[], None]) -> None:
    """A service may ask to repeat a conditional write that met another request (409)."""
    for attempt in range(1, TRIES + 1):
        try:
            write()
        except s3_errors.client_error() as fault:
            if s3_errors.code_of(fault) not in s3_errors.CONFLICT or attempt == TRIES:
                raise
            time.sleep(0.2 * attempt)
        else:
            return


def _expected_checksums(file: Path) -> tuple[str, ...]:
    """What a service may answer: the digest of the file, or of the digests of its parts."""
    whole = base64.b64encode(bytes.fromhex(measure(file)[1])).decode()
    if file.stat().st_size <= PART:
        return (whole,)
    digests = []
    with file.open("rb") as stream:
        while part := stream.read(PART):
            digests.append(hashlib.sha256(part).digest())
    composite = base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
    return (f"{composite}-{len(digests)}", composite, whole)
