# pure
"""The lock: which run holds an environment, since when, and what it is doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

from scripts.state.event_rules import COMMIT, RUN

LOCK_FILE = "lock.json"
FREE = {"state": "free"}  # the key `lock` of a document, where nobody holds it
CANDIDATES = "refs/deploy/candidate/"
LONGEST_TTL = 600.0  # seconds; a lock that says more was not written by a desk


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
        functions: Edge Functions that the run deploys: name -> what the project listed before, or null.
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
    functions: Mapping[str, Any] = field(default_factory=dict)
    ttl: float = 90

    def document(self) -> dict[str, Any]:
        """The lock as JSON."""
        return asdict(self)

    def alive(self, **news: Any) -> Lock:
        """The content of the next heartbeat."""
        return replace(self, beat=self.beat + 1, **news)

    @property
    def readable(self) -> bool:
        """A desk wrote it, so its run can be finished or undone."""
        return bool(self.run)

    def __str__(self) -> str:
        if not self.readable:
            return f"a lock that can't be read: {self.reason}"
        return (
            f"{self.actor or 'somebody'} on `{self.host}` since {self.acquired_at}"
            f" (`{self.task}` of `{self.commit[:12]}`, run {self.run}, at `{self.step}`)"
        )


def lock_ref(environment: str) -> str:
    """The ref that is the lock of an environment."""
    return f"refs/deploy/lock/{environment}"


def candidate_ref(environment: str, run: str) -> str:
    """The ref under which a workspace can fetch the commit before the branch moves."""
    return f"{CANDIDATES}{environment}/{run}"


def blockers(refs: Mapping[str, str], environment: str) -> dict[str, str]:
    """The refs beside which git can make no lock of this environment, or no candidate, with their ids.

    A ref is a file or a folder, never both: one above or below the lock's name is in its way.
    """
    lock, candidates = lock_ref(environment), f"{CANDIDATES}{environment}"
    above = {"refs/deploy", lock.rpartition("/")[0], CANDIDATES.rstrip("/"), candidates}
    return {ref: target for ref, target in refs.items() if ref.startswith(f"{lock}/") or ref in above}


def blocked(refs: Mapping[str, str], environment: str) -> str:
    """What `blockers` finds, in words with the way out; "" if nothing is in the way."""
    found = ", ".join(f"`{ref}`" for ref in sorted(blockers(refs, environment)))
    way_out = f"`invoke lock.steal --env {environment} --reason ...` removes it"
    return (
        f"{found} on the remote is in the way of the lock: no task can lock {environment}; {way_out}"
        if found
        else ""
    )


def strays(refs: Mapping[str, str], own: Lock | None = None) -> dict[str, str]:
    """The candidates whose run is over, with their ids: those of environments that are not locked.

    Of the environment that `own` holds, all but its own: they come and go in one push with the lock.
    """
    found = {}
    for ref, commit in refs.items():
        environment, _, run = ref.removeprefix(CANDIDATES).partition("/")
        if not ref.startswith(CANDIDATES) or not run:
            continue
        holds = own is not None and own.environment == environment
        if (own and holds and run != own.run) or (not holds and lock_ref(environment) not in refs):
            found[ref] = commit
    return found


def time_to_live(lock: Lock | None, usual: float) -> float:
    """Seconds of silence after which the owner of a lock is dead; `usual` where it does not say."""
    return lock.ttl if lock and lock.readable and 1 <= lock.ttl <= LONGEST_TTL else usual


def checked_lock(document: Mapping[str, Any], environment: str, fault: str = "") -> Lock:
    """Read the lock of an environment; one that no desk wrote says why, and is else empty.

    Args:
        fault: why there is no document.
    """
    lock = lock_of(document)
    if not fault and not RUN.fullmatch(lock.run):
        fault = "its `run` is no id of a run"
    if not fault and not COMMIT.fullmatch(lock.commit):
        fault = "its `commit` is no commit id"
    if not fault and lock.environment != environment:
        fault = f"it is not of {environment}"
    if not fault:
        return lock
    return Lock("", "", "", "", "", environment, "", "", reason=fault)


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
