# pure
"""A notice: what a channel is told of one event; who, what, where, how long, what to type next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.config.settings import Environment

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


def of_hold(environment: Environment, deed: Deed, *, lifted: bool) -> Notice:
    """The hold of an environment began, or was released."""
    name = environment.name
    title = f"{name}: the hold is released" if lifted else f"{name} is held"
    hint = "`invoke status`" if lifted else f"`invoke release-hold --env {name} --reason TEXT`"
    return notice("hold", name, deed, title, who(environment, deed), hint=hint)


def of_freeze(environment: Environment, deed: Deed, *, until: str | None) -> Notice:
    """An environment was frozen until a time, or (None) the freeze was lifted."""
    name = environment.name
    title = f"{name} is frozen until {until}" if until else f"{name} is no longer frozen"
    hint = f"to lift it: `invoke unfreeze --env {name} --reason TEXT`" if until else "`invoke status`"
    return notice("freeze", name, deed, title, who(environment, deed), hint=hint)


def of_drill(environment: Environment, deed: Deed, *, passed: bool, found: Sequence[Fact]) -> Notice:
    """A drill has ended; `found` says what was tried and what came of it."""
    name = environment.name
    title = f"{name}: the drill {'passed' if passed else 'FAILED'}"
    hint = "`invoke history`" if passed else f"mend it, then `invoke drill --env {name}`"
    return notice("drill", name, deed, title, [*who(environment, deed), *found], hint=hint)


def of_restore(environment: Environment, deed: Deed, facts: Sequence[Fact]) -> Notice:
    """The database of an environment was replaced by a backup."""
    name = environment.name
    hint = f"when all is well: `invoke db.drop-aside --env {name}`"
    what = [*who(environment, deed), *facts]
    return notice("restore", name, deed, f"{name}: the database was restored", what, hint=hint)


def of_backup(environment: Environment, deed: Deed, *, why: str, hint: str) -> Notice:
    """There is no backup that one could rely on."""
    name = environment.name
    title = f"{name}: NO PROVEN BACKUP"
    facts = [*who(environment, deed), ("why", why)]
    return notice("failure", name, deed, title, facts, hint=hint or f"`invoke backup --env {name}`")


def notice(kind: Kind, name: str, deed: Deed, title: str, facts: Sequence[Fact], *, hint: str) -> Notice:
    """A notice whose id is its run and kind."""
    return Notice(f"{deed.run}-{kind}", kind, name, title, tuple(facts), hint, deed.at)


def who(environment: Environment, deed: Deed) -> list[Fact]:
    """Who did it and why, where, how long it took, and the run."""
    took = [("took", duration(deed.seconds))] if deed.seconds is not None else []
    why = [("reason", deed.reason)] if deed.reason else []
    return [("who", deed.actor or "somebody"), *why, (WHERE, environment.url), *took, ("run", deed.run)]


def some(lines: Sequence[str], what: str) -> list[str]:
    """The first lines, and how many more there are."""
    more = [f"and {len(lines) - SHOWN} more {what}"] if len(lines) > SHOWN else []
    return [*lines[:SHOWN], *more]


def cut(text: str) -> str:
    """One line of somebody's text, short enough to leave room for the others."""
    line = " ".join(text.split())
    return line if len(line) <= SUBJECT else f"{line[:SUBJECT]}… [{len(line) - SUBJECT} more characters]"


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
