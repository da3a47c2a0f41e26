"""The lock: who holds an environment, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FILE = "lock.json"


@dataclass(frozen=True)
class Lock:
    """The content of `lock.json` in the parentless commit that the lock ref points at.

    Args:
        nonce: makes two locks of one run differ, so that only the owner can release it.
        acquired_at: UTC, ISO 8601, by the owner's clock: for people, never compared.
    """

    run: str
    nonce: str
    actor: str
    host: str
    task: str
    environment: str
    commit: str
    acquired_at: str

    def document(self) -> dict[str, Any]:
        """The lock as JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.actor or 'somebody'} on `{self.host}` since {self.acquired_at}"
            f" (`{self.task}` of `{self.commit[:12]}`, run {self.run})"
        )


def lock_ref(environment: str) -> str:
    """The ref that is the lock of an environment."""
    return f"refs/deploy/lock/{environment}"


def candidate_ref(environment: str, run: str) -> str:
    """The ref under which a workspace can fetch the commit before the branch moves."""
    return f"refs/deploy/candidate/{environment}/{run}"


def lock_of(document: Mapping[str, Any]) -> Lock:
    """Read a lock; a key that is not there is an empty text."""
    keys = Lock.__dataclass_fields__
    return Lock(**{key: str(document.get(key, "")) for key in keys})
