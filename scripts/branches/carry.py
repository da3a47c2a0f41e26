"""What one branch of the chain has for the next: it goes over by content, whatever made its history."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import NamedTuple

from scripts.branches.alignment import Meeting, by_hand, listed
from scripts.branches.merge import head_of, meet, merging
from scripts.config.desk import Desk
from scripts.config.outcome import Refusal
from scripts.config.settings import Environment
from scripts.errors import DeskError
from scripts.git.content import brought
from scripts.state.remote import Remote


class Carried(NamedTuple):
    """The commit that the target's branch can be fast-forwarded to; `merge`: it was made for that."""

    commit: str
    merge: bool = False


def carried(
    desk: Desk, source: Environment, target: Environment, remote: Remote, commit: str
) -> Carried | None:
    """What stands for a commit of the source's branch in the target's, where the histories diverged.

    If the target has only what GitHub's buttons made of the source's files, that is its own head where
    this has the very files, else a merge with the files of the commit. The merge is a loose object.

    Returns: None where the target has content of its own, or git can't tell.
    """
    head = remote.head(target)
    with suppress(DeskError):
        git = merging(desk)
        into, other = head_of(git, source, commit), head_of(git, target, head or "")
        found = meet(git, into, other)
        if not found.harmless:
            return None
        if into.tree == other.tree:
            return Carried(other.commit)
        message = (
            f"Merge branch '{source.branch}' into {target.branch}\n\nThe files are those of `{commit}`.\n"
        )
        return Carried(git.merge_commit(into.tree, other.commit, commit, message), merge=True)
    return None


def waiting(desk: Desk, target: Environment, remote: Remote) -> Refusal | None:
    """Why the branch before can't be merged into this one by itself, and what helps; None if it can."""
    source = desk.settings.before(target)
    head, other = remote.head(target), remote.head(source) if source else None
    if source is None or head is None or other is None:
        return None
    with suppress(DeskError):
        if desk.git.is_ancestor(head, other):
            return None
        git = merging(desk)
        if not brought(git, head, other).own:
            return None
        conflicts = git.merge_tree(head, other).conflicts
        back = meet(git, head_of(git, source, other), head_of(git, target, head))
        return _stuck(desk, source, target, back, conflicts) if conflicts else None
    return None


def _stuck(
    desk: Desk, source: Environment, target: Environment, back: Meeting, conflicts: tuple[str, ...]
) -> Refusal:
    """`back`: what it takes for the source's branch to contain the target's."""
    why = (
        f"`{source.branch}` waits: it can't be merged into `{target.branch}` by itself, conflicts in"
        f" {listed(conflicts)}"
    )
    if back.harmless:
        return Refusal(why, f"`invoke promote --to {target.name}` takes it over all the same")
    merge = by_hand(desk.git.remote, source.branch, target.branch)
    push = f"`git push {desk.git.remote} HEAD:{shlex.quote(source.branch)}`"
    return Refusal(why, f"merge by hand: `{merge}`, fix the files and commit, then {push}")
