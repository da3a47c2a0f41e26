# pure
"""Alignment: each branch contains the next one of the chain, so that promotions fast-forward."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.config.outcome import Refusal
from scripts.git.client import Commit

SHOWN = 8  # commits and files of one move that people see


@dataclass(frozen=True)
class Head:
    """The head of a branch: its commit, and the tree of its files."""

    environment: str
    branch: str
    commit: str
    tree: str


@dataclass(frozen=True)
class Meeting:
    """What it takes for `into` to contain `other`.

    Args:
        strangers: the commits of `other` that `into` lacks, newest first.
        ahead: `into` has commits that `other` lacks, so it can't be fast-forwarded.
        own: how many of the strangers have content that `into` never had, or has left behind.
        copies: how many others change a file themselves, as squashed and rebased commits do.
        twin: a commit of `into`'s own with the very files of `other`.
        merged: the tree of `into` afterwards.
        conflicts: the files that a person has to merge.
        changes: the files of `into` that would differ afterwards, such as `M app.js`.
    """

    into: Head
    other: Head
    strangers: tuple[Commit, ...] = ()
    ahead: bool = True
    own: int = 0
    copies: int = 0
    twin: str | None = None
    merged: str = ""
    conflicts: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def how(self) -> str:
        """`fast-forward`, `merge`, `conflict`, or `nothing`."""
        if not self.strangers:
            return "nothing"
        if self.conflicts:
            return "conflict"
        return "merge" if self.ahead else "fast-forward"

    @property
    def unchanged(self) -> bool:
        """Not one file of `into` changes."""
        return not self.conflicts and self.merged in ("", self.into.tree)

    @property
    def harmless(self) -> bool:
        """What `into` lacks brings no content: merges of GitHub's buttons, squashed or empty commits."""
        return bool(self.strangers) and self.unchanged and self.own == 0

    @property
    def verdict(self) -> str:
        """What happens to the files, in words."""
        one = len(self.strangers) == 1
        its = "its" if one else "their"
        if self.conflicts:
            return f"conflicts in {listed(self.conflicts)}"
        if self.harmless and self.twin and self.copies:
            return f"no file changes: the content is that of `{self.twin[:12]}`, which it has already"
        if self.harmless:
            if one:
                return "no file changes: it brings no content of its own"
            return "no file changes: they bring no content of their own"
        if self.unchanged:
            return f"no file changes: `{self.into.branch}` has {its} content already"
        files = counted(len(self.changes), "file")
        place = f"`{self.into.branch}`: {listed(self.changes)}"
        return f"it changes {files} of {place}" if one else f"they change {files} of {place}"

    @property
    def message(self) -> str:
        """The message of the merge commit."""
        subject = f"Merge branch '{self.other.branch}' into {self.into.branch}"
        return f"{subject}\n\n{self.verdict[:1].upper()}{self.verdict[1:]}.\n"

    def words(self) -> Iterator[str]:
        """The move for people."""
        count = counted(len(self.strangers), "commit")
        yield f"`{self.other.branch}` into `{self.into.branch}`: {self.how}, {count}, {self.verdict}"
        for commit in self.strangers[:SHOWN]:
            yield f"  | {commit.id[:12]} {commit.at[:10]} {commit.author}: {commit.subject}"
        if len(self.strangers) > SHOWN:
            yield f"  | and {len(self.strangers) - SHOWN} more"


@dataclass(frozen=True)
class Move:
    """One branch that moves, and where to."""

    meeting: Meeting
    new: str

    @property
    def environment(self) -> str:
        """The environment whose branch moves."""
        return self.meeting.into.environment

    @property
    def branch(self) -> str:
        """The branch that moves."""
        return self.meeting.into.branch

    @property
    def old(self) -> str:
        """Where it is now."""
        return self.meeting.into.commit

    def document(self) -> dict[str, Any]:
        """The move as JSON."""
        return {
            "environment": self.environment,
            "branch": self.branch,
            "from": self.meeting.other.branch,
            "how": self.meeting.how,
            "old": self.old,
            "new": self.new,
            "harmless": self.meeting.harmless,
            "changes": list(self.meeting.changes),
            "commits": [vars(commit) for commit in self.meeting.strangers],
        }


