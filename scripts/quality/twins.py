"""Commits with the very files of another one: what was proven of them counts for it, and against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scripts.git.content import adds_nothing
from scripts.git.merge import MergingGit
from scripts.state.ledger import Ledger

LOOKED_AT = 40  # commits with the same files, the newest first; each costs some calls of git


@dataclass(frozen=True)
class Twins:
    """The commits of the ledger with the files of one commit; the commit itself is in both.

    Args:
        same: all of them. What failed, was withdrawn or rolled back with these files counts against it.
        equal: those whose passed proofs, approvals and releases count for it: it adds nothing to them.
        makers: who made these files; merges and empty commits make none.
    """

    same: frozenset[str] = frozenset()
    equal: frozenset[str] = frozenset()
    makers: tuple[str, ...] = ()


def twins_of(git: MergingGit, ledger: Ledger, commit: str) -> Twins:
    """Find them among the commits that the ledger names."""
    trees = git.trees([commit])
    named = ledger.named(trees[commit]) if commit in trees else ()
    trees |= git.trees(each for each in named if each != commit)
    same = [each for each, tree in trees.items() if tree == trees.get(commit)]
    equal = [each for each in same[:LOOKED_AT] if each == commit or adds_nothing(git, commit, each)]
    return Twins(
        frozenset({commit, *same}),
        frozenset({commit, *equal}),
        _makers(git, dict.fromkeys([commit, *equal])),
    )


def is_twin(git: MergingGit, commit: str, other: str) -> bool:
    """Whether another commit has the files of this one, which adds nothing to it."""
    trees = git.trees([commit, other])
    return other in trees and trees[other] == trees.get(commit) and adds_nothing(git, commit, other)


def _makers(git: MergingGit, commits: Iterable[str]) -> tuple[str, ...]:
    """The authors of the commits that the files come from."""
    origins = dict.fromkeys(git.content_commit(each) for each in commits)
    made = [commit for each in origins for commit in git.log(each, None, limit=1)]
    return tuple(dict.fromkeys(each.author for each in made if each.author))
