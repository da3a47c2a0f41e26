# pure
"""Whether a preview is over, by what was seen of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scripts.state.preview_lease import PreviewLease


@dataclass(frozen=True)
class Sight:
    """What was seen of a lease.

    Args:
        locked: a run holds the slot, and is alive.
        refs: of the remote.
        now: UTC, ISO 8601, to the second, as the lease's times are.
        contained: commits that the branch it merges into contains.
        before: commits that it contained when the preview began.
        pull: GitHub's word for its newest pull request: `open`, `merged`, `closed`; "" where none is known.
    """

    locked: bool
    refs: Mapping[str, str]
    now: str
    contained: Collection[str] = ()
    before: Collection[str] = ()
    pull: str = ""


def why_over(lease: PreviewLease, seen: Sight) -> str:
    """Why it should end; "" while it should not, or somebody is at work on it."""
    if seen.locked:
        return ""
    reasons = (
        ("its lease can't be read", not lease.state),
        (lease.said or "its end was begun", lease.state == "ending"),
        ("its run died", not lease.settled),
        ("its branch was deleted", f"refs/heads/{lease.branch}" not in seen.refs),
        (f"its pull request is {seen.pull}", seen.pull in ("merged", "closed")),
        ("its branch is merged", lease.commit in seen.contained and lease.commit not in seen.before),
        ("its time is over", lease.until <= seen.now),
    )
    return next((why for why, true in reasons if true), "")