@dataclass(frozen=True)
class Alignment:
    """The moves in order, from the end of the chain to its beginning; or why there are none.

    Args:
        heads: the branches that are looked at, the last of the chain first.
        moves: each branch that has to move; a branch goes into the next one as it is after its own move.
        stuck: the merge that needs a person; then nothing moves at all.
    """

    remote: str
    heads: tuple[Head, ...]
    moves: tuple[Move, ...]
    stuck: Meeting | None = None

    @property
    def nothing(self) -> str | None:
        """Why there is nothing to do, None when there is."""
        if self.moves or self.stuck:
            return None
        names = " -> ".join(f"`{head.branch}`" for head in reversed(self.heads))
        return f"the branches are aligned: {names}, each has all that the next one has"

    @property
    def unchanged(self) -> bool:
        """Not one file of any branch changes."""
        return self.stuck is None and all(move.meeting.unchanged for move in self.moves)

    @property
    def harmless(self) -> bool:
        """Only commits without content of their own move."""
        return bool(self.moves) and self.stuck is None and all(move.meeting.harmless for move in self.moves)

    @property
    def refused(self) -> Refusal | None:
        """Why a person has to merge, with the commands; None when no one has to."""
        if self.stuck is None:
            return None
        into, other = self.stuck.into, self.stuck.other
        first = ""
        if self.moves:  # what went into `other` so far is not on the remote yet
            source = self.heads[0].environment
            first = f"first `invoke backmerge --from {source} --to {other.environment} --yes`, then "
        return Refusal(
            f"`{other.branch}` can't be merged into `{into.branch}` by itself: {self.stuck.verdict}"
            "; nothing was moved",
            f"{first}by hand: `{by_hand(self.remote, into.branch, other.branch)}`, fix the files and"
            f" commit, then `git push {self.remote} HEAD:{shlex.quote(into.branch)}`",
        )

    @property
    def following(self) -> str:
        """The commands that release what moved."""
        calls = [f"`invoke deploy --env {move.environment}`" for move in self.moves]
        return "next: " + ", then ".join(calls)

    def words(self) -> Iterator[str]:
        """The plan for people, line by line."""
        for move in self.moves:
            yield from move.meeting.words()
        if self.stuck:
            yield from self.stuck.words()
        elif self.moves:
            names = ", ".join(f"`{move.branch}`" for move in self.moves)
            yield f"one atomic push moves {names}; no force, and no environment is released"
            if self.harmless:
                yield "harmless: not one file of any branch changes"

    def document(self) -> dict[str, Any]:
        """The plan as JSON; `trees` are the ids before, and what they are to be after."""
        after = {move.branch: move.meeting.merged for move in self.moves}
        return {
            "moves": [move.document() for move in self.moves],
            "trees": {
                head.branch: {"before": head.tree, "after": after.get(head.branch, head.tree)}
                for head in self.heads
            },
            "harmless": self.harmless,
            "unchanged": self.unchanged,
            "conflicts": list(self.stuck.conflicts) if self.stuck else [],
        }


def by_hand(remote: str, into: str, other: str) -> str:
    """The commands of the merge, for any clone; they need no local branch."""
    into, other = shlex.quote(into), shlex.quote(other)
    return (
        f"git fetch {remote} {into} && git switch --detach FETCH_HEAD"
        f" && git pull --no-rebase {remote} {other}"
    )


def counted(number: int, noun: str) -> str:
    """`1 commit`, `2 commits`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(names: tuple[str, ...]) -> str:
    """The first names in backticks, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"`{name}`" for name in names[:SHOWN]) + more
