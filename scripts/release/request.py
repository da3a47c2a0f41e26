"""What people ask of a release. `Facts` and the lock hold it, so `resume` knows what was agreed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from scripts.config.request import ENV, LAST, Request, env, option, plan, reason, wait, yes

if TYPE_CHECKING:
    from scripts.config.settings import Environment, Settings

MOVES_BRANCH = ("promote", "hotfix")  # tasks that move the environment's branch to what they release


class ReleaseRequest(Request):
    """What the tasks that release have in common.

    A field without a flag has its neutral value here; the tasks that offer it give it one.

    Args:
        resumes: the dead run whose lock does not count; "" for a new run.
    """

    closes = True

    task: ClassVar[str] = ""

    plan: bool = plan()
    yes: bool = yes()
    wait: bool = wait()
    allow_bad: str = option("why a commit that was rolled back here may be live again")
    accept_irreversible: bool = option(
        "go without a way back for the schema, where a migration has none", default=False
    )
    accept_partial_proof: bool = option(
        "back up with a proof that lacks what needs extensions of Supabase's", default=False
    )
    env: str = ""
    to: str = ""
    sha: str = ""
    retry: bool = False
    out_of_order: bool = False
    run_missing: bool = False
    reason: str = ""
    with_data: bool = False
    backup: str = ""
    scope: str = ""
    resumes: str = ""

    @property
    def moves_branch(self) -> bool:
        """At the end the environment's branch moves to what is released."""
        return self.task in MOVES_BRANCH

    @property
    def goes_back(self) -> bool:
        """It goes back to a release of the ledger, instead of bringing something new."""
        return self.task == "rollback"

    @property
    def revision(self) -> str:
        """The commit, branch or tag that was named; "" for the head of the branch."""
        return self.sha

    @property
    def restores_data(self) -> bool:
        """The data may be restored too: it was asked for, or a backup or a scope was named."""
        return self.with_data or bool(self.scope or self.backup)

    def target(self, settings: Settings) -> Environment:
        """The environment to change."""
        return settings.environment(self.env)

    def source(self, settings: Settings) -> Environment | None:  # noqa: ARG002 - as in `PromoteRequest`
        """The environment to promote from; None if there is none."""
        return None

    def document(self) -> dict[str, Any]:
        """For the lock: each field that is not at its default; how much a person read is nobody else's."""
        values = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        return {
            name: value
            for name, value, default in values
            if value != default and name not in ("quiet", "verbose")
        }


class DeployRequest(ReleaseRequest):
    """`deploy`: the head of an environment's branch, without touching the branch."""

    task = "deploy"
    begins_with_refs = goes_on_asking = True

    env: str = env(required=True)
    sha: str = option("commit, branch or tag to release; the branch's head if left out")
    retry: bool = option("try a commit again that failed here", default=False)
    out_of_order: bool = option(
        "apply migrations older than the newest one there, as after a hotfix", default=False
    )


class PromoteRequest(DeployRequest):
    """`promote`: what the environment before has proven."""

    task = "promote"

    env: str = ""
    to: str = option(ENV, short="t", required=True)
    run_missing: bool = option("run the tests whose proof the target demands and lacks", default=False)

    def target(self, settings: Settings) -> Environment:
        """The environment to change."""
        return settings.environment(self.to)

    def source(self, settings: Settings) -> Environment | None:
        """The environment before the target."""
        return settings.before(self.target(settings))


class HotfixRequest(DeployRequest):
    """`hotfix`: a fix made from the last branch goes straight to the last environment."""

    task = "hotfix"
    begins_with_refs = False

    env: str = ""
    sha: str = ""
    branch: str = option(
        "branch of the remote that holds the fix, made from the last branch of the chain", required=True
    )

    @property
    def about(self) -> str:
        """The last environment of the chain."""
        return LAST

    @property
    def revision(self) -> str:
        """The branch of the fix; for a run that is resumed, its commit."""
        return self.sha or self.branch

    def target(self, settings: Settings) -> Environment:
        """The last environment of the chain."""
        return settings.environments[settings.chain[-1]]


