"""The lease of a preview's slot: which branch has it, until when, and how it stands.

`refs/deploy/preview/<slot>` points at a commit with `lease.json`, whose parent is the commit that is shown.
It moves by compare-and-swap, in one push with the lock of who works on the slot, which is
`refs/deploy/lock/preview-<slot>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, NamedTuple

from scripts.config.desk import Desk
from scripts.config.parse import BRANCH
from scripts.config.preview_settings import SLOT
from scripts.state.event_rules import COMMIT

FILE = "lease.json"
PREFIX = "refs/deploy/preview/"
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00")  # texts can be compared
STATES = ("starting", "updating", "up", "failed", "ending")


@dataclass(frozen=True)
class PreviewLease:
    """The content of `lease.json`.

    Args:
        commit: what is shown, or is about to be.
        base: where the branch that it merges into was then.
        since, until: UTC, ISO 8601.
        run: the run that wrote it.
        state: one of `STATES`; "" for a lease that no desk wrote, whose `said` is why.
        live: the commit that the slot's URL has proven last; "" for none.
        database: {"kind": "server", "name": "preview_app_one"}; {} for none.
        pull: the number of the pull request; 0 for none.
        said: why it failed, or ends.
    """

    slot: str
    branch: str
    commit: str
    base: str
    owner: str
    host: str
    since: str
    until: str
    run: str
    state: str = ""
    live: str = ""
    database: Mapping[str, str] = field(default_factory=dict)
    pull: int = 0
    said: str = ""

    def __str__(self) -> str:
        if not self.state:
            return f"{self.slot}: a lease that can't be read: {self.said}"
        who = f"{self.owner or 'somebody'} on `{self.host}`"
        return f"{self.slot}: `{self.branch}` by {who} until {self.until}"

    @property
    def settled(self) -> bool:
        """Nobody has to do anything for it to be what it says."""
        return self.state in ("up", "failed")


class Known(NamedTuple):
    """A lease, and the commit that its ref points at."""

    id: str
    lease: PreviewLease


def lease_ref(slot: str) -> str:
    """The ref that is the lease of a slot."""
    return f"{PREFIX}{slot}"


def observe_leases(desk: Desk, *wanted: str) -> tuple[dict[str, str], dict[str, Known]]:
    """The remote's refs, and every lease by its slot; the objects of `wanted` are there as well.

    Raises:
        Unreachable: the remote can't be read.
    """
    leased = [ref for ref in desk.git.ls_remote() if ref.startswith(PREFIX)]
    refs = desk.git.fetch([*leased, *wanted])
    return refs, leases_at(desk, refs)


def leases_at(desk: Desk, refs: Mapping[str, str]) -> dict[str, Known]:
    """Every lease by its slot, by refs whose objects were just fetched."""
    found = {}
    for ref, commit in sorted(refs.items()):
        if ref.startswith(PREFIX):
            slot = ref.removeprefix(PREFIX)
            link = desk.git.document(commit, FILE)
            found[slot] = Known(commit, checked_lease(link.document, slot, link.fault))
    return found


def write_lease(desk: Desk, lease: PreviewLease) -> str:
    """Make the commit of a lease; returns its id."""
    subject = f"preview {lease.slot}: {lease.state} by {lease.owner}"
    return desk.git.commit_json(FILE, asdict(lease), subject, lease.commit or None)


def checked_lease(document: Mapping[str, Any], slot: str, fault: str = "") -> PreviewLease:
    """Read a lease; one that no desk wrote says why, and is else empty.

    Args:
        fault: why there is no document.
    """
    lease = _lease_of(document)
    if not fault and not (SLOT.fullmatch(slot) and lease.slot == slot):
        fault = f"it is not of {slot}"
    named = COMMIT.fullmatch(lease.commit) and BRANCH.fullmatch(
        lease.branch
    )  # people paste it into a shell
    if not fault and not (named and TIME.fullmatch(lease.until)):
        fault = "it names no commit, branch or end"
    if not fault and lease.state not in STATES:
        fault = "its `state` is none"
    return PreviewLease(slot, "", "", "", "", "", "", "", "", said=fault) if fault else lease


def _lease_of(document: Mapping[str, Any]) -> PreviewLease:
    values: dict[str, Any] = {}
    for spec in fields(PreviewLease):
        value = document.get(spec.name)
        if spec.name == "database":
            values[spec.name] = (
                {str(key): _plain(each) for key, each in value.items()} if isinstance(value, dict) else {}
            )
        elif spec.name == "pull":
            values[spec.name] = value if type(value) is int and value > 0 else 0
        elif isinstance(value, str):
            values[spec.name] = _plain(value)
        elif spec.default is MISSING:
            values[spec.name] = ""
    return PreviewLease(**values)


def _plain(text: object) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in str(text))[:500]
