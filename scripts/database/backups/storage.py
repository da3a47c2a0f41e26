"""The stores that an environment's backups are in, by its configuration; and a backup fetched from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import catalog, encryption
from scripts.database.backups.catalog import BackupRecord
from scripts.database.backups.manifest import ENCRYPTED, ID, File, Manifest, parse_manifest
from scripts.database.backups.store import FolderStore, Store
from scripts.database.backups.store_s3 import BucketStore
from scripts.errors import ConfigError, Refused
from scripts.state.ledger import Ledger
from scripts.system.secret import Secret

KEY_ID, SECRET_KEY, IDENTITY = "BACKUP_S3_KEY_ID", "BACKUP_S3_SECRET_KEY", "BACKUP_IDENTITY"


def folder_store(desk: Desk, environment: Environment) -> FolderStore:
    """The backups on this machine."""
    configured = desk.settings.backup.folder
    root = desk.config_folder / configured if configured else desk.state_folder / "backups"
    return FolderStore(root / environment.name)


def bucket_store(desk: Desk, environment: Environment) -> BucketStore | None:
    """The backups in the bucket; None if none is configured.

    Raises:
        ConfigError: its keys are missing.
    """
    backup, values = desk.settings.backup, desk.values(environment)
    if not backup.bucket:
        return None
    missing = ", ".join(f"`{name}`" for name in (KEY_ID, SECRET_KEY) if not values.get(name))
    if missing:
        raise ConfigError(
            f"the bucket `{backup.bucket}` needs {missing}",
            f"set it in `{desk.config_folder / f'.env.{environment.name}'}`, or in CI's environment",
        )
    prefix = backup.prefix.strip("/")
    path = "/".join([*([prefix] if prefix else []), environment.name, ""])
    key_id, secret = values[KEY_ID], Secret(values[SECRET_KEY])
    return BucketStore(backup.bucket, backup.endpoint, backup.region, path, key_id, secret)


def stores(desk: Desk, environment: Environment) -> tuple[Store, ...]:
    """All stores, the nearest first."""
    bucket = bucket_store(desk, environment)
    folder: Store = folder_store(desk, environment)
    return (folder, bucket) if bucket else (folder,)


def stored_backups(desk: Desk, environment: Environment) -> dict[str, list[Store]]:
    """By id, oldest first, the stores that have it, the nearest first."""
    by_id: dict[str, list[Store]] = {}
    for store in stores(desk, environment):
        for backup in store.ids():
            if ID.fullmatch(backup):
                by_id.setdefault(backup, []).append(store)
    return dict(sorted(by_id.items()))


@contextmanager
def fetch_backup(
    desk: Desk, environment: Environment, backup: str, ledger: Ledger
) -> Iterator[tuple[Path, Manifest]]:
    """`fetch_files` of a backup to restore: not one whose last proof failed.

    Raises:
        Refused: there is no such backup, it is damaged, or its last proof failed.
    """
    records = catalog.records(ledger, environment.name)
    record = records.get(backup)
    if record and record.fault:
        raise Refused(
            f"the proof of `{backup}` failed, so it does not restore to its original: {record.fault}",
            f"`invoke backup.list --env {environment.name}` shows the proven ones",
        )
    with fetch_files(desk, environment, backup, records) as fetched:
        yield fetched


@contextmanager
def fetch_files(
    desk: Desk, environment: Environment, backup: str, records: Mapping[str, BackupRecord] | None = None
) -> Iterator[tuple[Path, Manifest]]:
    """A folder (0700) with the plain files of a backup, each checked, and its manifest; removed at the end.

    Args:
        environment: the one that the backup is of.
        backup: its id.
        records: the ledger's; if one has this id, the manifest must have its digest.

    Raises:
        Refused: there is no such backup, a file differs from the manifest, or the key does not fit.
    """
    store = next(iter(stored_backups(desk, environment).get(backup, [])), None)
    if store is None:
        raise Refused(
            f"there is no backup `{backup}` of {environment.name}",
            f"`invoke backup.list --env {environment.name}`",
        )
    manifest = _read_manifest(store, environment, backup, (records or {}).get(backup))
    with folder_store(desk, environment).staging(f"read-{desk.new_id()}") as staging:
        plain = staging / "plain"
        plain.mkdir(mode=0o700)
        for name, expected in manifest.files.items():
            if expected.encrypted_sha256 is None:
                store.get(backup, name, plain / name)
                actual = File(*encryption.measure(plain / name))
            else:
                encrypted = staging / f"{name}{ENCRYPTED}"
                store.get(backup, encrypted.name, encrypted)
                actual = File(*encryption.decrypt(encrypted, plain / name, _identity(desk, environment)))
                encrypted.unlink()
            _require_intact(f"`{name}` of the backup `{backup}`", actual, expected)
        yield plain, manifest


def _read_manifest(
    store: Store, environment: Environment, backup: str, record: BackupRecord | None
) -> Manifest:
    """The manifest, which must be of this backup, and the one that the ledger recorded."""
    manifest = parse_manifest(store.manifest(backup))
    if manifest.id != backup or manifest.environment != environment.name:
        owner = f"`{manifest.id}` ({manifest.environment})"
        raise Refused(f"the manifest of `{backup}` is one of {owner}: it was exchanged")
    if record and record.digest and record.digest != manifest.digest:
        raise Refused(
            f"the manifest of `{backup}` is not the one that the ledger recorded: it was exchanged"
        )
    return manifest


def _require_intact(name: str, actual: File, expected: File) -> None:
    if actual != expected:
        raise Refused(
            f"{name} is damaged: it has {actual.bytes} bytes with SHA-256"
            f" `{actual.sha256[:12]}`, not {expected.bytes} with `{expected.sha256[:12]}`",
            "look for another copy of it; this one proves nothing",
        )


def _identity(desk: Desk, environment: Environment) -> Secret:
    """The secret age key.

    Raises:
        Refused: it is not set.
    """
    text = desk.values(environment).get(IDENTITY)
    if not text:
        raise Refused(
            f"the backups of {environment.name} are encrypted, and `{IDENTITY}` is not set",
            "set the secret age key for this one command: keep it off the machines that take backups",
        )
    return Secret(text)
