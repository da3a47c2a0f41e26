"""The notices of releases: start, success, rollback, failure."""

from __future__ import annotations

import re

from scripts.config.desk import Desk
from scripts.errors import DeskError, Interrupted, ReleaseFailed
from scripts.github import deployments
from scripts.github.deployments import State, Told
from scripts.github.pulls import Pull
from scripts.github.release_notes import Notes, notes
from scripts.notify import sentry, source_maps
from scripts.notify.deliver import send
from scripts.notify.events import Deed, Fact, Kind, Notice, duration, first_lines, notice, shorten, who
from scripts.notify.sentry import Deployed
from scripts.release.facts import Facts
from scripts.release.plan import Plan
from scripts.release.run import ReleaseRun

PULL_PAGE = re.compile(
    r"https?://[A-Za-z0-9.-]+(:\d+)?/[\w.-]+/[\w.-]+/pull/\d{1,9}"
)  # it comes from GitHub
INTERRUPTED_BUDGET = 1.0  # seconds for notices of an interrupted run: a cancelled CI job has 10 in all


def start(run: ReleaseRun) -> None:
    """A guarded environment is about to change; sent while the release goes on."""
    if run.environment.guarded:
        send(run.desk, lambda: of_start(run.plan, _deed(run, over=False)), wait=False)


def review_wanted(desk: Desk, plan: Plan, pull: Pull, wanted: str) -> None:
    """A pull request was opened, and waits for approvals; `wanted`: how many."""

    def made() -> Notice:
        facts, name = plan.facts, plan.facts.environment.name
        deed = Deed(desk.new_id(), desk.actor, desk.now(), job=desk.job)
        page = Fact("review", pull.url, link=PULL_PAGE.fullmatch(pull.url) is not None)
        title = f"{name}: a promotion of {facts.wanted[:12]} waits for an approval"
        told = [page, Fact("wanted", wanted), *_what(plan, deed)]
        hint = f"once it is approved, it goes on; after an interruption: `invoke promote --to {name}`"
        return notice("approval", name, deed, title, told, hint=hint)

    send(desk, made)


def success(run: ReleaseRun) -> None:
    """A release, or a rollback that somebody asked for, is proven live and recorded."""
    release = run.release or ""

    def made() -> Notice:
        if run.plan.facts.rolls_back:
            return of_rollback(run.plan, _deed(run), release)
        following = run.desk.settings.after(run.environment)
        return of_release(run.plan, _deed(run), release, following.name if following else None)

    facts = run.plan.facts
    deployed = Deployed(
        release,
        facts.wanted,
        () if facts.rolls_back else facts.commits,
        run.lock.content.acquired_at,
        run.desk.now(),
    )
    with (
        sentry.telling(run.desk, run.environment, deployed),
        deployments.telling(run.desk, run.environment, _for_github(run, "success", f"{release} is live")),
    ):
        send(run.desk, made)
    source_maps.report(run.desk, run.maps)


def failure(run: ReleaseRun, error: DeskError, at_step: str) -> None:
    """A run failed, and was recovered. If another run took its lock over, that one reports the end."""
    if run.lock.lost:
        return

    def made() -> Notice:
        return of_failure(
            run.plan,
            _deed(run),
            why=error.message,
            hint=error.hint or "`invoke status`",
            at_step=at_step,
            release=run.release,
            live=str(run.live or "not looked at"),
            rolled_back=_was_rolled_back(run),
        )

    if isinstance(error, Interrupted):
        send(run.desk, made, budget=INTERRUPTED_BUDGET)
        return
    state: State = "failure" if isinstance(error, ReleaseFailed) else "error"
    told = _for_github(run, state, f"failed at {at_step}: {error.message.splitlines()[0]}")
    with deployments.telling(run.desk, run.environment, told):
        send(run.desk, made)


def _for_github(run: ReleaseRun, state: State, words: str) -> Told:
    """What GitHub is told; the last environment of the chain has releases there, with notes."""
    facts, desk = run.plan.facts, run.desk
    published = state == "success" and not facts.rolls_back and not desk.settings.after(run.environment)
    text = ""
    if published:
        pull = facts.pull.name if facts.lands_by_pull and facts.pull else ""
        previous = facts.previous.release if facts.previous else ""
        files = [migration.file for migration in run.plan.comparison.pending]
        brought = Notes(facts.commits, files, desk.actor, run.environment.url, previous, pull)
        text = notes(brought)
    words = f"{words} ({desk.actor})" if state == "success" else words
    return Told(run.id, facts.wanted, state, words, run.release or "", text, desk.job)


