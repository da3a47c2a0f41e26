"""Releases: make a commit live, take it back, see what runs where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection

from scripts.branches.request import BackmergeRequest
from scripts.release.request import (
    DeployRequest,
    DrillRequest,
    FreezeRequest,
    HistoryRequest,
    HotfixRequest,
    LocksRequest,
    PromoteRequest,
    ResumeRequest,
    RollbackRequest,
    StatusRequest,
    StealRequest,
    UnfreezeRequest,
)
from scripts.tasks.options import command

if TYPE_CHECKING:
    from scripts.config.desk import Desk
    from scripts.config.outcome import Outcome


@command(DeployRequest)
def deploy() -> Callable[[Desk, DeployRequest], Outcome]:
    """Make the head of an environment's branch live, and prove it: `invoke deploy --env dev`."""
    from scripts.release.commands import deploy

    return deploy


@command(PromoteRequest)
def promote() -> Callable[[Desk, PromoteRequest], Outcome]:
    """Take what the environment before has proven to this one: `invoke promote --to staging`."""
    from scripts.release.commands import promote

    return promote


@command(RollbackRequest)
def rollback() -> Callable[[Desk, RollbackRequest], Outcome]:
    """Bring a proven release back, and hold the environment: `invoke rollback --env production`."""
    from scripts.release.commands import rollback

    return rollback


@command(ResumeRequest)
def resume() -> Callable[[Desk, ResumeRequest], Outcome]:
    """Finish or undo what a dead run began, from any machine: `invoke resume --env staging`."""
    from scripts.release.resume import resume

    return resume


@command(HotfixRequest)
def hotfix() -> Callable[[Desk, HotfixRequest], Outcome]:
    """Take a fix straight to production, then bring it back: `invoke hotfix --branch hotfix/login`."""
    from scripts.release.hotfix import hotfix

    return hotfix


@command(BackmergeRequest)
def backmerge() -> Callable[[Desk, BackmergeRequest], Outcome]:
    """Bring what later branches have back to the earlier ones: `invoke backmerge --all --plan`."""
    from scripts.branches.backmerge import backmerge

    return backmerge


@command(DrillRequest)
def drill() -> Callable[[Desk, DrillRequest], Outcome]:
    """Break a release on purpose, and prove that it is caught and taken back: `invoke drill`."""
    from scripts.release.drill import drill

    return drill


@command(StatusRequest)
def status() -> Callable[[Desk, StatusRequest], Outcome]:
    """What runs where, and everything that disagrees: `invoke status`."""
    from scripts.release.status import status

    return status


@command(HistoryRequest)
def history() -> Callable[[Desk, HistoryRequest], Outcome]:
    """What was released where, by whom: `invoke history --env production`."""
    from scripts.release.status import history

    return history


@command(FreezeRequest)
def freeze() -> Callable[[Desk, FreezeRequest], Outcome]:
    """No release for a time: `invoke freeze --env prod --until 2030-01-02 --reason "holidays"`."""
    from scripts.release.freeze import freeze

    return freeze


@command(UnfreezeRequest)
def unfreeze() -> Callable[[Desk, UnfreezeRequest], Outcome]:
    """Releases may go on before the time is over: `invoke unfreeze --env prod --reason "urgent"`."""
    from scripts.release.freeze import unfreeze

    return unfreeze


@command(UnfreezeRequest, aliases=("unhold",))
def release_hold() -> Callable[[Desk, UnfreezeRequest], Outcome]:
    """Releases may go on after a rollback: `invoke release-hold --env prod --reason "mended"`."""
    from scripts.release.freeze import release_hold

    return release_hold


@command(LocksRequest)
def show() -> Callable[[Desk, LocksRequest], Outcome]:
    """Who holds what, and what that run is doing: `invoke lock.show`."""
    from scripts.release.status import show_locks

    return show_locks


@command(StealRequest)
def steal() -> Callable[[Desk, StealRequest], Outcome]:
    """End somebody's run and recover it: `invoke lock.steal --env staging --reason "laptop died"`."""
    from scripts.release.resume import steal_lock

    return steal_lock


lock = Collection("lock", show, steal)
