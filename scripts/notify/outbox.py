"""The outbox: payloads stay on disk until a chat has accepted them, so an outage loses nothing.

One file (mode 0600) for each event and target, named
`<configuration>.<time>.<event>.<environment>.<target>.json`. The webhook's URL is not in it.
`<configuration>` is a digest of the configuration's folder: a notice that a sandbox could not deliver
never goes to the real team's chat.

A sender holds the file's kernel lock (flock) from before the post until after the removal, so two
processes never send it at the same time, and the lock of a killed process is free at once. Delivery is
exactly once, except in two cases that no client can rule out, because the vendors have no idempotency
key. A sender that is killed, or loses the connection, after the vendor accepted the post and before the
file is removed: the next run sends it again. A run that is killed between a release's last push and
`put`: the notice is never sent (the event is in the ledger).
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
KEEP_REFUSED = 20  # payloads
MAX_ORPHAN_AGE = 86_400.0  # seconds after which the files of a deleted configuration are removed


@dataclass(frozen=True)
class Entry:
    """One payload for one target of one environment; `file` is None when it could not be written."""

    environment: str
    target: str
    file: Path | None
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def lane(self) -> tuple[str, str]:
        """Environment and target. Entries of one lane are sent in order."""
        return self.environment, self.target


class Outbox:
    """The waiting payloads of one configuration.

    Args:
        folder: for all configurations on this machine; created with the first payload.
        configuration: the folder of `pipeline.toml`.
    """

    def __init__(self, folder: Path, configuration: Path) -> None:
        self._folder = folder
        self._configuration = configuration
        self._mark = hashlib.sha256(str(configuration).encode()).hexdigest()[:12]

    def put(self, event: str, environment: str, target: str, payload: Mapping[str, Any]) -> Entry:
        """Write a payload to disk before its first try. One that already waits for this event stays.

        Raises:
            OSError: it could not be written.
        """
        tail = f"{re.sub(r'[^A-Za-z0-9_-]', '_', event)[:80]}.{environment}.{target}.json"
        for existing in self._folder.glob(f"{self._mark}.*.{tail}"):
            return Entry(environment, target, existing)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / f"{self._mark}.{time.time_ns():020d}.{tail}"
        _write(file, {"configuration": str(self._configuration), "payload": payload})
        return Entry(environment, target, file)

    def waiting(self) -> list[Entry]:
        """The entries to deliver, oldest first. Reads file names only."""
        entries = []
        for name in sorted(_names(self._folder)):
            mark, _, rest = name.partition(".")
            parts = rest.split(".")
            if mark != self._mark:
                self._remove_orphan(self._folder / name)
            elif len(parts) == 5 and parts[4] == "json":
                entries.append(Entry(parts[2], parts[3], self._folder / name))
        return entries

    @contextlib.contextmanager
    def claim(self, entry: Entry) -> Iterator[Mapping[str, Any] | None]:
        """Lock an entry and yield its payload; None when another sender holds it, or it is gone."""
        if entry.file is None:
            yield entry.payload
            return
        handle = _lock(entry.file)
        if handle is None:
            yield None
            return
        try:
            yield _payload(handle)
        finally:
            os.close(handle)

    def remove(self, entry: Entry) -> None:
        """Remove an entry that was delivered."""
        if entry.file is not None:
            entry.file.unlink(missing_ok=True)

    def refuse(self, entry: Entry, why: str) -> None:
        """Move an entry that no retry can deliver to `refused`, with the reason; keep the newest few."""
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
        for name in by_time[:-KEEP_REFUSED]:
            (folder / name).unlink(missing_ok=True)

    def _remove_orphan(self, file: Path) -> None:
        """Remove an old file of a deleted configuration, or of a writer that was killed."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if time.time() - file.stat().st_mtime < MAX_ORPHAN_AGE:
                return
            partial = file.name.startswith("part-")
            if partial or not Path(json.loads(file.read_bytes())["configuration"]).exists():
                file.unlink()


def _names(folder: Path) -> list[str]:
    try:
        return [file.name for file in os.scandir(folder) if file.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _lock(file: Path) -> int | None:
    """Open and lock the file; None when another process holds it, or has just removed it."""
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
    """The payload in the file; a damaged file gives an empty one, which every vendor refuses."""
    try:
        with os.fdopen(handle, "rb", closefd=False) as file:
            document = json.loads(file.read())
        return dict(document["payload"])
    except (ValueError, KeyError, TypeError):
        return {}


def _write(file: Path, document: Mapping[str, Any]) -> None:
    """Write a private file atomically; it is on disk when this returns."""
    partial = file.with_name(f"part-{os.getpid()}-{file.name}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(json.dumps(document).encode())
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
