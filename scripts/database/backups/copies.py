"""The copies of a backup: what is found in each place, compared with the manifest and with the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from scripts.database.backups.catalog import BackupRecord
from scripts.database.backups.manifest import ENCRYPTED, MANIFEST, File, Manifest, parse_manifest
from scripts.database.backups.store import Store
from scripts.errors import BackupFault, DeskError, Unreachable

State = Literal["intact", "damaged", "gone", "unreadable", "elsewhere"]


@dataclass(frozen=True)
class Copy:
    """A copy of a backup in one place, as it was found.

    Args:
        state: `gone`: the place was read, and nothing of the backup is in it; `unreadable`: the place can't
            be read, so nobody knows; `elsewhere`: on another machine, by the ledger.
        why: what is wrong with it; "" if it is intact.
    """

    place: str
    state: State
    why: str = ""

    def document(self) -> dict[str, Any]:
        """In the JSON document of `backup.list`."""
        return dict(vars(self))


def look_at(
    store: Store, environment: str, backup: str, record: BackupRecord | None, *, deep: bool = False
) -> Copy:
    """Compare the copy in a store with its manifest, and the manifest with the ledger's record.

    Args:
        environment: the one that the backup is of.
        record: the ledger's; None: the manifest is compared with nothing.
        deep: every file is read to its end, so that a single wrong bit is found; otherwise sizes count.
    """
    try:
        sizes = store.sizes(backup)
        if not sizes:
            return Copy(store.place, "gone", "nothing of it is there")
        if MANIFEST not in sizes:
            return Copy(store.place, "damaged", f"`{MANIFEST}` is missing")
        manifest = checked_manifest(store, environment, backup, record)
        faults = [fault for name, file in manifest.files.items() for fault in _wrong(sizes, name, file)]
        if deep and not faults:
            faults = [
                fault
                for name, file in manifest.files.items()
                for fault in _differs(store, backup, name, file)
            ]
    except Unreachable as fault:
        return Copy(store.place, "unreadable", one_line(fault))
    except BackupFault as fault:
        return Copy(store.place, "damaged", one_line(fault))
    return Copy(store.place, "damaged", "; ".join(faults)) if faults else Copy(store.place, "intact")


def checked_manifest(store: Store, environment: str, backup: str, record: BackupRecord | None) -> Manifest:
    """The manifest in a store, which must be of this backup, and byte by byte the one that was recorded.

    Raises:
        BackupFault: it is missing, or another.
        Unreachable: the store can't be read.
    """
    text = store.manifest(backup)
    recorded = not (record and record.digest) or record.digest == hashlib.sha256(text).hexdigest()
    try:
        manifest = parse_manifest(text)
    except BackupFault:
        if recorded:
            raise
        raise _exchanged(backup) from None
    if manifest.id != backup or manifest.environment != environment:
        owner = f"`{manifest.id}` ({manifest.environment})"
        raise BackupFault(f"the manifest of `{backup}` is one of {owner}: it was exchanged")
    if not recorded:
        raise _exchanged(backup)
    return manifest


def stored_name(name: str, file: File) -> str:
    """The name of a manifest's file in a store."""
    return name if file.encrypted_sha256 is None else f"{name}{ENCRYPTED}"


def stored_file(file: File) -> tuple[int, str]:
    """Bytes and SHA-256 that a manifest's file has in a store."""
    if file.encrypted_sha256 is None or file.encrypted_bytes is None:
        return file.bytes, file.sha256
    return file.encrypted_bytes, file.encrypted_sha256


def one_line(fault: DeskError) -> str:
    """The message of a fault on one line, to stand in a list."""
    return " ".join(line.strip().removeprefix("| ") for line in fault.message.splitlines())


def _exchanged(backup: str) -> BackupFault:
    return BackupFault(
        f"the manifest of `{backup}` is not the one that the ledger recorded: it was edited or exchanged"
    )


def _wrong(sizes: dict[str, int], name: str, file: File) -> Iterator[str]:
    stored, (size, _) = stored_name(name, file), stored_file(file)
    if stored not in sizes:
        yield f"`{stored}` is missing"
    elif sizes[stored] != size:
        yield f"`{stored}` has {sizes[stored]} bytes, not {size}"


def _differs(store: Store, backup: str, name: str, file: File) -> Iterator[str]:
    stored, expected = stored_name(name, file), stored_file(file)
    actual = store.digest(backup, stored)
    if actual != expected:
        yield f"`{stored}` differs: its SHA-256 is `{actual[1][:12]}`, not `{expected[1][:12]}`"
