"""What was asked for, and which commit that is by what the remote shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.git.client import Commit
from scripts.git.merge import MergingGit
from scripts.release.facts import MOVES_BRANCH
from scripts.state.ledger import Event

if TYPE_CHECKING:
    from scripts.state.remote import Remote


@dataclass(frozen=True)
class Wish:
    """What was asked for.

    Args:
        source: the environment to promote from; None for what comes from no other.
        revision: a commit, branch or tag; None for the head of the branch.
        release: the release to go back to (`v3`, or "" for the last good one); None for others.
        allow_bad: why a commit that was rolled back here may be live again.
        retry: a commit that failed here may be tried again.
        resumes: the dead run whose lock does not count.
        accepts: what a person takes on himself, see `Facts`.
        with_data: a rollback may take the data back too, from `backup` ("" for the fitting one) by `rung`.
    """

    task: str
    environment: Environment
    source: Environment | None = None
    revision: str | None = None
    retry: bool = False
    release: str | None = None
    allow_bad: str = ""
    resumes: str | None = None
    accepts: frozenset[str] = frozenset()
    with_data: bool = False
    backup: str = ""
    rung: str = ""

    @property
    def moves_branch(self) -> bool:
        """At the end the environment's branch moves to what is released."""
        return self.task in MOVES_BRANCH


def target(wish: Wish, remote: Remote) -> Event | None:
    """The release to go back to: from the ledger alone, among those that were proven live here."""
    if wish.release is None:
        return None
    name = wish.environment.name
    now, good = remote.ledger.live(name), remote.ledger.good(name)
    others = [each for each in good if now is None or each.commit != now.commit]
    listed = ", ".join(f"`{each.release}` ({each.commit[:12]}, {each.at})" for each in others[:8])
    if not wish.release and others:
        return others[0]
    for each in remote.ledger.events:
        known = each.environment == name and each.release == wish.release and each.ending == "done"
        if known and (each in good or wish.allow_bad):
            return each
    asked = (
        f"`{wish.release}` is no good release of {name}"
        if wish.release
        else (f"{name} has no other good release to go back to")
    )
    raise Refused(asked, f"good ones: {listed}" if listed else "`invoke history` shows them all")


def wanted(desk: Desk, wish: Wish, remote: Remote) -> str:
    """The commit to release: the one that was named, or the head of the branch it comes from."""
    if wish.revision:
        return desk.git.resolve(wish.revision, remote.refs)
    origin = wish.source or wish.environment
    head = remote.head(origin)
    if head is None:
        raise Refused(
            f"the remote has no branch `{origin.branch}`",
            f"`git push {desk.git.remote} HEAD:refs/heads/{origin.branch}` makes it",
        )
    return head


def contained(desk: Desk, wish: Wish, head: str | None, wanted: str) -> bool:
    """Whether the history allows it: a fast-forward of the branch if that is to move, or on it."""
    if wish.task == "drill":  # its commit is on no branch, and never will be
        return True
    if wish.moves_branch:
        return head is None or desk.git.is_ancestor(head, wanted)
    return head is not None and desk.git.is_ancestor(wanted, head)


def carried(desk: Desk, wish: Wish, remote: Remote, wanted: str) -> tuple[Commit, ...]:
    """The commits of a hotfix that were made on a branch before; a run that goes on was judged already."""
    head = remote.head(wish.environment)
    if wish.task != "hotfix" or wish.resumes or head is None:
        return ()
    git = MergingGit(desk.git.folder, desk.git.remote)
    heads = [remote.head(each) for each in desk.settings if each is not wish.environment]
    made = {commit for other in heads if other for commit in git.straight(head, other)}
    return tuple(each for each in commits_between(desk, wanted, head) if each.id in made)


def commits_between(desk: Desk, new: str, without: str | None) -> tuple[Commit, ...]:
    """The commits of `new` that `without` lacks, newest first."""
    return tuple(Commit(**line) for line in desk.git.log(new, without))
