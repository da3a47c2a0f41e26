"""The backup store in a bucket of any S3-compatible service, ideally at another provider."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.database.backups.manifest import MANIFEST
from scripts.database.backups.s3_bucket import Bucket
from scripts.database.counting import Tell, silent


@dataclass(frozen=True)
class BucketStore:
    """The backups of one environment under a prefix of a bucket.

    Args:
        prefix: ends with `/`.
    """

    bucket: Bucket
    prefix: str

    @property
    def place(self) -> str:
        """As in `Store`."""
        return f"s3://{self.bucket.name}/{self.prefix}"

    def ids(self) -> list[str]:
        """As in `Store`."""
        return sorted(backup for backup, files in self._listing().items() if MANIFEST in files)

    def sizes(self, backup: str) -> dict[str, int]:
        """As in `Store`."""
        prefix = self._key(backup, "")
        with self.bucket.translated_errors(f"{self.place} can't be listed"):
            return {stored.key.removeprefix(prefix): stored.bytes for stored in self.bucket.objects(prefix)}

    def manifest(self, backup: str) -> bytes:
        """As in `Store`."""
        with self.bucket.translated_errors(f"there is no backup `{backup}` in {self.place}"):
            return self.bucket.read(self._key(backup, MANIFEST))

    def digest(self, backup: str, name: str) -> tuple[int, str]:
        """As in `Store`."""
        with self.bucket.translated_errors(f"`{name}` is missing"):
            return self.bucket.digest(self._key(backup, name))

    def put(
        self, backup: str, folder: Path, names: Sequence[str], manifest: bytes, *, tell: Tell = silent
    ) -> None:
        """As in `Store`."""
        for name in names:
            with self.bucket.translated_errors(f"`{name}` can't be brought to {self.place}"):
                self.bucket.upload(self._key(backup, name), folder / name, tell)
        with self.bucket.translated_errors(f"the manifest of `{backup}` can't be written to {self.place}"):
            self.bucket.create(self._key(backup, MANIFEST), manifest)

    def get(self, backup: str, name: str, target: Path) -> None:
        """As in `Store`."""
        with self.bucket.translated_errors(f"`{name}` of the backup `{backup}` is missing in {self.place}"):
            self.bucket.download(self._key(backup, name), target)

    def remove(self, backup: str) -> None:
        """As in `Store`: the manifest first, since what is half removed is no backup."""
        with self.bucket.translated_errors(f"`{backup}` can't be removed from {self.place}"):
            self.bucket.delete(self._key(backup, MANIFEST))
            for stored in list(self.bucket.objects(self._key(backup, ""))):
                self.bucket.delete(stored.key)

    def clear(self, dead: Callable[[float], bool], known: Collection[str] = ()) -> list[str]:
        """Remove unfinished backups and uploads; returns the ids of the backups.

        Args:
            dead: whether an upload last written at that time (Unix) belongs to a dead run.
            known: backups that were complete once: they have lost their manifest, and are left alone.
        """
        unfinished = [
            backup
            for backup, files in sorted(self._listing().items())
            if MANIFEST not in files and dead(max(files.values())) and backup not in known
        ]
        for backup in unfinished:
            self.remove(backup)
        with self.bucket.translated_errors(f"{self.place} can't be cleared"):
            self.bucket.abort_uploads(self.prefix, dead)
        return unfinished

    def _listing(self) -> dict[str, dict[str, float]]:
        """By backup: its files, and when they were written (Unix)."""
        found: dict[str, dict[str, float]] = {}
        with self.bucket.translated_errors(f"{self.place} can't be listed"):
            for stored in self.bucket.objects(self.prefix):
                backup, _, name = stored.key.removeprefix(self.prefix).partition("/")
                found.setdefault(backup, {})[name] = stored.at
        return found

    def _key(self, backup: str, name: str) -> str:
        return f"{self.prefix}{backup}/{name}"
