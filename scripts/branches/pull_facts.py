# pure
"""The pull request of a promotion as it stands: what forbids it, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.github.pulls import Check, Pull, Review

STUCK = {
    "blocked": "GitHub's rules do not allow the merge yet",
    "behind": "GitHub wants the branch to be up to date first",
}
METHODS = ("merge", "rebase", "squash")  # the first that the rules allow


@dataclass(frozen=True)
class PullFacts:
    """What GitHub says of the pull request from one branch into another.

    Args:
        head, base: the branches; `head` is the source's, or one that the desk makes for this commit.
        wanted: the commit that it shall bring.
        pull: None where there is none yet.
        needed: approvals that the rules of the base ask for.
        reviews: the last verdict of each person.
        makers: the accounts that made the commit: their approvals do not count.
        equal: the commits with the same files: a review of one of them counts.
        by_merge: the rules take no push, so that GitHub has to merge it.
        method: by which.
    """

    head: str
    base: str
    wanted: str
    pull: Pull | None = None
    checks: tuple[Check, ...] = ()
    needed: int = 0
    reviews: tuple[Review, ...] = ()
    makers: frozenset[str] = frozenset()
    equal: frozenset[str] = frozenset()
    by_merge: bool = False
    method: str = "merge"

    @property
    def name(self) -> str:
        """For people: `#3`."""
        return f"pull request #{self.pull.number}" if self.pull else "the pull request"

    @property
    def approvals(self) -> tuple[Review, ...]:
        """The approvals that count: of this very commit, by people who may merge and did not make it."""
        about = self.equal | {self.wanted}
        return tuple(
            each
            for each in self.reviews
            if each.state == "APPROVED"
            and each.counts
            and each.commit in about
            and each.who not in self.makers
        )

    @property
    def merged(self) -> bool:
        """GitHub has merged it."""
        return self.pull is not None and self.pull.state == "merged"

    @property
    def forbidden(self) -> str:
        """Why it can't be landed, whatever is waited for; "" if nothing forbids it."""
        return next(self._forbidden(self.pull), "") if self.pull else ""

    def _forbidden(self, pull: Pull) -> Iterator[str]:
        if pull.state == "closed":
            yield f"{self.name} was closed"
        if pull.head != self.wanted and not self.merged:
            yield f"the head of {self.name} moved to `{pull.head[:12]}`"
        failed = [str(each) for each in self.checks if each.state == "failed"]
        if failed:
            yield f"of {self.name} failed: {', '.join(failed)}"
        against = [each.who for each in self.reviews if each.state == "CHANGES_REQUESTED" and each.counts]
        if against:
            yield f"{' and '.join(against)} asked for changes in {self.name}"
        if pull.mergeable == "dirty" and self.by_merge:
            yield f"{self.name} has conflicts"

    @property
    def lacking(self) -> tuple[str, ...]:
        """What is waited for."""
        return tuple(self._lacking())

    def _lacking(self) -> Iterator[str]:
        if self.pull is None:
            yield "it is not opened yet"
        elif self.pull.draft:
            yield "it is a draft"
        words = {"pending": "is running", "missing": "has not reported yet"}
        yield from (
            f"check `{each.name}` {words[each.state]}" for each in self.checks if each.state in words
        )
        if len(self.approvals) < self.needed:
            yield f"{len(self.approvals)} of {self.needed} approvals"
        elif self.by_merge and self.pull and self.pull.mergeable in STUCK:
            yield STUCK[self.pull.mergeable]

    @property
    def objection(self) -> str:
        """Why it can't be landed now; "" if it can."""
        if self.forbidden or self.merged:
            return self.forbidden
        return f"{self.name} waits: {'; '.join(self.lacking)}" if self.lacking else ""

    def document(self) -> dict[str, Any]:
        """As JSON: for the plan, and for the ledger."""
        pull = self.pull
        return {
            "from": self.head,
            "into": self.base,
            "number": pull.number if pull else None,
            "url": pull.url if pull else None,
            "checks": {each.name: each.state for each in self.checks},
            "approved_by": [each.who for each in self.approvals],
            "approvals": self.needed,
            "lands_by": self.method if self.by_merge else "push",
        }
