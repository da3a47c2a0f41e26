# pure
"""The decision: from what was observed to the steps of a release, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.branches.pull_facts import PullFacts
from scripts.config.outcome import Refusal
from scripts.database.edge_functions.changes import Change
from scripts.database.migrations import rollback_scripts
from scripts.database.migrations.files import Comparison, compare
from scripts.database.migrations.rollback_scripts import PlannedMigration
from scripts.quality.gates import Gate
from scripts.release import schema_rules
from scripts.release.facts import Facts
from scripts.release.rollback_options import RESTORES, RollbackOption, chosen, rollback_options
from scripts.release.rules import gates_of, refusals
from scripts.release.schema_rules import GoingBack
from scripts.replit.live import fault
from scripts.state.steps import STEPS


@dataclass(frozen=True)
class Step:
    """One planned step: its name and kind as in `STEPS`, and the seconds that it took last time."""

    name: str
    kind: str
    detail: str
    seconds: float | None = None


@dataclass(frozen=True)
class Plan:
    """What would happen; `refused` and `nothing` say why nothing will."""

    facts: Facts
    comparison: Comparison
    steps: tuple[Step, ...]
    refused: Refusal | None
    nothing: str | None
    migrations: tuple[PlannedMigration, ...] = ()
    back: GoingBack = field(default_factory=GoingBack)
    gates: tuple[Gate, ...] = ()
    options: tuple[RollbackOption, ...] = ()
    scope: str = ""

    @property
    def restores(self) -> bool:
        """The data go back to a backup."""
        return self.scope in RESTORES

    @property
    def functions(self) -> tuple[Change, ...]:
        """The Edge Functions to deploy; a drill breaks the app alone."""
        return () if self.facts.task == "drill" else self.facts.functions.changes

    @property
    def no_return(self) -> str:
        """The step from which on going back means undoing."""
        if self.restores:
            return "restore"
        if self.comparison.pending:
            return "migrate"
        return "functions" if self.functions else "publish"

    @property
    def way_back(self) -> str:
        """What would be done if a step after that fails."""
        previous = self.facts.previous
        if previous is None:
            return "none: nothing was released here before"
        if self.restores:
            return (
                "the present data take their place again, every row, and"
                f" `{previous.release}` (`{previous.commit[:12]}`) is published again and verified"
            )
        if self.facts.rolls_back:
            return "none by itself: if publishing fails, the output says which commit is live"
        functions = "its Edge Functions deployed, " if self.functions else ""
        back = f"{functions}publish `{previous.release}` (`{previous.commit[:12]}`) again and verify it"
        undo = rollback_scripts.required_undos(self.migrations)
        if undo and all(migration.script for migration in undo):
            return f"{back}; the migrations are undone by their rollback scripts"
        hard = ", ".join(f"`{migration.file}`" for migration in reversed(undo))
        stay = f"the migrations stay{f', though older code may not live with {hard}' if hard else ''}"
        return f"{back}; {stay}" if self.migrations else back

    @property
    def without(self) -> str | None:
        """The proof that this release lacks; None when it has all."""
        if self.facts.task != "hotfix":
            return None
        return "the proof of the environment before: this commit was never live anywhere"

    def document(self) -> dict[str, Any]:
        """The plan as the JSON contract has it."""
        facts = self.facts
        return {
            "environment": facts.environment.name,
            "commit": facts.wanted,
            "live": facts.live.commit,
            "steps": [vars(step) for step in self.steps],
            "commits": [vars(commit) for commit in facts.commits],
            "migrations": [migration.document() for migration in self.migrations],
            "undo": [migration.document() for migration in self.back.undo],
            "ahead": [migration.document() for migration in self.back.ahead],
            "lost": list(self.back.lost),
            "scopes": [option.document() for option in self.options],
            "scope": self.scope or None,
            "data": facts.data.document() if facts.data else None,
            "keeps": facts.keeps.document() if facts.keeps else None,
            "point_of_no_return": self.no_return,
            "way_back": self.way_back,
            "without": self.without,
            "elsewhere": list(facts.elsewhere),
            "half_applied": list(facts.half),
            "partial": list(facts.partial.things) if facts.partial else [],
            "functions": [change.document() for change in self.functions],
            "findings": [finding.document() for finding in facts.findings],
            "gates": [gate.document() for gate in self.gates],
            "pull_request": facts.pull.document() if facts.pull else None,
            "refused": self.refused.why if self.refused else None,
        }


def decide(facts: Facts) -> Plan:
    """Decide: every rule is checked before anything changes."""
    comparison = compare(facts.committed, facts.applied or ())
    if facts.applied is None:
        comparison = compare((), ())
    nothing = None if facts.lock else _nothing(facts, comparison)
    refused = None if nothing else next(refusals(facts, comparison), None)
    migrations = () if facts.rolls_back else schema_rules.pending(facts, comparison)
    back = schema_rules.going_back(facts, comparison)
    options = rollback_options(facts, back)
    scope = chosen(facts, options)
    if scope in RESTORES:  # what the backup holds needs no undoing
        back = GoingBack()
    steps = _timed(_steps(facts, comparison, back, scope), migrations)
    return Plan(
        facts, comparison, steps, refused, nothing, migrations, back, gates_of(facts), options, scope
    )


def _timed(steps: tuple[Step, ...], migrations: tuple[PlannedMigration, ...]) -> tuple[Step, ...]:
    """The migrations take about as long as in their dry run."""
    took = [migration.measured.seconds for migration in migrations if migration.measured]
    if not took or len(took) < len(migrations):
        return steps
    seconds = round(sum(took), 1)
    return tuple(replace(step, seconds=seconds) if step.name == "migrate" else step for step in steps)


def _nothing(facts: Facts, comparison: Comparison) -> str | None:
    """Why there is nothing to do: live, proven and recorded already."""
    live = facts.previous
    moves = facts.moves_branch and facts.head != facts.wanted
    if facts.functions.changes or (facts.functions.trouble and not facts.rolls_back):
        return None
    if live is None or live.commit != facts.wanted or comparison.pending or moves:
        return None
    if fault(facts.live, facts.expected):
        return None
    return f"`{facts.wanted[:12]}` is live and proven on {facts.environment.name} as {live.release}"


def _steps(facts: Facts, comparison: Comparison, back: GoingBack, scope: str) -> tuple[Step, ...]:
    """In the order of `steps.run_steps`; seconds from the last release here."""
    last = facts.previous.detail.get("steps", []) if facts.previous else []
    took = {each.get("name"): each.get("seconds") for each in last if isinstance(each, dict)}
    planned = _planned_steps(facts, len(comparison.pending), len(back.undo), restores=scope in RESTORES)
    return tuple(Step(name, STEPS[name].kind, detail, took.get(name)) for name, detail in planned)


def _planned_steps(facts: Facts, pending: int, undo: int, *, restores: bool) -> Iterator[tuple[str, str]]:
    environment = facts.environment
    scripts = f"{undo} rollback script{'s' if undo > 1 else ''}"
    merges = facts.lands_by_pull and facts.pull is not None and facts.pull.by_merge
    if facts.lands_by_pull and facts.pull:
        yield "review", _review(facts.pull)
    yield "lock", f"take the lock of {environment.name}"
    yield "build", f"the commit, in {environment.place}"
    yield "scan", "what was built carries no secret"
    if environment.ships:
        yield "deliver", "what was built goes to the launcher, with its digest"
    yield from _database_steps(facts, pending, scripts if undo else "", restores=restores)
    changes = () if facts.task == "drill" else facts.functions.changes
    if changes:
        names = ", ".join(f"`{change.name}`" for change in changes)
        yield "functions", f"deploy {names} to Supabase, then read the list again"
    yield "publish", f"publish it on Replit ({environment.publish})"
    yield "verify", f"{environment.url} answers with the commit, and its pages work"
    yield "scan", f"{environment.url} gives out no secret"
    if undo:
        yield "undo", f"{scripts} in one transaction, then read the history again"
        yield "verify", "once more, on the older schema"
    if merges:
        yield "merge", f"GitHub merges the very commit into `{environment.branch}`"
    branch = f"move `{environment.branch}`, " if facts.moves_branch and not merges else ""
    yield "finish", f"one atomic push: {branch}write the ledger, release the lock"


def _review(pull: PullFacts) -> str:
    lacking = f"; waits: {'; '.join(pull.lacking)}" if pull.lacking else ""
    return f"{pull.name} from `{pull.head}` into `{pull.base}`{lacking}"


def _database_steps(
    facts: Facts, pending: int, scripts: str, *, restores: bool
) -> Iterator[tuple[str, str]]:
    """What comes before the code is live."""
    environment = facts.environment
    migrations = f"{pending} migration{'s' if pending > 1 else ''}"
    if (pending and environment.guarded) or facts.backs_up:
        yield "backup", "dump the database, restore the dump, compare; the proof goes to the ledger"
    if pending:
        yield "rehearse", f"try {migrations} in a transaction that is rolled back"
        yield "migrate", f"apply {migrations}, then read the history again"
    if scripts:
        yield "rehearse", f"run {scripts} in a transaction that is rolled back"
    if restores:
        yield "rehearse", "the backup, restored and compared in a transaction that is rolled back"
        if environment.guarded:
            yield "safety", "a backup of the present state, proven"
        yield "restore", "the backup, in one transaction, compared before its commit"
