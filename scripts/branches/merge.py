"""Compare the branches of the chain, and make the merge commits; no ref is moved.

The merge commits are made while planning, as loose objects: the merge into the next branch needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.branches.alignment import Alignment, Head, Meeting, Move
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.git.content import brought
from scripts.git.merge import MergeResult, MergingGit


def merging(desk: Desk) -> MergingGit:
    """The clone, after a check that its git can merge.

    Raises:
        Refused: git is too old for it.
    """
    desk.git.require_merge_tree()
    return desk.git


def align(desk: Desk, way: Sequence[Environment], refs: Mapping[str, str]) -> Alignment:
    """Plan the merge of each branch into the one before it.

    Args:
        way: the environments from the end of the chain to its beginning.
        refs: where the branches are; one that is not there yet is left out.
    """
    git = merging(desk)
    present = [each for each in way if each.branch_ref in refs]
    heads = tuple(head_of(git, each, refs[each.branch_ref]) for each in present)
    moves: list[Move] = []
    other = heads[0] if heads else None
    for into in heads[1:]:
        if other is None:
            break
        meeting = meet(git, into, other)
        if meeting.how == "conflict":
            return Alignment(desk.git.remote, heads, tuple(moves), meeting)
        if meeting.how == "nothing":
            other = into
            continue
        moves.append(Move(meeting, _made(git, meeting)))
        other = Head(into.environment, into.branch, moves[-1].new, meeting.merged)
    return Alignment(desk.git.remote, heads, tuple(moves))


def head_of(git: MergingGit, environment: Environment, commit: str) -> Head:
    """A branch as it is."""
    return Head(environment.name, environment.branch, commit, git.tree_id(commit))


def meet(git: MergingGit, into: Head, other: Head) -> Meeting:
    """What merging `other` into `into` means."""
    found = brought(git, into.commit, other.commit)
    if not found.strangers:
        return Meeting(into, other, merged=into.tree)
    ahead = not git.is_ancestor(into.commit, other.commit)
    merged = MergeResult(other.tree)
    if ahead:
        # what `into` has or had already is not new to it, whatever git makes of the histories
        known = found.twin and not found.own
        merged = MergeResult(into.tree) if known else git.merge_tree(into.commit, other.commit)
    return Meeting(
        into,
        other,
        strangers=tuple(git.log(other.commit, into.commit)),
        ahead=ahead,
        own=len(found.own),
        copies=found.copies,
        twin=found.twin if ahead else None,
        merged=merged.tree,
        conflicts=merged.conflicts,
        changes=() if merged.conflicts else tuple(git.name_status(into.tree, merged.tree)),
    )


def _made(git: MergingGit, meeting: Meeting) -> str:
    into, other = meeting.into.commit, meeting.other.commit
    if meeting.how == "fast-forward":
        return other
    return git.merge_commit(meeting.merged, into, other, meeting.message)
