"""A notice: what a channel is told of one event; who, what, where, how long, what to type next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.domain.release.facts import Facts
from scripts.domain.release.plan import Plan
from scripts.domain.settings import Environment

Kind = Literal["start", "success", "failure", "rollback", "hold", "freeze", "drill", "restore"]
Fact = tuple[str, str]
WHERE = "where"  # the one fact that may be a link: our own configuration, never somebody's text
SHOWN = 10  # commits and migrations that are named
SUBJECT = 100  # characters of a commit's subject


@dataclass(frozen=True)
class Notice:
    """One event, for people in a channel.

    Args:
        id: of the event, so that it is told once: run id and kind.
        title: our own words; commits and reasons stand in `facts`, where all of them are made harmless.
        facts: label and text; the text may be anybody's.
        hint: what to type next.
        at: UTC, ISO 8601.
    """

    id: str
    kind: Kind
    environment: str
    title: str
    facts: tuple[Fact, ...]
    hint: str
    at: str


@dataclass(frozen=True)
class Deed:
    """Who did it, in which run, when, how long it took (None: it has no duration), and why."""

    run: str
    actor: str
    at: str
    seconds: float | None = None
    reason: str = ""


def of_start(plan: Plan, deed: Deed) -> Notice:
    """A release of a guarded environment begins; its lock is held."""
    facts = plan.facts
    name = facts.environment.name
    expected = sum(step.seconds or 0 for step in plan.steps)
    more = [("expected", duration(expected))] if expected else []
    title = f"{name}: a {facts.task} of {facts.wanted[:12]} begins"
    return _notice("start", name, deed, title, [*_what(plan, deed), *more], hint="`invoke lock.show`")


def of_release(plan: Plan, deed: Deed, release: str, following: str | None) -> Notice:
    """A release is proven live; `following` is the environment that comes after this one."""
    facts = plan.facts
    name = facts.environment.name
    back = f"`invoke rollback --env {name}`" if facts.previous else ""
    hint = f"`invoke promote --to {following}`" if following else back and f"should it be bad: {back}"
    title = f"{name}: {release} is live"
    return _notice("success", name, deed, title, _what(plan, deed), hint=hint)


def of_rollback(plan: Plan, deed: Deed, release: str) -> Notice:
    """Somebody went back to a good release; it is proven live, and the environment is held by that."""
    facts = plan.facts
    name, left = facts.environment.name, facts.previous
    to = facts.target.release if facts.target else "an older release"
    bad = [("marked bad", f"{left.release} ({left.commit[:12]})")] if left else []
    held = ("held", f"nothing goes to {name} until somebody releases the hold")
    title = f"{name}: rolled back to {to}, which is live again as {release}"
    hint = f"when mended: `invoke release-hold --env {name} --reason TEXT`"
    return _notice("rollback", name, deed, title, [*_what(plan, deed), *bad, held], hint=hint)


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
    """A release failed; `rolled_back`: the one before was published and verified again by itself.

    One event and one notice, of kind `rollback` or `failure`.
    """
    facts = plan.facts
    name, previous = facts.environment.name, facts.previous
    what = f"{facts.task} of {release or facts.wanted[:12]}"
    title = f"{name}: the {what} failed at {at_step}"
    if rolled_back and previous:
        title += f" and was rolled back: {previous.release} is live again"
    said = [("why", why), ("live now", live)]
    kind: Kind = "rollback" if rolled_back and previous else "failure"
    return _notice(kind, name, deed, title, [*_what(plan, deed), *said], hint=hint)


def of_hold(environment: Environment, deed: Deed, *, lifted: bool) -> Notice:
    """The hold of an environment began, or was released."""
    name = environment.name
    title = f"{name}: the hold is released" if lifted else f"{name} is held"
    hint = "`invoke status`" if lifted else f"`invoke release-hold --env {name} --reason TEXT`"
    return _notice("hold", name, deed, title, _who(environment, deed), hint=hint)


def of_freeze(environment: Environment, deed: Deed, *, until: str | None) -> Notice:
    """An environment was frozen until a time, or (None) the freeze was lifted."""
    name = environment.name
    title = f"{name} is frozen until {until}" if until else f"{name} is no longer frozen"
    hint = f"to lift it: `invoke unfreeze --env {name} --reason TEXT`" if until else "`invoke status`"
    return _notice("freeze", name, deed, title, _who(environment, deed), hint=hint)


def of_drill(environment: Environment, deed: Deed, *, passed: bool, found: Sequence[Fact]) -> Notice:
    """A drill has ended; `found` says what was tried and what came of it."""
    name = environment.name
    title = f"{name}: the drill {'passed' if passed else 'FAILED'}"
    hint = "`invoke history`" if passed else f"mend it, then `invoke drill --env {name}`"
    return _notice("drill", name, deed, title, [*_who(environment, deed), *found], hint=hint)


def of_restore(environment: Environment, deed: Deed, facts: Sequence[Fact]) -> Notice:
    """The database of an environment was replaced by a backup."""
    name = environment.name
    hint = f"when all is well: `invoke db.drop-aside --env {name}`"
    what = [*_who(environment, deed), *facts]
    return _notice("restore", name, deed, f"{name}: the database was restored", what, hint=hint)


def of_backup(environment: Environment, deed: Deed, *, why: str, hint: str) -> Notice:
    """There is no backup that one could rely on."""
    name = environment.name
    title = f"{name}: NO PROVEN BACKUP"
    facts = [*_who(environment, deed), ("why", why)]
    return _notice("failure", name, deed, title, facts, hint=hint or f"`invoke backup --env {name}`")


def _notice(kind: Kind, name: str, deed: Deed, title: str, facts: Sequence[Fact], *, hint: str) -> Notice:
    return Notice(f"{deed.run}-{kind}", kind, name, title, tuple(facts), hint, deed.at)


def _who(environment: Environment, deed: Deed) -> list[Fact]:
    took = [("took", duration(deed.seconds))] if deed.seconds is not None else []
    why = [("reason", deed.reason)] if deed.reason else []
    return [("who", deed.actor or "somebody"), *why, (WHERE, environment.url), *took, ("run", deed.run)]


def _what(plan: Plan, deed: Deed) -> list[Fact]:
    """Who, which commit from where, what it brings, where it goes, how long it took."""
    facts = plan.facts
    files = [each.file for each in plan.comparison.pending]
    commits = [("commits", _commits(facts))] if facts.commits and not facts.rolls_back else []
    migrations = "\n".join(_some(files, "migrations")) or "none"
    origin = f" from {facts.source.name}" if facts.source else ""
    return [
        ("what", f"{facts.task} of {facts.wanted[:12]}{origin}"),
        *_who(facts.environment, deed),
        ("migrations", migrations),
        *commits,
    ]


def _commits(facts: Facts) -> str:
    lines = [f"{each.id[:8]} {_cut(each.author)}: {_cut(each.subject)}" for each in facts.commits]
    return "\n".join(_some(lines, "commits"))


def _some(lines: Sequence[str], what: str) -> list[str]:
    more = [f"and {len(lines) - SHOWN} more {what}"] if len(lines) > SHOWN else []
    return [*lines[:SHOWN], *more]


def _cut(text: str) -> str:
    """One line of somebody's text, short enough to leave room for the others."""
    line = " ".join(text.split())
    return line if len(line) <= SUBJECT else f"{line[:SUBJECT]}… [{len(line) - SUBJECT} more characters]"


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
