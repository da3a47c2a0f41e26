"""`status`: what runs where, and everything that disagrees; all environments looked at together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from scripts.branches.carry import waiting
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.edge_functions.observe import function_problems
from scripts.database.migrations import known_state
from scripts.database.migrations.files import (
    Applied,
    app_tables,
    applied_migrations,
    compare,
    migrations_of,
    newest,
)
from scripts.database.migrations.status import half_applied
from scripts.errors import CommandFailed, DeskError
from scripts.quality.twins import is_twin
from scripts.release import clock
from scripts.release.request import LocksRequest, StatusRequest
from scripts.replit.drivers import driver_of
from scripts.replit.live import Answer, Expected, answers_at_once, disagreement, fault
from scripts.state.desk_version import how_to_upgrade, outdated
from scripts.state.ledger import Event
from scripts.state.lock import Lock, blocked, lock_ref
from scripts.state.mirrors import lagging
from scripts.state.preview_lease import PREFIX, PreviewLease, observe_leases
from scripts.state.remote import Remote, observe_remote, read_lock
from scripts.state.rewritten import LedgerRewritten
from scripts.system.background import submit

LOOKS = 4  # at a public URL, at the same time: one of two instances in turn shows itself in 7 of 8 runs


@dataclass(frozen=True)
class Seen:
    """One environment as it answered; `trouble`: what could not be read."""

    environment: Environment
    live: Answer
    applied: tuple[Applied, ...] | None
    trouble: tuple[str, ...]
    tables: frozenset[str] = frozenset()
    functions: tuple[str, ...] = ()
    workspace: str = ""
    now: str = ""


def status(desk: Desk, _request: StatusRequest) -> Outcome:
    """Look at every environment at once; one that does not answer costs its timeout, and is shown so."""
    looks = [submit(_see, desk, environment) for environment in desk.settings]
    behind = submit(lagging, desk)
    remote, alarm = _observe(desk)
    functions = {each.name: submit(_functions, desk, remote, each) for each in desk.settings}
    seen = {each.environment.name: each for each in (look.result() for look in looks)}
    seen = {name: replace(each, functions=functions[name].result()) for name, each in seen.items()}
    described = [submit(_describe, desk, remote, seen, each) for each in seen.values()]
    environments = [each.result() for each in described]
    shared = (*remote.ledger.problems(desk.settings.chain), *behind.result())
    if old := outdated(remote.ledger):
        desk.progress.note(f"warning: {old}: {how_to_upgrade()}")
    data: dict[str, Any] = {"environments": environments, "problems": list(shared), "previews": []}
    if any(ref.startswith(PREFIX) for ref in remote.refs):
        data["previews"] = [_preview(each.lease) for each in observe_leases(desk)[1].values()]
    if alarm:
        return Outcome.failed(alarm.message, alarm.hint, **data, **alarm.data)
    problems = len(shared) + sum(len(each["problems"]) for each in environments)
    found = f"{problems} problem{'s' if problems != 1 else ''}" if problems else "all agree"
    stopped = "".join(
        f"; {each['name']} is {'held after a rollback' if each['hold'] else 'frozen'}"
        for each in environments
        if each["hold"] or each["freeze"]
    )
    return Outcome.done(f"{len(environments)} environments, {found}{stopped}", **data)


def _preview(lease: PreviewLease) -> dict[str, Any]:
    return {"slot": lease.slot, "branch": lease.branch, "commit": lease.commit, "state": lease.state,
            "until": lease.until}  # fmt: skip


def _observe(desk: Desk) -> tuple[Remote, LedgerRewritten | None]:
    """The remote; after a rewrite with the ledger that this clone has seen, and the alarm."""
    try:
        return observe_remote(desk), None
    except LedgerRewritten as alarm:
        return Remote(desk.git.ls_remote(), alarm.seen), alarm


def _see(desk: Desk, environment: Environment) -> Seen:
    trouble = []
    driver, tables = driver_of(desk, environment), frozenset[str]()
    looks, objection = submit(_answers, desk, environment), submit(driver.objection)
    lagging = submit(driver.lagging)
    asked = clock.begin(desk, environment)
    try:
        applied = applied_migrations(desk, environment)
        tables = app_tables(desk, environment)
    except DeskError as error:
        applied = None
        trouble.append(error.message.splitlines()[0])
    answers = looks.result()
    time = clock.time_of(desk, environment, asked, answers[0])
    flaps = disagreement(answers)
    trouble += [f"{environment.url}: {flaps}"] if flaps else []
    trouble += [time.skew] if time.skew else []
    trouble += lagging.result()
    workspace = str(objection.result() or "")
    return Seen(environment, answers[0], applied, tuple(trouble), tables, workspace=workspace, now=time.now)


def _answers(desk: Desk, environment: Environment) -> list[Answer]:
    """Of the public URL, at the same time: all tell what is live, the first also whether the pages work."""
    verify = desk.settings.verify._replace(paths=())
    bare = replace(desk, settings=replace(desk.settings, verify=verify))
    first = submit(driver_of(desk, environment).live)
    others = answers_at_once(driver_of(bare, environment).live, LOOKS - 1)
    return [first.result(), *others]


def _half(desk: Desk, remote: Remote, own: Seen) -> tuple[str, ...]:
    """What a failed release left of a migration; asked only where the database answered."""
    if own.applied is None:
        return ()
    with suppress(DeskError):
        return half_applied(desk, remote.ledger, own.environment)
    return ()


def _functions(desk: Desk, remote: Remote, environment: Environment) -> tuple[str, ...]:
    """What is wrong with the Edge Functions of its release."""
    released = remote.ledger.live(environment.name)
    return function_problems(desk, environment, released, remote.ledger) if released else ()


def _describe(desk: Desk, remote: Remote, seen: dict[str, Seen], own: Seen) -> dict[str, Any]:
    environment = own.environment
    head, released = remote.head(environment), remote.ledger.live(environment.name)
    lock = read_lock(desk, remote.refs, environment)
    following = desk.settings.after(environment)
    pending = _pending(desk, remote, head, seen[following.name] if following else None)
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
        "freeze": _freeze(remote, own),
        "pending": pending,
        "states": list(_states(remote, own, head)),
        "problems": list(_problems(desk, remote, own, lock, released)),
    }


def _states(remote: Remote, own: Seen, head: str | None) -> Iterator[str]:
    """What somebody decided: it stops releases, and nothing is wrong."""
    name = own.environment.name
    hold, freeze = _hold(remote, own.environment), _freeze(remote, own)
    if hold:
        yield f"held after a rollback ({hold}); when it is fixed: `invoke release-hold --env {name}`"
    if freeze:
        yield f"frozen {freeze}"
    if head and head in remote.ledger.bad(name, {head}):
        yield "branch ahead of live: rolled back"


def _hold(remote: Remote, environment: Environment) -> str | None:
    """Why promotions stop, None when they don't."""
    hold = remote.ledger.hold(environment.name)
    if hold is None:
        return None
    return f"rolled back as {hold.release}: {hold.detail.get('reason') or 'no reason was given'}"


