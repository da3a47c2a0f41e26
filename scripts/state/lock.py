# pure
"""The lock: which run holds an environment, since when, and what it is doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

LOCK_FILE = "lock.json"


@dataclass(frozen=True)
class Lock:
    """The content of `lock.json` in the parentless commit that the lock ref points at.

    Args:
        nonce: makes two locks of one run differ, so that only the owner can release it.
        source: the environment that is promoted from; empty for other tasks.
        release: the release that a rollback goes back to; empty for other tasks.
        acquired_at: UTC, ISO 8601, by the owner's clock: for people, never compared.
        step: what the run is doing.
        back: why the run undoes its work; empty while it goes forward.
        journal: digest of the run's journal so far.
        beat: counts the heartbeats.
        request: the fields of the request that are not at their default, for `resume`.
        ttl: seconds without a heartbeat after which the run counts as dead.
    """

    run: str
    nonce: str
    actor: str
    host: str
    task: str
    environment: str
    commit: str
    acquired_at: str
    source: str = ""
    release: str = ""
    reason: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    step: str = "lock"
    back: str = ""
    journal: str = ""
    beat: int = 0
    ttl: float = 90

    def document(self) -> dict[str, Any]:
        """The lock as JSON."""
        return asdict(self)

    def alive(self, **news: str) -> Lock:
        """The content of the next heartbeat."""
        return replace(self, beat=self.beat + 1, **news)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return (
            f"{self.actor or 'somebody'} on `{self.host}` since {self.acquired_at}"
            f" (`{self.task}` of `{self.commit[:12]}`, run {self.run}, at `{self.step}`)"
        )


def lock_ref(environment: str) -> str:
    """The ref that is the lock of an environment."""
    return f"refs/deploy/lock/{environment}"


def candidate_ref(environment: str, run: str) -> str:
    """The ref under which a workspace can fetch the commit before the branch moves."""
    return f"refs/deploy/candidate/{environment}/{run}"


def lock_of(document: Mapping[str, Any]) -> Lock:
    """Read a lock; a key that is not there, or of another kind, is its default or an empty text."""
    values: dict[str, Any] = {}
    for spec in fields(Lock):
        kind: type = {"int": int, "float": float, "str": str}.get(str(spec.type), dict)
        value = document.get(spec.name)
        if isinstance(value, str) and kind is str:
            values[spec.name] = "".join(c if c.isprintable() else "\ufffd" for c in value)
        elif isinstance(value, kind) or (kind is float and isinstance(value, int)):
            values[spec.name] = value
        elif spec.default is MISSING and kind is str:
            values[spec.name] = ""
    return Lock(**values)
