"""The end of a task that changes something: what is live, whether the lock is free, what to type next.

What the task has just seen or pushed itself is taken from its document; all else is read once more, after
everything is over. What can't be read in time is said to be unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from scripts.branches.request import BackmergeRequest
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.request import LAST, Request
from scripts.config.settings import Environment
from scripts.errors import DeskError, Interrupted
from scripts.preview import closing as preview
from scripts.preview.request import PreviewDownRequest, PreviewSweepRequest, PreviewUpRequest
from scripts.replit.drivers import driver_of
from scripts.replit.live import Answer, Expected, fault
from scripts.state.ledger import REF
from scripts.state.lock import FREE, Lock, lock_ref, time_to_live
from scripts.state.remote import read_ledger, read_lock
from scripts.system.background import submit

PATIENCE = 6.0  # seconds that the last look may take
HURRY = 1.5  # the same after a signal: a cancelled CI job has 10 in all
LONGEST_SUBJECT = 28  # characters: the line fits 80 columns
COMMAND = re.compile(r"`(invoke [^`]+)`")


@dataclass(frozen=True)
class Found:
    """What was seen of an environment at the end.

    Args:
        live: the commit that its public URL answers with; None: none, or it was not read.
        serves: the same in words, after the environment's name.
        lock: for `--json`: `state` is `free`, `held` or `unknown`.
        locked: the same in words.
    """

    live: str | None
    release: str | None
    subject: str
    serves: str
    lock: Mapping[str, Any]
    locked: str


def closed(desk: Desk, request: Request, outcome: Outcome, typed: str = "") -> Outcome:
    """The outcome with its last line, and the same for `--json`: `live`, `serves`, `lock`, `next`.

    Only for tasks that change something (`Request.closes`), and not for a plan.

    Args:
        typed: the command, to begin again with after an interruption.
    """
    if not request.closes or getattr(request, "plan", False):
        return outcome
    if isinstance(request, BackmergeRequest):
        return _with(outcome, *_locks(desk, _until(desk, outcome)), outcome.hint or _next(outcome, typed))
    if isinstance(request, PreviewUpRequest | PreviewDownRequest | PreviewSweepRequest):
        about = "" if isinstance(request, PreviewSweepRequest) else request.branch
        return _with(
            outcome, *preview.closing(desk, about), outcome.hint or _next(outcome, typed, preview.NEXT)
        )
    environment = _environment(desk, request, outcome)
    if environment is None:
        return outcome
    found = _found(desk, environment, outcome)
    hint = _hint(environment, outcome, found, typed)
    serves = {"release": found.release, "commit": found.live, "subject": found.subject}
    more = {"live": found.live, "serves": serves, "lock": dict(found.lock)}
    return _with(outcome, f"{environment.name} {found.serves}; {found.locked}", more, hint)


def _with(outcome: Outcome, words: str, more: Mapping[str, Any], hint: str | None) -> Outcome:
    data = {**outcome.data, **more, "next": COMMAND.findall(hint or "")}
    return replace(outcome, data=data, hint=hint, closing=words)


def _until(desk: Desk, outcome: Outcome) -> float:
    """When the last look is over, by `desk.clock`."""
    return desk.clock() + (HURRY if outcome.code == Interrupted.code else PATIENCE)


def _locks(desk: Desk, until: float) -> tuple[str, Mapping[str, Any]]:
    """After a back-merge, which releases nothing: what of the chain is locked."""
    refs = _in_time(desk, submit(desk.git.ls_remote), until)
    if isinstance(refs, str):
        document, words = _locked(desk, refs, "")
        return f"a back-merge releases nothing: what is live stays; {words}", {"lock": document}
    held = [each.name for each in desk.settings if lock_ref(each.name) in refs]
    words = f"locked: {', '.join(held)}" if held else "no environment is locked"
    lock = {"state": "held", "environments": held} if held else FREE
    return f"a back-merge releases nothing: what is live stays; {words}", {"lock": lock}


def _environment(desk: Desk, request: Request, outcome: Outcome) -> Environment | None:
    """The environment that the task was about; None where it named none that there is."""
    about = request.about or str(outcome.data.get("environment") or "")
    try:
        return desk.settings.environment(desk.settings.chain[-1] if about == LAST else about)
    except DeskError:
        return None


def _hint(environment: Environment, outcome: Outcome, found: Found, typed: str) -> str:
    """What to type next where the ending itself does not say it."""
    name = environment.name
    if outcome.hint:
        pasteable = "`" in outcome.hint or not outcome.code
        return outcome.hint if pasteable else f"{outcome.hint}; then `invoke status`"
    if found.lock.get("state") == "held" and found.lock.get("own"):
        return f"`invoke resume --env {name}` finishes or undoes it"
    backups = f"`invoke backup.list --env {name}`" if "proven" in outcome.data else "`invoke status`"
    return _next(outcome, typed, "`invoke status`" if outcome.code else backups)


def _next(outcome: Outcome, typed: str, command: str = "`invoke status`") -> str:
    """The same line again after an interruption; else the command that shows how it stands."""
    if outcome.code == Interrupted.code and typed:
        return f"to begin again: `{typed}`"
    return command if outcome.code else f"next: {command}"


def _found(desk: Desk, environment: Environment, outcome: Outcome) -> Found:
    data = outcome.data
    known = data.get("lock") == FREE and data.get("live") and not outcome.code
    until = _until(desk, outcome)
    lock = submit(_lock_now, desk, environment) if data.get("lock") != FREE else None
    look = None if known else submit(lambda: driver_of(desk, environment).live())
    answer: Answer | str = Answer(200, str(data.get("live")))
    if look is not None:
        answer = _in_time(desk, look, until)
    live, release, subject, serves = _served(desk, environment, answer)
    holder = None if lock is None else _in_time(desk, lock, until)
    return Found(live, release, subject, serves, *_locked(desk, holder, str(data.get("run") or "")))


def _in_time(desk: Desk, future: Future[Any], until: float) -> Any:
    """The value; in words why there is none."""
    try:
        return future.result(max(0.05, until - desk.clock()))
    except TimeoutError:
        return "no answer in time"
    except DeskError as error:
        return error.message.splitlines()[0]


def _lock_now(desk: Desk, environment: Environment) -> Lock | None:
    refs = desk.git.ls_remote()
    if lock_ref(environment.name) not in refs:
        return None
    return read_lock(desk, desk.git.fetch([lock_ref(environment.name)]), environment)


def _served(
    desk: Desk, environment: Environment, answer: Answer | str
) -> tuple[str | None, str | None, str, str]:
    """The commit, its release, its subject, and all of that in words."""
    if isinstance(answer, str):
        return None, None, "", f"could not be looked at ({answer})"
    if answer.silent or answer.commit is None:
        return None, None, "", f"gives {answer}" if answer.silent else f"answers {answer}"
    event = read_ledger(desk, desk.git.trusted(REF)).live(environment.name)
    own = event if event and event.commit == answer.commit else None
    subject = desk.git.subjects([answer.commit]).get(answer.commit, "")
    short = subject if len(subject) <= LONGEST_SUBJECT else f"{subject[: LONGEST_SUBJECT - 1]}…"
    named = f'{answer.commit[:8]} "{short}"' if short else answer.commit[:8]
    words = f"serves {own.release} {named}" if own else f"serves {named}, which is no release"
    problem = fault(answer, Expected(answer.commit, environment.name))
    return (
        answer.commit,
        own.release if own else None,
        subject,
        f"{words} ({problem})" if problem else words,
    )


def _locked(desk: Desk, lock: Lock | str | None, run: str) -> tuple[Mapping[str, Any], str]:
    """Who holds the lock; `run`: the one of this task."""
    if isinstance(lock, str):
        return {"state": "unknown", "why": lock}, f"the lock could not be read ({lock})"
    if lock is None:
        return FREE, "the lock is free"
    ttl = time_to_live(lock, desk.settings.lock.ttl)
    own = bool(run) and lock.run == run
    until = datetime.fromisoformat(desk.now()) + timedelta(seconds=ttl) if own else None
    shared = {key: getattr(lock, key) for key in ("actor", "host", "task", "run", "step")}
    document = {
        "state": "held",
        **shared,
        "since": lock.acquired_at,
        "until": until.isoformat(timespec="seconds") if until else None,
        "own": own,
    }
    if until:
        return document, f"the lock stays until {until.astimezone():%H:%M:%S}, then `resume` takes it"
    if not lock.readable:
        return document, f"the lock can't be read: {lock.reason}"
    who = f"{lock.actor or 'somebody'} (`{lock.task}`)"
    return document, f"the lock is held by {who}, until that ends"
