"""`status`: what runs where, and everything that disagrees; all environments looked at together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.domain.database.migrations import Applied, compare, newest
from scripts.domain.outcome import Outcome
from scripts.domain.release.ledger import Event
from scripts.domain.release.live import Answer, Expected, fault
from scripts.domain.release.lock import Lock
from scripts.domain.settings import Environment
from scripts.errors import CommandFailed, DeskError
from scripts.shell.background import begin
from scripts.workflows.release.observe import (
    Remote,
    applied_migrations,
    migrations_of,
    observe_remote,
    read_lock,
)
from scripts.workflows.release.wish import commits_between
from scripts.workflows.toolbox import Toolbox


@dataclass(frozen=True)
class Seen:
    """One environment as it answered; `trouble` holds the looks that failed."""

    environment: Environment
    live: Answer
    applied: tuple[Applied, ...] | None
    trouble: tuple[str, ...]


def run(tools: Toolbox) -> Outcome:
    """Look at every environment at once; one that is dead costs its time-out, and the rest is shown."""
    looks = [begin(_see, tools, environment) for environment in tools.settings]
    remote = observe_remote(tools)
    seen = {each.environment.name: each for each in (look.result() for look in looks)}
    environments = [_describe(tools, remote, seen, each) for each in seen.values()]
    problems = sum(len(each["problems"]) for each in environments)
    found = f"{problems} problem{'s' if problems != 1 else ''}" if problems else "all agree"
    return Outcome.done(f"{len(environments)} environments, {found}", environments=environments)


def _see(tools: Toolbox, environment: Environment) -> Seen:
    trouble = []
    live = begin(tools.look, environment)
    try:
        applied = applied_migrations(tools, environment)
    except DeskError as error:
        applied = None
        trouble.append(error.message.splitlines()[0])
    return Seen(environment, live.result(), applied, tuple(trouble))


def _describe(tools: Toolbox, remote: Remote, seen: dict[str, Seen], own: Seen) -> dict[str, Any]:
    environment = own.environment
    head, released = remote.head(environment), remote.ledger.live(environment.name)
    lock = read_lock(tools, remote.refs, environment)
    following = tools.settings.after(environment)
    pending = _pending(tools, remote, head, seen[following.name] if following else None)
    return {
        "name": environment.name,
        "branch": environment.branch,
        "head": head,
        "live": own.live.commit,
        "release": released.release if released else None,
        "released_at": released.at if released else None,
        "schema": newest(row.version for row in own.applied) if own.applied else None,
        "url": environment.url,
        "lock": lock.document() if lock else None,
        "hold": _hold(remote, environment),
        "freeze": _freeze(tools, remote, environment),
        "pending": pending,
        "problems": list(_problems(tools, remote, own, lock, released)),
    }


def _hold(remote: Remote, environment: Environment) -> str | None:
    """Why promotions stop, None when they don't."""
    hold = remote.ledger.hold(environment.name)
    if hold is None:
        return None
    return f"rolled back as {hold.release}: {hold.detail.get('reason') or 'no reason was given'}"


def _freeze(tools: Toolbox, remote: Remote, environment: Environment) -> str | None:
    freeze = remote.ledger.freeze(environment.name, tools.now())
    return f"until {freeze.detail.get('until')}: {freeze.detail.get('reason')}" if freeze else None


def _pending(tools: Toolbox, remote: Remote, head: str | None, following: Seen | None) -> dict[str, int]:
    """What the next environment would get from this one."""
    if following is None or head is None:
        return {"commits": 0, "migrations": 0}
    target = remote.head(following.environment)
    migrations = compare(migrations_of(tools, head), following.applied or ()).pending
    return {
        "commits": len(commits_between(tools, head, target)),
        "migrations": len(migrations) if following.applied is not None else 0,
    }


def _problems(
    tools: Toolbox, remote: Remote, own: Seen, lock: Lock | None, released: Event | None
) -> Iterator[str]:
    """Everything that disagrees, in words that name the two sides."""
    environment = own.environment
    yield from own.trouble
    if lock:
        yield f"locked by {lock}"
    hold, freeze = _hold(remote, environment), _freeze(tools, remote, environment)
    if hold:
        yield f"held: {hold}; `invoke release-hold --env {environment.name}`"
    if freeze:
        yield f"frozen {freeze}"
    if released is None:
        yield f"nothing was released here yet: `invoke deploy --env {environment.name}`"
        return
    schema = released.built_for
    problem = fault(own.live, Expected(released.commit, environment.name, schema))
    if problem:
        yield f"{released.release} is `{released.commit[:12]}`, but live: {problem}"
    yield from _head_problems(remote, environment, released)
    yield from _schema_problems(tools, own, released)


def _head_problems(remote: Remote, environment: Environment, released: Event) -> Iterator[str]:
    """The branch against the release that is live."""
    head = remote.head(environment)
    last = remote.ledger.verdict(environment.name, head) if head else None
    if last and last.ending == "failed":
        yield f"the head of `{environment.branch}` failed here as {last.release}"
    elif head in remote.ledger.bad(environment.name):
        yield "branch ahead of live: rolled back"
    elif head != released.commit:
        where = f"`{head[:12]}`" if head else "missing"
        yield f"the head of `{environment.branch}` is not live: {where}"


def _schema_problems(tools: Toolbox, own: Seen, released: Event) -> Iterator[str]:
    """The database against the migrations of the release that is live."""
    if own.applied is None:
        return
    try:
        committed = migrations_of(tools, released.commit)
    except CommandFailed:  # the commit is not in this clone (a rewritten branch)
        return
    found = compare(committed, own.applied)
    if found.missing:
        yield f"the database is ahead of {released.release}: {', '.join(found.missing)}"
    if found.pending:
        files = ", ".join(each.file for each in found.pending)
        yield f"the database lacks migrations of {released.release}: {files}"
    if found.edited:
        files = ", ".join(each.file for each in found.edited)
        yield f"edited after being applied: {files}"
    if found.doubled:
        yield f"two files of one version: {', '.join(found.doubled)}"