class RollbackRequest(ReleaseRequest):
    """`rollback`: a release that was proven here before."""

    task = "rollback"
    begins_with_refs = goes_on_asking = True

    env: str = env(required=True)
    to: str = option("release to go back to, such as `v3`; the last good one if left out", short="t")
    reason: str = reason()
    with_data: bool = option(
        "restore the data too, with the least data loss that is possible", default=False
    )
    backup: str = option("the backup to go back to; the newest proven one that fits, if left out")
    scope: str = option("what goes back: `code`, `schema`, `tables` or `full`")


class DrillRequest(ReleaseRequest):
    """`drill`: a commit that is broken on purpose."""

    task = "drill"

    plan: bool = False
    wait: bool = False
    allow_bad: str = ""
    accept_irreversible: bool = False
    env: str = env(f"{ENV}; never a guarded one", default="staging")


class ResumeRequest(Request):
    """`resume`: finish or undo what a dead run began."""

    closes = True

    env: str = env(required=True)
    undo: bool = option("undo what was begun instead of finishing it", default=False)
    yes: bool = yes()


class StealRequest(ResumeRequest):
    """`lock.steal`: end somebody's run, then finish or undo it."""

    reason: str = reason(required=True)


class StatusRequest(Request):
    """`status`: what runs where."""

    begins_with_refs = True

    web: bool = option("show it in the browser, as `monitor.page` writes it", default=False)


class HistoryRequest(Request):
    """`history`: what was released where."""

    begins_with_refs = True

    env: str = env(f"{ENV}; all if left out")
    stats: bool = option("how often, how quickly and how well is released: DORA's figures", default=False)
    limit: int = option("how many events to show, the newest first; 0: all", default=20, short="n")


class LocksRequest(Request):
    """`lock.show`: who holds what."""

    env: str = env(f"{ENV}; all if left out")


class FreezeRequest(Request):
    """`freeze`: no release for a time."""

    closes = True

    env: str = env(required=True)
    until: str = option("`2h` or `3d` from now, `2030-01-02` or `2030-01-02T08:00`", required=True)
    reason: str = reason(required=True)


class UnfreezeRequest(Request):
    """`unfreeze` and `release-hold`: releases may go on."""

    closes = True

    env: str = env(required=True)
    reason: str = reason()


class LedgerCheckRequest(Request):
    """`ledger.check`: whether every commit of the ledger is an event."""


class LedgerRepairRequest(Request):
    """`ledger.repair`: a correction for what is no event, or for an event that is wrong."""

    event: str = option("commit of the ledger that shall not count; all that is skipped, if left out")
    reason: str = reason()
    plan: bool = plan()
    yes: bool = yes()


class LedgerAcceptRequest(Request):
    """`ledger.accept`: which ledger counts after one was rewritten or deleted."""

    keep: str = option("what counts: `seen` by this clone, `remote`, or `both`")
    reason: str = reason()
    plan: bool = plan("show both, and stop")
    yes: bool = yes()


REQUESTS: Mapping[str, type[ReleaseRequest]] = {
    each.task: each
    for each in (DeployRequest, PromoteRequest, HotfixRequest, RollbackRequest, DrillRequest)
}


def resumed(task: str, document: Mapping[str, Any], **known: Any) -> ReleaseRequest:
    """The request of a dead run, read from its lock; `known` is what it found out: commit, release, run.

    A field that this desk does not know, or that is of another type, is left out.
    """
    kind = REQUESTS.get(task, DeployRequest)
    types = {field.name: type(field.default) for field in fields(kind())}
    read: dict[str, Any] = {
        name: value for name, value in document.items() if type(value) is types.get(name)
    }
    return replace(kind(**read), retry=True, **known)
