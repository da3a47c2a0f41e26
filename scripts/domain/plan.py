"""From what was observed to the steps of a release, or the reason why not. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.domain.ledger import Event, Ledger
from scripts.domain.live import Answer, Expected, fault
from scripts.domain.lock import Lock
from scripts.domain.migrations import Applied, Comparison, Migration, compare, newest
from scripts.domain.settings import Environment


@dataclass(frozen=True)
class Commit:
    """One line of `git log`; `at` in ISO 8601."""

    id: str
    author: str
    at: str
    subject: str


@dataclass(frozen=True)
class Facts:
    """All that the decision looks at.

    Args:
        source: the environment that promotes into this one; None for `deploy`.
        wanted: the commit to release.
        head: where the target's branch is on the remote; None before its first promotion.
        contained: for `deploy`: the commit is on the target's branch; for `promote`: the target's
            branch is an ancestor of the commit, so that it can be fast-forwarded.
        at_source: the commit is the head of the source's branch.
        commits: what the release brings, newest first.
        strangers: what the target's branch has and the commit lacks, newest first.
        applied: the database's history; None for an app without a database.
        retry: a person says that a commit that failed here may be tried again.
    """

    task: str
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
    at_source: bool = True
    remote: str = "origin"
    retry: bool = False

    @property
    def schema(self) -> str | None:
        """The schema version that the commit brings."""
        return newest(each.version for each in self.committed)

    @property
    def standing(self) -> str | None:
        """The schema version that the database has now."""
        return newest(each.version for each in self.applied or ())

    @property
    def expected(self) -> Expected:
        """What the public URL must answer afterwards."""
        return Expected(self.wanted, self.environment.name, self.schema)

    @property
    def previous(self) -> Event | None:
        """The release to go back to."""
        return self.ledger.live(self.environment.name)


@dataclass(frozen=True)
class Step:
    """One step: `pure`, `idempotent`, `once` or `notify` (design section 6); seconds as last time."""

    name: str
    kind: str
    detail: str
    seconds: float | None = None


@dataclass(frozen=True)
class Refusal:
    """Why not, what to type instead, and the exit code that belongs to it."""

    why: str
    hint: str | None
    code: int = 1


@dataclass(frozen=True)
class Plan:
    """What would happen; `refused` and `nothing` say why it will not."""

    facts: Facts
    comparison: Comparison
    steps: tuple[Step, ...]
    refused: Refusal | None
    nothing: str | None

    @property
    def no_return(self) -> str:
        """The step from which on going back means undoing."""
        return "migrate" if self.comparison.pending else "publish"

    @property
    def way_back(self) -> str:
        """What would be done if a step after that fails."""
        previous = self.facts.previous
        if previous is None:
            return "none: nothing was released here before"
        back = f"publish `{previous.release}` (`{previous.commit[:12]}`) again and verify it"
        return f"{back}; the migrations stay" if self.comparison.pending else back

    def document(self) -> dict[str, Any]:
        """The plan as the JSON contract has it."""
        facts = self.facts
        return {
            "environment": facts.environment.name,
            "commit": facts.wanted,
            "live": facts.live.commit,
            "steps": [vars(step) for step in self.steps],
            "commits": [vars(commit) for commit in facts.commits],
            "migrations": [
                {"version": each.version, "file": each.file, "verdict": "unjudged"}
                for each in self.comparison.pending
            ],
            "point_of_no_return": self.no_return,
            "way_back": self.way_back,
            "refused": self.refused.why if self.refused else None,
        }


def decide(facts: Facts) -> Plan:
    """The whole decision: every rule is looked at before anything changes."""
    comparison = compare(facts.committed, facts.applied or ())
    if facts.applied is None:
        comparison = compare((), ())
    nothing = None if facts.lock else _nothing(facts, comparison)
    refused = None if nothing else next(_refusals(facts, comparison), None)
    return Plan(facts, comparison, _steps(facts, comparison), refused, nothing)


def _nothing(facts: Facts, comparison: Comparison) -> str | None:
    """Why there is nothing to do: live, proven and written down already."""
    live = facts.previous
    moves = facts.source is not None and facts.head != facts.wanted
    if live is None or live.commit != facts.wanted or comparison.pending or moves:
        return None
    if fault(facts.live, facts.expected):
        return None
    return f"`{facts.wanted[:12]}` is live and proven on {facts.environment.name} as {live.release}"


def _refusals(facts: Facts, comparison: Comparison) -> Iterator[Refusal]:
    """The reasons why not, the weightiest first."""
    name = facts.environment.name
    if facts.lock:
        yield Refusal(
            f"{name} is locked by {facts.lock}",
            f"wait for that run (`--wait`), or, if it is dead: `invoke resume --env {name}`",
            5,
        )
    yield from _history_refusals(facts)
    if facts.source is not None:
        yield from _source_refusals(facts, facts.source)
    verdict = facts.ledger.verdict(name, facts.wanted)
    if verdict and verdict.ending == "failed" and not facts.retry:
        yield Refusal(
            f"`{facts.wanted[:12]}` failed on {name} as {verdict.release} ({verdict.at})",
            f"release a new commit, or try this one again: `{_again(facts)} --retry`",
        )
    yield from _schema_refusals(facts, comparison)


def _again(facts: Facts) -> str:
    option = "--to" if facts.source else "--env"
    return f"invoke {facts.task} {option} {facts.environment.name}"


def _history_refusals(facts: Facts) -> Iterator[Refusal]:
    branch, wanted = facts.environment.branch, facts.wanted[:12]
    if facts.contained:
        return
    if facts.source is None:
        yield Refusal(
            f"`{wanted}` is not on `{branch}`, the branch of {facts.environment.name}",
            "merge it there first, or promote it from the environment before",
        )
        return
    listed = ", ".join(f"`{each.id[:12]}` {each.subject}" for each in facts.strangers[:3])
    more = f" and {len(facts.strangers) - 3} more" if len(facts.strangers) > 3 else ""
    remote, into = facts.remote, facts.source.branch
    yield Refusal(
        f"histories diverged: `{branch}` has commits that `{wanted}` lacks: {listed}{more}",
        f"merge `{branch}` back into `{into}` first: "
        f"`git switch {into} && git pull {remote} {into} && git pull --no-rebase {remote} {branch}"
        f" && git push {remote} HEAD:{into}`",
    )


def _source_refusals(facts: Facts, source: Environment) -> Iterator[Refusal]:
    """Only what the environment before has live and proven may pass."""
    wanted, deploy = facts.wanted[:12], f"`invoke deploy --env {source.name}`"
    proven = facts.ledger.live(source.name)
    if proven is None or proven.commit != facts.wanted:
        judged = facts.ledger.verdict(source.name, facts.wanted)
        if judged and judged.ending == "failed":
            yield Refusal(
                f"`{wanted}` failed on {source.name} as {judged.release}",
                f"mend it with a new commit on `{source.branch}`, then {deploy}",
            )
        has = f"{proven.release} is `{proven.commit[:12]}`" if proven else "nothing was released"
        way = deploy if facts.at_source else f"`invoke promote --to {source.name}`"
        yield Refusal(f"`{wanted}` is not proven on {source.name}: {has} there", way)
        return
    problem = fault(facts.source_live or Answer(None), Expected(facts.wanted, source.name))
    if problem:
        yield Refusal(f"`{wanted}` is not live on {source.name}: {problem}", deploy)


def _schema_refusals(facts: Facts, comparison: Comparison) -> Iterator[Refusal]:
    name, wanted = facts.environment.name, facts.wanted[:12]
    if comparison.doubled:
        listed = ", ".join(f"`{version}`" for version in comparison.doubled)
        yield Refusal(
            f"two migrations of `{wanted}` have the same version: {listed}",
            "give one of them a new time stamp",
        )
    if comparison.edited:
        listed = ", ".join(f"`{each.file}`" for each in comparison.edited)
        yield Refusal(
            f"edited after it was applied to {name}: {listed}",
            "put the file back as it was, and write the change as a new migration",
        )
    if comparison.missing:
        listed = ", ".join(f"`{version}`" for version in comparison.missing)
        yield Refusal(
            f"the database of {name} is {comparison.state}: it has {listed}, which `{wanted}` lacks",
            "release a commit that has these migrations",
        )
    if comparison.late:
        listed = ", ".join(f"`{each.file}`" for each in comparison.late)
        yield Refusal(
            f"older than the newest migration that {name} has: {listed}",
            "rename it with a newer time stamp",
        )


def _steps(facts: Facts, comparison: Comparison) -> tuple[Step, ...]:
    environment, pending = facts.environment, len(comparison.pending)
    last = facts.previous.detail.get("steps", []) if facts.previous else []
    took = {each.get("name"): each.get("seconds") for each in last if isinstance(each, dict)}
    branch = f"move `{environment.branch}`, " if facts.source else ""
    steps = [("lock", "idempotent", f"take the lock of {environment.name}")]
    if pending:
        steps.append(("probe", "pure", f"see that `{environment.ssh_host}` will take the commit"))
        count = f"{pending} migration{'s' if pending > 1 else ''}"
        steps.append(("migrate", "once", f"apply {count}, then read the history again"))
    steps += [
        ("build", "idempotent", f"bring the workspace `{environment.ssh_host}` to the commit"),
        ("publish", "once", f"publish it on Replit ({environment.publish})"),
        ("verify", "pure", f"{environment.url} answers with the commit, and its pages work"),
        ("finish", "idempotent", f"one atomic push: {branch}write the ledger, free the lock"),
    ]
    return tuple(Step(name, kind, detail, took.get(name)) for name, kind, detail in steps)
