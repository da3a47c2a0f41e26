"""What commits bring: content of their own, or only what another history has already.

GitHub's buttons make new commits of known files: a merge commit, one squashed commit, or rebased copies.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.git.history import Row

if TYPE_CHECKING:
    from scripts.git.merge import MergingGit


@dataclass(frozen=True)
class Brought:
    """What the commits of one history bring to another.

    Args:
        strangers: how many commits the other history lacks.
        own: those of them whose content it never had, or has left behind: a fix, a revert.
        copies: how many of the others change a file themselves: squashed, rebased.
        twin: the commit of the other history with the very files that these commits end in.
    """

    strangers: int
    own: tuple[str, ...]
    copies: int = 0
    twin: str | None = None


def brought(git: MergingGit, into: str, other: str) -> Brought:
    """What `other` brings to `into`.

    A commit has no content of its own if `into` had its very files, not before those of its parents (so a
    revert is found, although its files are old ones); or if it is empty, a clean merge, or a copy of a
    commit of `into` by its changes.
    """
    strangers = git.history(other, into)
    if not strangers:
        return Brought(0, ())
    known = git.history(into)
    places = {row.id: place for place, row in enumerate(known)}
    trees = {row.id: row.tree for row in (*known, *strangers)}
    by_tree = defaultdict[str, list[int]](list)
    for place, row in enumerate(known):
        by_tree[row.tree].append(place)
    doubtful: list[str] = []
    copies, twin = 0, None
    for row in strangers:
        least = max((places.get(parent, 0) for parent in row.parents), default=0)
        found = by_tree[row.tree]
        next_one = bisect_left(found, least)
        twin = known[found[next_one]].id if next_one < len(found) else None
        places[row.id] = found[next_one] if twin else least
        empty = len(row.parents) == 1 and trees.get(row.parents[0]) == row.tree
        copies += len(row.parents) < 2 and not empty
        if not (twin or empty or _is_clean_merge(git, row)):
            doubtful.append(row.id)
    if doubtful:
        copied = git.copied(into, other)
        doubtful = [each for each in doubtful if each not in copied]
    return Brought(len(strangers), tuple(doubtful), copies, twin)


def _is_clean_merge(git: MergingGit, row: Row) -> bool:
    """Whether git makes the same merge by itself."""
    if len(row.parents) != 2:
        return False
    merged = git.merge_tree(*row.parents)
    return not merged.conflicts and merged.tree == row.tree


def adds_nothing(git: MergingGit, commit: str, base: str) -> bool:
    """Whether a commit with the same files as `base` may stand for it.

    It may not if something was undone on the way to those files, such as a fix that `base` never had.
    """
    return git.is_ancestor(commit, base) or not brought(git, base, commit).own
