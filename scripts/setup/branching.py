"""The branches that an app's remote lacks: named, and made where somebody agrees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from scripts.config.desk import Progress
from scripts.errors import CommandFailed, Refused
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.git.merge import MergingGit
from scripts.setup.facts import AppFacts
from scripts.setup.proposal import Answers
from scripts.setup.request import InitRequest


class NewBranch(NamedTuple):
    """A branch to make, and where it begins."""

    name: str
    start: str
    commit: str


def missing(
    progress: Progress, top: Path, facts: AppFacts, answers: Answers, request: InitRequest
) -> tuple[NewBranch, ...]:
    """The branches that would be made: those that the remote lacks, if somebody agrees.

    Raises:
        Refused: they have to be made, and the remote has no branch to begin at.
        Unreachable: the remote can't be read.
    """
    lacking = [name for name in answers.branches if _lacks(facts, answers, name)]
    asks = request.ask and not (request.yes or request.plan)
    if not (lacking or request.create_branches) or answers.remote not in facts.remotes:
        return ()
    git = MergingGit(top, answers.remote)
    refs = git.ls_remote() if request.create_branches or asks else {}
    if not refs and not request.create_branches:
        listed = ", ".join(f"`{answers.branches[name]}`" for name in lacking)
        progress.note(
            f"missing  {listed} on `{answers.remote}`: `invoke init --create-branches` makes them"
        )
        return ()
    wanted = [name for name in answers.branches if f"refs/heads/{answers.branches[name]}" not in refs]
    if not wanted:
        return ()
    start = _start(facts, answers, refs)
    made = tuple(NewBranch(answers.branches[name], start, refs[f"refs/heads/{start}"]) for name in wanted)
    listed = " and ".join(f"`{each.name}`" for each in made)
    if request.plan or request.create_branches:
        progress.show([f"new      {listed} on `{answers.remote}`, from `{start}`"])
        return made
    return made if progress.agree(f"make {listed} on `{answers.remote}`, from `{start}`?") else ()


def _lacks(facts: AppFacts, answers: Answers, name: str) -> bool:
    usual = facts.branches.get(name)
    return name in facts.missing or (usual is not None and usual.value != answers.branches[name])


def _start(facts: AppFacts, answers: Answers, refs: Mapping[str, str]) -> str:
    """The branch that the others begin at: production's, or the nearest to it that there is."""
    usual = [str(found.value) for found in facts.branches.values()]
    for name in (*reversed([*answers.branches.values()]), *reversed(usual)):
        if f"refs/heads/{name}" in refs:
            return name
    raise Refused(
        f"`{answers.remote}` has none of the branches {', '.join(answers.branches.values())}",
        "name those that it has with `--branches develop,staging,main`",
    )


def make(progress: Progress, top: Path, remote: str, branches: tuple[NewBranch, ...]) -> None:
    """Make the branches, all or none; one that somebody has made meanwhile is not touched.

    Raises:
        CommandFailed: the remote refused, or one of them is there by now.
    """
    if not branches:
        return
    git = MergingGit(top, remote)
    git.fetch({f"refs/heads/{each.start}" for each in branches})
    try:
        git.push([Update(f"refs/heads/{each.name}", None, each.commit) for each in branches])
    except StaleError:
        raise CommandFailed(
            f"a branch was made on `{remote}` meanwhile: none was made here",
            "`invoke init --create-branches`",
        ) from None
    for each in branches:
        progress.note(f"made     `{each.name}` on `{remote}` at {each.commit[:12]}, from `{each.start}`")
