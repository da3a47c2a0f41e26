"""The first question of a task, put to the remote while its workflow is imported."""

from __future__ import annotations

from collections.abc import Callable

from scripts.config.desk import EarlyRefs
from scripts.git.chain import ChainGit
from scripts.state.ledger import REF
from scripts.system.background import submit


def ask_early(git: ChainGit, *, more_follow: bool = False) -> Callable[[], EarlyRefs | None]:
    """Ask the remote for its refs in the background; for `Desk.early_refs`.

    Only the first look of a task gets the answer, and it comes at once; later ones ask anew.

    Args:
        more_follow: the connection stays open for them.
    """
    if more_follow:
        git.hold_line()
    asked = [submit(_refs_of, git)]
    return lambda: asked.pop().result() if asked else None


def _refs_of(git: ChainGit) -> EarlyRefs:
    return EarlyRefs(git.trusted(REF), git.ls_remote())
