"""The outbox: payloads on disk until a chat has them, so that a webhook that is down loses nothing.

One file (0600) for each event and target. Its name says whose it is and when it came:
`<configuration>.<time>.<event>.<environment>.<target>.json`; the address of the webhook is nowhere in it.
`<configuration>` is a digest of the configuration's folder: what a sandbox could not deliver is never
sent to the chat of the real team.

A sender holds the file's kernel lock (flock) from before the post until after the removal, so two
processes never send it at the same time, and the lock of a killed one is free at once. How often a
notice comes: exactly once, but for two windows that no client can close, because the vendors know no
idempotency key. Killed, or cut off from the answer, between the vendor's acceptance and our removal:
told a second time by the next run. Killed between a release's last push and `put`: never told (the
ledger has the event).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

REFUSED: Final = "refused"
KEPT = 20  # refused payloads
FORGOTTEN = 86_400.0  # seconds after which what belongs to a configuration that is gone is removed


@dataclass(frozen=True)
class Entry:
    """One payload for one target of one environment; without a file when the disk would not take it."""

    environment: str
    target: str
    file: Path | None
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def lane(self) -> tuple[str, str]:
        """Environment and target: entries of one lane go one after the other."""
        return self.environment, self.target


class Outbox:
    """The waiting payloads of one configuration.

    Args:
        folder: made when the first payload comes; of all configurations on this machine.
        configuration: the folder of `pipeline.toml`.
    """

    def __init__(self, folder: Path, configuration: Path) -> None:
        self._folder = folder
        self._configuration = configuration
        self._mark = hashlib.sha256(str(configuration).encode()).hexdigest()[:12]

    def put(self, event: str, environment: str, target: str, payload: Mapping[str, Any]) -> Entry:
        """Have a payload on disk before its first try; one that waits already for this event stays.

        Raises:
            OSError: the disk would not take it.
        """
        tail = f"{re.sub(r'[^A-Za-z0-9_-]', '_', event)[:80]}.{environment}.{target}.json"
        for known in self._folder.glob(f"{self._mark}.*.{tail}"):
            return Entry(environment, target, known)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / f"{self._mark}.{time.time_ns():020d}.{tail}"
        _write(file, {"configuration": str(self._configuration), "payload": payload})
        return Entry(environment, target, file)

    def waiting(self) -> list[Entry]:
        """What is still to be delivered, oldest first; it reads names only."""
        found = []
        for name in sorted(_names(self._folder)):
            mark, _, rest = name.partition(".")
            parts = rest.split(".")
            if mark != self._mark:
                self._forget(self._folder / name)
            elif len(parts) == 5 and parts[4] == "json":
                found.append(Entry(parts[2], parts[3], self._folder / name))
        return found

    @contextlib.contextmanager
    def claim(self, entry: Entry) -> Iterator[Mapping[str, Any] | None]:
        """The payload, ours alone inside; None when another sender has it, or it is gone."""
        if entry.file is None:
            yield entry.payload
            return
        handle = _locked(entry.file)
        if handle is None:
            yield None
            return
        try:
            yield _payload(handle)
        finally:
            os.close(handle)

    def remove(self, entry: Entry) -> None:
        """It was delivered."""
        if entry.file is not None:
            entry.file.unlink(missing_ok=True)

    def refuse(self, entry: Entry, why: str) -> None:
        """Nobody will ever take it: keep it for people, with the reason, and only the newest few."""
        if entry.file is None:
            return
        folder = self._folder / REFUSED
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            document = json.loads(entry.file.read_bytes())
        except ValueError:
            document = {}
        _write(folder / entry.file.name, {**document, "why": why})
        entry.file.unlink(missing_ok=True)
        by_time = sorted(_names(folder), key=lambda name: name.partition(".")[2])
        for name in by_time[:-KEPT]:
            (folder / name).unlink(missing_ok=True)

    def _forget(self, file: Path) -> None:
        """What a sandbox that is gone left behind, or a writer that was killed."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if time.time() - file.stat().st_mtime < FORGOTTEN:
                return
            part = file.name.startswith("part-")
            if part or not Path(json.loads(file.read_bytes())["configuration"]).exists():
                file.unlink()


def _names(folder: Path) -> list[str]:
    try:
        return [each.name for each in os.scandir(folder) if each.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _locked(file: Path) -> int | None:
    """The file, open and locked by us; None when somebody else has it, or removed it meanwhile."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_nlink:
            return handle
    except BlockingIOError:
        pass
    os.close(handle)
    return None


def _payload(handle: int) -> Mapping[str, Any]:
    """What the file holds; a spoilt one holds nothing, which every vendor refuses."""
    try:
        with os.fdopen(handle, "rb", closefd=False) as file:
            document = json.loads(file.read())
        return dict(document["payload"])
    except (ValueError, KeyError, TypeError):
        return {}


def _write(file: Path, document: Mapping[str, Any]) -> None:
    """Private, whole or not at all, and on disk when this returns."""
    beside = file.with_name(f"part-{os.getpid()}-{file.name}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(json.dumps(document).encode())
            out.flush()
            os.fsync(out.fileno())
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
