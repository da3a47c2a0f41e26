# pure
"""A notice: what a chat channel is told about one event. Who, what, where, how long, what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from scripts.config.settings import Environment
from scripts.state.ledger import Event
from scripts.system.secret import redact

Kind = Literal[
    "start",
    "success",
    "failure",
    "rollback",
    "hold",
    "freeze",
    "drill",
    "restore",
    "approval",
    "down",
    "up",
    "preview",
]
MAX_LINES = 10  # commits and migrations that are listed by name
MAX_SUBJECT = 100  # characters of a commit's subject


class Fact(NamedTuple):
    """One line of a notice. The text may come from anybody; a link may only come from our configuration."""

    label: str
    text: str
    link: bool = False


@dataclass(frozen=True)
class Notice:
    """One event, for people in a channel.

    Args:
        id: run id and kind; one event is told once.
        title: our own words. Commit subjects and reasons go into `facts`, where they are escaped.
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
    """Who did it, in which run, when, why, and how many seconds it took (None: it has no duration).

    Args:
        job: the page of the CI job that ran it; "": there is none.
    """

    run: str
    actor: str
    at: str
    seconds: float | None = None
    reason: str = ""
    job: str = ""


def of_stop(environment: Environment, event: Event) -> Notice:
    """A ledger event that stops releases or lets them go on: `freeze`, `unfreeze` or `release-hold`."""
    name = environment.name
    deed = Deed(event.run, event.actor, event.at, reason=str(event.detail.get("reason", "")))
    kind: Kind = "hold" if event.kind == "release-hold" else "freeze"
    title, hint = f"{name} is no longer frozen", "`invoke status`"
    if kind == "hold":
        title = f"{name}: the hold is released"
    elif event.kind == "freeze":
        title = f"{name} is frozen until {event.detail['until']}"
        hint = f"to lift it: `invoke unfreeze --env {name} --reason TEXT`"
    return notice(kind, name, deed, title, who(environment, deed), hint=hint)


def of_drill(environment: Environment, deed: Deed, *, passed: bool, facts: Sequence[Fact]) -> Notice:
    """A drill has ended; `facts` say what was tried and what came of it."""
    name = environment.name
    title = f"{name}: the drill {'passed' if passed else 'FAILED'}"
    hint = "`invoke history`" if passed else f"fix it, then `invoke drill --env {name}`"
    return notice("drill", name, deed, title, [*who(environment, deed), *facts], hint=hint)


def of_restore(environment: Environment, deed: Deed, facts: Sequence[Fact]) -> Notice:
    """The database of an environment was replaced by a backup."""
    name = environment.name
    hint = f"when all is well: `invoke db.drop-aside --env {name}`"
    title = f"{name}: the database was restored"
    return notice("restore", name, deed, title, [*who(environment, deed), *facts], hint=hint)


def of_backup(
    environment: Environment, deed: Deed, *, why: str, hint: str, title: str = "NO PROVEN BACKUP"
) -> Notice:
    """There is no backup to rely on, or something is wrong with one: `title` says which."""
    name = environment.name
    facts = [*who(environment, deed), Fact("why", why)]
    hint = hint or f"`invoke backup --env {name}`"
    return notice("failure", name, deed, f"{name}: {title}", facts, hint=hint)


def notice(kind: Kind, name: str, deed: Deed, title: str, facts: Sequence[Fact], *, hint: str) -> Notice:
    """A notice whose id is its run and kind."""
    return Notice(f"{deed.run}-{kind}", kind, name, title, tuple(facts), hint, deed.at)


def who(environment: Environment, deed: Deed) -> list[Fact]:
    """Who did it and why, where, how long it took, the run, and the CI job's page."""
    reason = [Fact("reason", deed.reason)] if deed.reason else []
    took = [Fact("took", duration(deed.seconds))] if deed.seconds is not None else []
    where = Fact("where", environment.url, link=True)
    job = [Fact("log", deed.job, link=True)] if deed.job else []
    return [Fact("who", deed.actor or "somebody"), *reason, where, *took, Fact("run", deed.run), *job]


def first_lines(lines: Sequence[str], noun: str) -> str:
    """The first lines, then how many more there are: `and 3 more commits`."""
    more = [f"and {len(lines) - MAX_LINES} more {noun}"] if len(lines) > MAX_LINES else []
    return "\n".join([*lines[:MAX_LINES], *more])


def shorten(text: str) -> str:
    """Somebody's text on one line, masked and then short enough to leave room for the others."""
    line = " ".join(redact(text).split())
    more = len(line) - MAX_SUBJECT
    return line if more <= 0 else f"{line[:MAX_SUBJECT]}… [{more} more characters]"


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60} s"
