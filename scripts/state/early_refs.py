"""The first question of a task, put to the remote while its workflow is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scripts.config.desk import EarlyRefs
from scripts.git.chain import ChainGit
from scripts.state.ledger import REF
from scripts.system.background import submit


def ask_early(
    git: ChainGit, branches: Iterable[str] = (), *, more_follow: bool = False
) -> Callable[[], EarlyRefs | None]:
    """Ask the remote for its refs in the background; for `Desk.early_refs`.

    Only the first look of a task gets the answer, and it comes at once; later ones ask anew.

    Args:
        branches: full names of refs whose commits the first look wants, beside the ledger.
        more_follow: other looks do: the connection stays open for them, and what the refs hold is fetched
            while they are read.
    """
    git.hold_objects()
    if more_follow:
        git.hold_line()
    asked = [submit(_refs_of, git, [REF, *branches] if more_follow else [])]
    return lambda: asked.pop().result() if asked else None


def _refs_of(git: ChainGit, fetched: list[str]) -> EarlyRefs:
    trusted = git.trusted(REF)  # first: what is fetched moves what was seen
    ahead = submit(git.fetch_ahead, fetched) if fetched else None
    return EarlyRefs(trusted, git.ls_remote(), ahead)
