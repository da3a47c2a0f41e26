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
    LedgerAcceptRequest,
    LedgerCheckRequest,
    LedgerRepairRequest,
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
    """Deploy the head of an environment's branch and verify it: `invoke deploy --env dev`."""
    from scripts.monitor.after_release import watched
    from scripts.release.commands import deploy

    return watched(deploy)


@command(PromoteRequest)
def promote() -> Callable[[Desk, PromoteRequest], Outcome]:
    """Deploy what passed one environment earlier, move the branch: `invoke promote --to staging`."""
    from scripts.monitor.after_release import watched
    from scripts.release.commands import promote

    return watched(promote)


@command(RollbackRequest)
def rollback() -> Callable[[Desk, RollbackRequest], Outcome]:
    """Redeploy the last good release, and hold the environment: `invoke rollback --env production`."""
    from scripts.release.commands import rollback

    return rollback


@command(ResumeRequest)
def resume() -> Callable[[Desk, ResumeRequest], Outcome]:
    """Finish or undo a run that died, from any machine: `invoke resume --env staging`."""
    from scripts.monitor.takeover import resumed
    from scripts.release.resume import resume

    return resumed(resume)


@command(HotfixRequest)
def hotfix() -> Callable[[Desk, HotfixRequest], Outcome]:
    """Release a fix straight to production, then merge it back: `invoke hotfix --branch hotfix/login`."""
    from scripts.monitor.after_release import watched
    from scripts.release.hotfix import hotfix

    return watched(hotfix)


@command(BackmergeRequest)
def backmerge() -> Callable[[Desk, BackmergeRequest], Outcome]:
    """Merge later branches back into earlier ones: `invoke backmerge --all --plan`."""
    from scripts.branches.backmerge import backmerge

    return backmerge


@command(DrillRequest)
def drill() -> Callable[[Desk, DrillRequest], Outcome]:
    """Release a broken commit on purpose; prove it is rolled back: `invoke drill`."""
    from scripts.release.drill import drill

    return drill


@command(StatusRequest)
def status() -> Callable[[Desk, StatusRequest], Outcome]:
    """Show what is live where, and everything that disagrees: `invoke status`."""
    from scripts.monitor.on_the_web import on_the_web
    from scripts.release.status import status

    return on_the_web(status)


@command(HistoryRequest)
def history() -> Callable[[Desk, HistoryRequest], Outcome]:
    """List releases, rollbacks and proofs: `invoke history --env production`."""
    from scripts.release.history import history

    return history


@command(FreezeRequest)
def freeze() -> Callable[[Desk, FreezeRequest], Outcome]:
    """Block releases for a time: `invoke freeze --env prod --until 2030-01-02 --reason "holidays"`."""
    from scripts.release.freeze import freeze

    return freeze


@command(UnfreezeRequest)
def unfreeze() -> Callable[[Desk, UnfreezeRequest], Outcome]:
    """Lift a freeze early: `invoke unfreeze --env prod --reason "urgent"`."""
    from scripts.release.freeze import unfreeze

    return unfreeze


@command(UnfreezeRequest, aliases=("unhold",))
def release_hold() -> Callable[[Desk, UnfreezeRequest], Outcome]:
    """Allow releases again after a rollback: `invoke release-hold --env prod --reason "fixed"`."""
    from scripts.release.freeze import release_hold

    return release_hold


@command(LocksRequest)
def show() -> Callable[[Desk, LocksRequest], Outcome]:
    """Show who holds which lock, and at which step: `invoke lock.show`."""
    from scripts.release.status import show_locks

    return show_locks


@command(StealRequest)
def steal() -> Callable[[Desk, StealRequest], Outcome]:
    """Take over somebody's lock and run: `invoke lock.steal --env staging --reason "laptop died"`."""
    from scripts.monitor.takeover import resumed
    from scripts.release.resume import steal_lock

    return resumed(steal_lock)


@command(LedgerCheckRequest)
def check() -> Callable[[Desk, LedgerCheckRequest], Outcome]:
    """Check that every commit of the ledger is an event: `invoke ledger.check`."""
    from scripts.release.ledger_check import check

    return check


@command(LedgerRepairRequest)
def repair() -> Callable[[Desk, LedgerRepairRequest], Outcome]:
    """Append a correction for what is no event, or is wrong: `invoke ledger.repair --plan`."""
    from scripts.release.ledger_check import repair

    return repair


@command(LedgerAcceptRequest)
def accept() -> Callable[[Desk, LedgerAcceptRequest], Outcome]:
    """Decide which ledger counts after it was rewritten or deleted: `invoke ledger.accept --plan`."""
    from scripts.release.ledger_accept import accept

    return accept


lock = Collection("lock", show, steal)
ledger = Collection("ledger", check, repair, accept)