def _was_rolled_back(run: ReleaseRun) -> bool:
    """Whether the failed run has published the previous release again, and verified it."""
    facts = run.plan.facts
    if facts.previous is None or facts.previous.commit == facts.wanted or run.live is None:
        return False
    verified = any((step["name"], step["ending"]) == ("verify", "done") for step in run.steps)
    return verified and run.live.commit == facts.previous.commit


def _deed(run: ReleaseRun, *, over: bool = True) -> Deed:
    seconds = sum(float(step["seconds"]) for step in run.steps) if over else None
    reason = run.lock.content.reason
    return Deed(run.id, run.desk.actor, run.desk.now(), seconds, reason, run.desk.job)


def of_start(plan: Plan, deed: Deed) -> Notice:
    """A release of a guarded environment begins; its lock is held."""
    facts = plan.facts
    name = facts.environment.name
    expected = sum(step.seconds or 0 for step in plan.steps)
    more = [Fact("expected", duration(expected))] if expected else []
    title = f"{name}: a {facts.task} of {facts.wanted[:12]} begins"
    return notice("start", name, deed, title, [*_what(plan, deed), *more], hint="`invoke lock.show`")


def of_release(plan: Plan, deed: Deed, release: str, following: str | None) -> Notice:
    """A release is proven live; `following` is the environment that comes after this one."""
    facts = plan.facts
    name = facts.environment.name
    back = f"`invoke rollback --env {name}`" if facts.previous else ""
    hint = f"`invoke promote --to {following}`" if following else back and f"should it be bad: {back}"
    title = f"{name}: {release} is live"
    return notice("success", name, deed, title, _what(plan, deed), hint=hint)


def of_rollback(plan: Plan, deed: Deed, release: str) -> Notice:
    """Somebody went back to a good release; it is proven live, and the environment is held."""
    facts = plan.facts
    name, left = facts.environment.name, facts.previous
    to = facts.target.release if facts.target else "an older release"
    bad = [Fact("marked bad", f"{left.release} ({left.commit[:12]})")] if left else []
    held = Fact("held", f"nothing goes to {name} until somebody releases the hold")
    title = f"{name}: rolled back to {to}, which is live again as {release}"
    hint = f"when fixed: `invoke release-hold --env {name} --reason TEXT`"
    return notice("rollback", name, deed, title, [*_what(plan, deed), *bad, held], hint=hint)


def of_failure(
    plan: Plan,
    deed: Deed,
    *,
    why: str,
    hint: str,
    at_step: str,
    release: str | None,
    live: str,
    rolled_back: bool,
) -> Notice:
    """A release failed; `rolled_back`: the previous one was published and verified again automatically.

    One event and one notice, of kind `rollback` or `failure`.
    """
    facts = plan.facts
    name, previous = facts.environment.name, facts.previous
    what = f"{facts.task} of {release or facts.wanted[:12]}"
    title = f"{name}: the {what} failed at {at_step}"
    if rolled_back and previous:
        title += f" and was rolled back: {previous.release} is live again"
    said = [Fact("why", why), Fact("live now", live)]
    kind: Kind = "rollback" if rolled_back and previous else "failure"
    return notice(kind, name, deed, title, [*said, *_what(plan, deed)], hint=hint)


def _what(plan: Plan, deed: Deed) -> list[Fact]:
    """Who, which commit from where, what it brings, where it goes, how long it took."""
    facts = plan.facts
    files = [migration.file for migration in plan.comparison.pending]
    commits = [Fact("commits", _commits(facts))] if facts.commits and not facts.rolls_back else []
    migrations = first_lines(files, "migrations") or "none"
    origin = f" from {facts.source.name}" if facts.source else ""
    return [
        Fact("what", f"{facts.task} of {facts.wanted[:12]}{origin}"),
        *who(facts.environment, deed),
        Fact("migrations", migrations),
        *commits,
    ]


def _commits(facts: Facts) -> str:
    lines = [
        f"{commit.id[:8]} {shorten(commit.author)}: {shorten(commit.subject)}" for commit in facts.commits
    ]
    return first_lines(lines, "commits")
