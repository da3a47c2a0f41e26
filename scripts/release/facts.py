# pure
"""What was observed, before anything is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.branches.pull_facts import PullFacts
from scripts.config.outcome import Refusal
from scripts.config.settings import Environment
from scripts.database.backups.unproven import Foreseen
from scripts.database.edge_functions.changes import FunctionFacts
from scripts.database.migrations.files import Applied, Migration, newest
from scripts.database.migrations.source import FileFault
from scripts.database.migrations.verdict import Lint
from scripts.database.restore.partial_plan import PartialRestore
from scripts.database.restore.plan import RestorePlan
from scripts.git.client import Commit
from scripts.quality.gates import Check
from scripts.quality.twins import Twins
from scripts.release.request import ReleaseRequest
from scripts.replit.live import Answer, Expected
from scripts.secrets.finding import Finding
from scripts.state.ledger import Event, Ledger
from scripts.state.lock import Lock


@dataclass(frozen=True)
class Facts:
    """Everything that the decision depends on.

    Args:
        request: what was asked for.
        source: the environment that promotes into this one; None for what comes from no other.
        wanted: the commit to release.
        head: where the target's branch is on the remote; None before its first promotion.
        contained: for `deploy`: the commit is on the target's branch; for what moves the branch: it
            is an ancestor of the commit, so that it can be fast-forwarded.
        at_source: the commit is the head of the source's branch.
        commits: what the release brings, newest first.
        strangers: what the target's branch has and the commit lacks, newest first.
        merges: the commit of the source that is released by a merge with its very files, since what the
            target's branch has of its own brings no content; "" where the commit itself is released.
        barred: why GitHub would refuse the last push, and what helps.
        workspace: why the workspace would refuse a release; None where it would not, or was not asked.
        waits: why the branch before can't be merged into this one, and what helps; None where it can.
        carried: what a hotfix would carry past the gates: commits of the branches before, unproven.
        applied: the database's history; None for an app without a database.
        lost: versions of the commit that the live release had in the history, and that are gone from it,
            while its tables are not: they would be applied again.
        strange: tables of the app in a database without a history, before the first release.
        filled: before the first release, whether tables of the app's hold rows; None where it is not known.
        partial: what the proof of the backup would not show; None where it is whole, or none is taken.
        half: what a release that failed has left of a migration, in words.
        file_faults: files of the commit's migrations folder that are not what they seem.
        elsewhere: folders of the commit with migrations that no release applies.
        target: the release to go back to; None for what brings something new.
        now: UTC, ISO 8601.
        rollbacks: the rollback scripts of the commit, one for each migration that has one.
        left: the migrations of the commit that is left by going back, and `left_rollbacks` its scripts.
        lints: by file, what another reader of migrations found; None where there is no such reader.
        definitions: what stands in the database, as SQL; empty if it was not asked.
        data: what going back to the fitting backup would lose; None where there is none: `no_data`.
        keeps: what going back by the touched tables alone would lose; None where it can't be: `no_keeps`.
        findings: what `env.check` says of the environment's configuration.
        before: the environment whose proofs count, for `[environment.<name>.gates]`; None where none do.
        twins: the commits with the very files of the commit, and who made them.
        functions: the Edge Functions of the commit, and what the project runs.
        altered: runs of proofs whose report, made on this machine, is no longer the one that was proven.
        demands: by kind of proof, what the gates want to have been measured.
        checks: of GitHub, by suite: they count as proofs of the app's own tests.
        pull: the pull request that brings the commit; None where promotions go by push.
        landed: GitHub has merged the commit already, for the run that is resumed.
        leaves: for what goes back, how many commits are no longer live afterwards.
        subjects: the first lines of the messages of the commit, and of the one that is live.
    """

    request: ReleaseRequest
    environment: Environment
    source: Environment | None
    wanted: str
    head: str | None
    contained: bool
    commits: tuple[Commit, ...]
    strangers: tuple[Commit, ...]
    lock: Lock | None
    ledger: Ledger
    live: Answer
    source_live: Answer | None
    committed: tuple[Migration, ...]
    applied: tuple[Applied, ...] | None
    file_faults: tuple[FileFault, ...] = ()
    elsewhere: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    filled: bool | None = None
    partial: Foreseen | None = None
    half: tuple[str, ...] = ()
    at_source: bool = True
    target: Event | None = None
    now: str = ""
    remote: str = "origin"
    merges: str = ""
    barred: tuple[Refusal, ...] = ()
    workspace: Refusal | None = None
    waits: Refusal | None = None
    carried: tuple[Commit, ...] = ()
    rollbacks: tuple[Migration, ...] = ()
    left: tuple[Migration, ...] = ()
    left_rollbacks: tuple[Migration, ...] = ()
    lints: Mapping[str, tuple[Lint, ...]] | None = field(default_factory=dict)
    definitions: str = ""
    data: RestorePlan | None = None
    no_data: str = ""
    keeps: PartialRestore | None = None
    no_keeps: str = ""
    rollbacks_folder: str = "supabase/rollbacks"
    findings: tuple[Finding, ...] = ()
    before: Environment | None = None
    twins: Twins = field(default_factory=Twins)
    altered: frozenset[str] = frozenset()
    demands: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    functions: FunctionFacts = field(default_factory=FunctionFacts)
    pull: PullFacts | None = None
    landed: bool = False
    leaves: int = 0
    subjects: Mapping[str, str] = field(default_factory=dict)

    @property
    def same(self) -> frozenset[str]:
        """The commits with the very files of the commit, itself too."""
        return self.twins.same | {self.wanted}

    @property
    def equal(self) -> frozenset[str]:
        """Those that the commit adds nothing to: what was proven of them is proven of it. Itself too."""
        return self.twins.equal | {self.wanted}

    @property
    def task(self) -> str:
        """The task that asks for it."""
        return self.request.task

    @property
    def moves_branch(self) -> bool:
        """At the end the environment's branch moves to the commit; otherwise it stays where it is."""
        return self.request.moves_branch and not self.landed

    @property
    def lands_by_pull(self) -> bool:
        """The branch moves by a pull request, or by a push that GitHub takes for its merge."""
        return self.pull is not None and self.moves_branch and self.head != self.wanted

    @property
    def schema(self) -> str | None:
        """The schema version that the commit brings."""
        return newest(migration.version for migration in self.committed)

    @property
    def standing(self) -> str | None:
        """The schema version that the database has now."""
        return newest(row.version for row in self.applied or ())

    @property
    def expected(self) -> Expected:
        """What the public URL must answer afterwards."""
        return Expected(self.wanted, self.environment.name, self.schema)

    @property
    def backs_up(self) -> bool:
        """Whether a release without migrations backs the database up, too; going back waits for nothing."""
        always = self.environment.backup == "always" and self.environment.database
        return always and not self.rolls_back and self.task != "drill"

    @property
    def previous(self) -> Event | None:
        """The release that is live by the ledger: the one to go back to."""
        return self.ledger.live(self.environment.name)

    @property
    def kind(self) -> str:
        """The kind of event that this run writes; a drill is never a release."""
        if self.task == "drill":
            return "drill"
        return "rollback" if self.rolls_back else "release"

    @property
    def rolls_back(self) -> bool:
        """Going back to a release that was proven here, instead of bringing something new."""
        return self.target is not None