def _freeze(remote: Remote, own: Seen) -> str | None:
    freeze = remote.ledger.freeze(own.environment.name, own.now)
    return f"until {freeze.detail.get('until')}: {freeze.detail.get('reason')}" if freeze else None


def _pending(desk: Desk, remote: Remote, head: str | None, following: Seen | None) -> dict[str, int]:
    """What the next environment would get from this one."""
    if following is None or head is None:
        return {"commits": 0, "migrations": 0}
    target = remote.head(following.environment)
    trees = desk.git.trees([head, *([target] if target else [])])
    same = target and trees.get(target) == trees.get(head)  # as after GitHub's buttons
    migrations = compare(migrations_of(desk, head), following.applied or ()).pending
    return {
        "commits": 0 if same else len(desk.git.log(head, target)),
        "migrations": len(migrations) if following.applied is not None else 0,
    }


def _not_free(remote: Remote, own: Seen, lock: Lock | None) -> Iterator[str]:
    """Why a release could not begin; while a run is at work, its build may lie in the workspace."""
    if in_the_way := blocked(remote.refs, own.environment.name):
        yield in_the_way
    if lock:
        yield f"locked by {lock}"
    elif own.workspace:
        yield own.workspace


def _problems(
    desk: Desk, remote: Remote, own: Seen, lock: Lock | None, released: Event | None
) -> Iterator[str]:
    """Everything that disagrees, in words that name both sides."""
    environment = own.environment
    yield from own.trouble
    yield from _half(desk, remote, own)
    yield from _not_free(remote, own, lock)
    if released is None:
        yield f"nothing was released here yet: `invoke deploy --env {environment.name}`"
        return
    schema = released.built_for
    problem = fault(own.live, Expected(released.commit, environment.name, schema))
    if problem:
        yield f"{released.release} is `{released.commit[:12]}`, but live: {problem}"
    yield from _head_problems(desk, remote, environment, released)
    yield from _schema_problems(desk, own, released)
    yield from own.functions
    state = known_state.live_state(remote.ledger, environment.name)
    gone = known_state.lost_tables(state, own.tables) if state and own.applied is not None else ()
    if gone:
        yield f"gone since {released.release}, though no migration dropped it: {', '.join(gone)}"


