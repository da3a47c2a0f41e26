"""Where the backups of an environment lie, and who may read them: from the configuration to the tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import catalog, encryption, workplace
from scripts.database.backups.manifest import ID, SEALED, File, Manifest, read
from scripts.database.backups.store import Folder, Store
from scripts.database.backups.store_s3 import Bucket
from scripts.errors import ConfigError, Refused
from scripts.system.secret import Secret

KEY_ID, SECRET_KEY, IDENTITY = "BACKUP_S3_KEY_ID", "BACKUP_S3_SECRET_KEY", "BACKUP_IDENTITY"


def folder(desk: Desk, environment: Environment) -> Folder:
    """The backups on this machine."""
    named = desk.settings.backup.folder
    root = desk.config_folder / named if named else desk.state_folder / "backups"
    return Folder(root / environment.name)


def bucket(desk: Desk, environment: Environment) -> Bucket | None:
    """The backups in the bucket, None where none is configured.

    Raises:
        ConfigError: its keys are missing, or nothing would be encrypted for it.
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
    below = "/".join([*([prefix] if prefix else []), environment.name, ""])
    key_id, secret = values[KEY_ID], Secret(values[SECRET_KEY])
    return Bucket(backup.bucket, backup.endpoint, backup.region, below, key_id, secret)


def stores(desk: Desk, environment: Environment) -> tuple[Store, ...]:
    """All places, the nearest first."""
    far = bucket(desk, environment)
    near: Store = folder(desk, environment)
    return (near, far) if far else (near,)


def identity(desk: Desk, environment: Environment) -> Secret:
    """The secret age key.

    Raises:
        Refused: there is none here.
    """
    text = desk.values(environment).get(IDENTITY)
    if not text:
        raise Refused(
            f"the backups of {environment.name} are encrypted, and `{IDENTITY}` is not set",
            "give the secret age key to this one command: it should lie on no machine that takes backups",
        )
    return Secret(text)


def where(desk: Desk, environment: Environment) -> dict[str, list[Store]]:
    """By id, oldest first, the places that have it."""
    found: dict[str, list[Store]] = {}
    for store in stores(desk, environment):
        for each in store.ids():
            if ID.fullmatch(each):
                found.setdefault(each, []).append(store)
    return dict(sorted(found.items()))


@contextmanager
def fetched(
    desk: Desk, environment: Environment, backup: str, known: Mapping[str, catalog.Known] | None = None
) -> Iterator[tuple[Path, Manifest]]:
    """A folder (0700) with the plain files of a backup, each checked, and its manifest; removed afterwards.

    Args:
        environment: the one that it is of.
        backup: its id.
        known: what the ledger says of backups; where it knows this one, the manifest must be that very one.

    Raises:
        Refused: there is no such backup, a file is not what the manifest says, or the key does not fit.
    """
    store = next(iter(where(desk, environment).get(backup, [])), None)
    if store is None:
        raise Refused(
            f"there is no backup `{backup}` of {environment.name}",
            f"`invoke backup.list --env {environment.name}`",
        )
    text = store.manifest(backup)
    manifest = read(text)
    _demand_own(manifest, environment, backup)
    told = (known or {}).get(backup)
    if told and told.digest and told.digest != manifest.digest:
        raise Refused(f"the manifest of `{backup}` is not the one that the ledger knows: it was exchanged")
    with workplace.opened(folder(desk, environment).folder, f"read-{desk.new_id()}") as work:
        plain, raw = work / "plain", work / "raw"
        plain.mkdir(mode=0o700)
        raw.mkdir(mode=0o700)
        for name, file in manifest.files.items():
            _bring(desk, environment, store, manifest, (name, file), plain=plain, raw=raw)
        yield plain, manifest


def _bring(
    desk: Desk,
    environment: Environment,
    store: Store,
    manifest: Manifest,
    wanted: tuple[str, File],
    *,
    plain: Path,
    raw: Path,
) -> None:
    """One file, decrypted where it is encrypted, and checked as it lies there and as it reads."""
    name, file = wanted
    sealed = file.encrypted_sha256 is not None
    target = raw / f"{name}{SEALED}" if sealed else plain / name
    store.get(manifest.id, target.name, target)
    if sealed:
        found = File(*encryption.unseal(target, plain / name, identity(desk, environment)))
        target.unlink()
    else:
        found = File(*encryption.measured(target))
    if file != found:
        raise Refused(
            f"`{name}` of the backup `{manifest.id}` is damaged: it has {found.bytes} bytes with SHA-256"
            f" `{found.sha256[:12]}`, not {file.bytes} with `{file.sha256[:12]}`",
            "look for another copy of it; this one proves nothing",
        )


def _demand_own(manifest: Manifest, environment: Environment, backup: str) -> None:
    if manifest.id != backup or manifest.environment != environment.name:
        whose = f"`{manifest.id}` ({manifest.environment})"
        raise Refused(f"the manifest of `{backup}` is one of {whose}: it was exchanged")
