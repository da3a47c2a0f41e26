# pure
"""What a launcher says of itself at `/-/release`; the answer is read as what anybody may have written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.system.documents import parse_json

VERSION = 1  # of the launcher that `init --launcher` writes today
COMMIT = re.compile(r"[0-9a-f]{40}")
LONGEST = 200  # characters of one text; the log has its own limit
LOG = 8192
READY = "ready"


@dataclass(frozen=True)
class Failed:
    """What did not work.

    Args:
        step: "fetch", "refused", "build", "scan", "start" or "health".
        log: the last lines of what was said.
    """

    commit: str
    step: str
    reason: str
    log: str = ""


@dataclass(frozen=True)
class Report:
    """What one instance says.

    Args:
        version: of the launcher.
        instance: a random id.
        wanted, live: commits; None for none.
        state: what it is doing, such as "building".
        prepared: commit -> "ready", "failed", or what is being done for it.
        kept: commits that can go live without a build.
        problem: why the remote can't be read; "" if it can.
        looked: when it was read last, by the launcher's clock.
    """

    version: int
    instance: str
    environment: str
    wanted: str | None = None
    live: str | None = None
    state: str = ""
    prepared: Mapping[str, str] = field(default_factory=dict)
    failed: Failed | None = None
    kept: frozenset[str] = frozenset()
    problem: str = ""
    looked: str = ""

    def has(self, commit: str) -> bool:
        """Whether that commit can go live without a build."""
        return commit == self.live or commit in self.kept or self.prepared.get(commit) == READY

    def failure_of(self, commit: str | None) -> Failed | None:
        """What did not work, if it was that commit; of several failures one alone is told in full."""
        if self.failed and self.failed.commit == commit:
            return self.failed
        if commit and self.prepared.get(commit) == "failed":
            return Failed(commit, "build", "the log of the app on Replit says why")
        return None


def read_report(body: bytes) -> Report:
    """The report in an answer.

    Raises:
        ValueError: it is none.
    """
    document = parse_json(body)
    if not isinstance(document, Mapping) or not re.fullmatch(r"[0-9]{1,4}", str(document.get("launcher"))):
        raise ValueError("it is no report of a launcher")
    prepared = _table(document.get("prepared"))
    remote = _table(document.get("remote"))
    return Report(
        version=int(str(document["launcher"])),
        instance=_text(document.get("instance")),
        environment=_text(document.get("environment")),
        wanted=_commit(document.get("wanted")),
        live=_commit(document.get("live")),
        state=_text(document.get("state")),
        prepared={key: _text(value) for key, value in prepared.items() if _commit(key)},
        failed=_failed(document.get("failed")),
        kept=frozenset(_commits(document.get("warm")) | _commits(document.get("kept"))),
        problem=_text(remote.get("problem")),
        looked=_text(remote.get("seen")),
    )


def _failed(value: Any) -> Failed | None:
    table = _table(value)
    commit = _commit(table.get("commit"))
    if commit is None:
        return None
    log = table.get("log")
    return Failed(
        commit,
        _text(table.get("step")),
        _text(table.get("reason")),
        log[-LOG:] if isinstance(log, str) else "",
    )


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _commit(value: Any) -> str | None:
    return value if isinstance(value, str) and COMMIT.fullmatch(value) else None


def _commits(value: Any) -> set[str]:
    found = map(_commit, value) if isinstance(value, list) else ()
    return {each for each in found if each}


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(each if each.isprintable() else " " for each in text[:LONGEST])