def _head_problems(desk: Desk, remote: Remote, environment: Environment, released: Event) -> Iterator[str]:
    """The branch against the release that is live, and against the branch before."""
    head = remote.head(environment)
    last = remote.ledger.verdict(environment.name, {head}) if head else None
    if last and last.ending == "failed":
        yield f"the head of `{environment.branch}` failed here as {last.release}"
    elif head and head in remote.ledger.bad(environment.name, {head}):
        pass  # it was rolled back: a state
    elif head != released.commit and not (head and is_twin(desk.git, head, released.commit)):
        where = f"`{head[:12]}`" if head else "missing"
        yield f"the head of `{environment.branch}` is not live: {where}"
    waits = waiting(desk, environment, remote)
    if waits:
        yield f"{waits.why}; {waits.hint}"


def _schema_problems(desk: Desk, own: Seen, released: Event) -> Iterator[str]:
    """The database against the migrations of the release that is live."""
    if own.applied is None:
        return
    try:
        committed = migrations_of(desk, released.commit)
    except CommandFailed:  # the commit is not in this clone (a rewritten branch)
        return
    found = compare(committed, own.applied)
    if found.missing:
        yield f"the database is ahead of {released.release}: {', '.join(found.missing)}"
    if found.pending:
        files = ", ".join(migration.file for migration in found.pending)
        yield f"the database lacks migrations of {released.release}: {files}"
    if found.edited:
        files = ", ".join(each.file for each in found.edited)
        yield f"edited after being applied: {files}"
    if found.doubled:
        yield f"two files of one version: {', '.join(found.doubled)}"


def show_locks(desk: Desk, request: LocksRequest) -> Outcome:
    """The locks of one environment, or of all."""
    asked = [desk.settings.environment(request.env)] if request.env else list(desk.settings)
    refs = desk.git.fetch([lock_ref(each.name) for each in asked])
    found = [(each, read_lock(desk, refs, each)) for each in asked]
    held = [lock for _, lock in found if lock]
    locks = {each.name: lock.document() if lock else None for each, lock in found}
    in_the_way = [said for each in asked if (said := blocked(refs, each.name))]
    if not held and not in_the_way:
        return Outcome.nothing("nothing is locked", locks=locks)
    message = "\n".join([*(f"{lock.environment} is locked by {lock}" for lock in held), *in_the_way])
    return Outcome.done(message, locks=locks)
