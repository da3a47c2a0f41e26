"""The database's part of a release: back up, dry-run, push, and read what is really applied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.database.migrations import aftermath, dry_run, known_state
from scripts.database.migrations.aftermath import Aftermath
from scripts.database.migrations.files import Applied, Comparison, Migration, app_tables, compare, newest
from scripts.database.postgres import lock_watch
from scripts.database.postgres.client import (
    CLI_NAME,
    WAIT_FOR_LOCK,
    Postgres,
    configured_database,
    required_postgres,
)
from scripts.database.postgres.lock_watch import LockWatch, waited
from scripts.database.postgres.session_lock import SessionLock
from scripts.database.postgres.state import State
from scripts.database.postgres.trouble import trouble_of
from scripts.database.postgres.url import Database
from scripts.database.supabase import Cli
from scripts.errors import CommandFailed, CommandTimedOut, DeskError, Refused, ReleaseFailed, Unreachable
from scripts.release import undo_schema
from scripts.release.cli_view import CliView
from scripts.release.plan import Plan
from scripts.release.rules import again
from scripts.release.run import ReleaseRun
from scripts.release.schema_rules import no_way_back
from scripts.system.background import submit
from scripts.system.process import quoted_lines, run_polling

ENDED_BY_ITSELF = (0, 1)  # the CLI's own codes; 130 and the like are signals
# connection, resources, shutdown, lock time-out, deadlock: another try may well succeed
TROUBLE = re.compile(r"SQLSTATE (?:08|53|57P|55P03|40P01)|failed to connect|ECONNRE|Connection terminated")
SHOWN = 12  # names of things left behind
POLL = 0.1  # seconds


def ready(desk: Desk, plan: Plan) -> None:
    """Check that the migrations could be pushed, before anything changes.

    Raises:
        Refused: there are some, and the Supabase CLI is not where it should be.
        Unreachable: there are some, and the database is read-only.
    """
    if plan.comparison.pending:
        supabase_cli.find(desk.git.folder, desk.settings.supabase.cli)
        required_postgres(desk, plan.facts.environment).require_writable()


def migrate(run: ReleaseRun, view: CliView | None) -> None:
    """Apply the pending migrations of the commit; believe only the history that is read afterwards.

    Raises:
        ReleaseFailed: a file failed, or is not in the history although the CLI ended with 0.
        CommandFailed, CommandTimedOut: the CLI could not work.
    """
    if view is None:
        return
    postgres = required_postgres(run.desk, run.environment)
    with (
        run.step("migrate", f"{len(run.plan.comparison.pending)} to apply", confirms=True),
        postgres.exclusive(WAIT_FOR_LOCK) as lock,
    ):
        look = submit(_look, run, postgres)  # beside the git remote's answer
        run.lock.check(ask=True)  # a run that was stopped meanwhile may have lost it
        before = look.result()
        cli = _same_view(run, view, before)
        _push(run, cli, view.database, (postgres, lock), before)


class Before(NamedTuple):
    """The database before the push.

    Args:
        versions: of its history.
        state: what stands; its rows too, where a file could be left half applied.
        at: when it was looked at, by the server's clock.
    """

    versions: set[str]
    state: State
    at: str


def _look(run: ReleaseRun, postgres: Postgres) -> Before:
    counted = None
    if not all(aftermath.is_atomic(migration.sql) for migration in run.plan.comparison.pending):
        with suppress(Unreachable):  # counting takes too long: then rows are said to be unknown
            counted = postgres.state(aftermath.is_ours, rows=True)
    with postgres.connected() as same:
        versions, at = {row.version for row in same.history()}, same.now()
        return Before(versions, counted or same.state(aftermath.is_ours), at)


def _same_view(run: ReleaseRun, view: CliView, before: Before) -> Cli:
    """The CLI must see the same files and the same history as the plan, before it may write."""
    local, remote, cli = view.seen()
    facts = run.plan.facts
    planned = {each.version for each in facts.applied or ()}
    if remote != planned or before.versions != planned:
        raise Refused(
            f"the history of {run.environment.name} changed since the plan was made",
            "`invoke status`, then try again",
        )
    if local != {migration.version for migration in facts.committed}:
        differing = ", ".join(sorted(local ^ {migration.version for migration in facts.committed}))
        raise Refused(f"the Supabase CLI reads other migrations from the commit: {differing}")
    return cli


def _push(
    run: ReleaseRun, cli: Cli, database: Database, held: tuple[Postgres, SessionLock], before: Before
) -> None:
    """Push, and stop at once when the session that holds the database's lock has been ended."""
    limits, (postgres, lock) = run.desk.settings.supabase, held
    fault: DeskError | None = None
    ended = False
    try:
        late = bool(run.plan.comparison.late)
        with lock_watch.watching(database, [CLI_NAME], limit=limits.lock_timeout) as watch:
            push = cli.db_push(database, limits.push_timeout, limits.lock_timeout, late=late)
            result = run_polling(push, POLL, lock.check_received)
        ended = result.code in ENDED_BY_ITSELF
        supabase_cli.answer(result, "supabase db push")
    except Unreachable as lost:
        _require_lock(run, lost)
        fault = lost
    except (CommandFailed, CommandTimedOut) as caught:
        fault = _blocked(caught, watch)
    except BaseException:
        _stop_behind(run, postgres, before.at)
        with suppress(Unreachable):  # rows are not counted: there are seconds to give up
            _note_half(run, _first_open(run, postgres), _compared(postgres, before.state, rows=False))
        raise
    if not ended:
        _stop_behind(run, postgres, before.at)
    try:
        _judge(run, postgres, before.state, fault)
    except Unreachable as second:
        run.schema = None
        first = fault.message if fault else "the migrations were pushed"
        raise CommandFailed(
            f"{first}\n  | what stands in the database is not known: {second.message}", second.hint
        ) from None


def _require_lock(run: ReleaseRun, fault: Unreachable) -> None:
    """The database's lock is gone: without the environment's lock, this run may not touch the database.

    Raises:
        Locked: no, another run has the environment.
        Unreachable: nobody can tell.
    """
    try:
        run.lock.reconcile(run.desk.git.ls_remote())
    except CommandFailed:
        raise fault from None
    run.lock.check(ask=False)


def _blocked(fault: DeskError, watch: LockWatch) -> DeskError:
    """The fault; where the push waited for a lock in vain, with the table and who holds it."""
    if watch.ended or "SQLSTATE 55P03" in fault.message:
        code = "" if "SQLSTATE 55P03" in fault.message else " (SQLSTATE 55P03)"
        return CommandFailed(
            f"a table was busy{code}{waited(watch)}{quoted_lines(fault.message)}", watch.hint
        )
    return fault


def _stop_behind(run: ReleaseRun, postgres: Postgres, began: str) -> None:
    """Terminate what a killed CLI left running in the server: it could still commit."""
    with suppress(Unreachable):
        postgres.end_pushes(began)
        run.schema = newest(row.version for row in postgres.history())


def _judge(run: ReleaseRun, postgres: Postgres, before: State, fault: DeskError | None) -> None:
    """Success is a history that holds exactly the versions of the commit; nothing else."""
    facts = run.plan.facts
    with postgres.connected() as same:
        applied = [Applied(*row) for row in same.history()]
        run.schema = newest(row.version for row in applied)
        now = compare(facts.committed, applied)
        if now.state == "equal" and fault is None:
            run.migrated = tuple(migration.file for migration in run.plan.comparison.pending)
            _refuse_broken_indexes(run, same.catalogue(), before.names)
            return
    back = _take_back(run, now) if now.pending else ""
    rows = [Applied(*row) for row in postgres.history()]
    run.schema = newest(row.version for row in rows)
    pending = compare(facts.committed, rows).pending
    failed = now.pending[0] if now.pending else None
    after = _compared(postgres, before, rows=True)
    if failed and not before.transaction and not aftermath.is_atomic(failed.sql):
        after = aftermath.with_unknown_rows(after)
    _note_half(run, failed, after)
    stands = _standing(run.plan.comparison.pending, pending, after, failed) + back
    trouble = trouble_of(fault.message) if fault else None
    of_server = trouble or isinstance(fault, Unreachable)
    if fault is not None and (of_server or TROUBLE.search(fault.message)):  # the server's, not the file's
        state = f"the database of {run.environment.name} {trouble.state}: " if trouble else ""
        fault.message = f"{state}{fault.message}\n{stands}"
        fault.hint = trouble.hint if trouble else fault.hint
        raise fault
    if failed:
        why = (
            f"migration `{failed.file}` failed on {run.environment.name}: {fault.message}"
            if fault
            else f"migration `{failed.file}` is not in the history of {run.environment.name}, although"
            " `supabase db push` ended with 0 (a `begin;` without `commit;`?)"
        )
        raise ReleaseFailed(f"{why}\n{stands}", "fix the file in a new commit; see what stands")
    if fault is None:
        raise ReleaseFailed(f"the history of {run.environment.name} is {now.state}\n{stands}")
    fault.message = f"{fault.message}\n{stands}"
    raise fault


def _compared(postgres: Postgres, before: State, *, rows: bool) -> Aftermath:
    """What is not as it was before the push; rows only where they were counted before."""
    counts = rows and bool(before.transaction)
    after = postgres.state(aftermath.is_ours, rows=counts, since=before.transaction)
    return aftermath.compare_states(before, after)


def _first_open(run: ReleaseRun, postgres: Postgres) -> Migration | None:
    """The first file that is not in the history: the one that was under way."""
    applied = {row.version for row in postgres.history()}
    return next((each for each in run.plan.comparison.pending if each.version not in applied), None)


def _note_half(run: ReleaseRun, failed: Migration | None, after: Aftermath) -> None:
    """Remember for the ledger that a part of a file stands which the history does not know of."""
    if failed is not None and after and not aftermath.is_atomic(failed.sql):
        run.half_applied = after.document(failed.file)


def _take_back(run: ReleaseRun, now: Comparison) -> str:
    """Undo what was applied before a file failed, if all of it has rollback scripts."""
    open_ = {migration.version for migration in now.pending}
    said = undo_schema.after_failed_migration(
        run, tuple(migration for migration in run.plan.migrations if migration.version not in open_)
    )
    return f"\n  | {said}" if said else ""


def _refuse_broken_indexes(run: ReleaseRun, now: frozenset[str], before: frozenset[str]) -> None:
    """Refuse invalid indexes: `create index concurrently if not exists` accepts a broken one as it is."""
    sql = "\n".join(migration.sql for migration in run.plan.comparison.pending)
    invalid = [name.removeprefix("invalid index ") for name in now if name.startswith("invalid index ")]
    ours = [name for name in invalid if f"invalid index {name}" not in before or name.split(".")[-1] in sql]
    if ours:
        listed = ", ".join(f"`{name}`" for name in sorted(ours))
        raise ReleaseFailed(
            f"the migrations ended well, but left an invalid index on {run.environment.name}: {listed}",
            "drop it in a new migration, and create it again",
        )


def _standing(
    planned: Sequence[Migration],
    pending: Sequence[Migration],
    after: Aftermath,
    failed: Migration | None,
) -> str:
    """Which of the planned migrations are in the history now, and what else is not as it was."""
    open_ = {migration.version for migration in pending}
    done = [f"`{each.file}`" for each in planned if each.version not in open_]
    left = [f"`{each.file}`" for each in planned if each.version in open_]
    lines = [
        f"applied, by the history: {', '.join(done) or 'none'}",
        f"not applied: {', '.join(left) or 'none'}",
    ]
    words = list(after.words())
    if words:
        lines.append("changed by this run, and still so (rows: or by the app meanwhile):")
        lines += [f"  {word}" for word in words[:SHOWN]]
        lines += [f"  and {len(words) - SHOWN} more"] if len(words) > SHOWN else []
    elif failed is not None:
        lines.append(f"nothing of `{failed.file}` is in the database")
    return "\n".join(f"  | {line}" for line in lines)


def look_at_tables(run: ReleaseRun) -> None:
    """Note what stands in the database at the end of a good run.

    A run that changed nothing there keeps what the last release noted: a table that was dropped by hand
    since then is still missed. Whatever fails here fails no release.
    """
    facts = run.plan.facts
    live = known_state.live_state(facts.ledger, run.environment.name)
    known = live.detail.get(known_state.TABLES) if live else None
    if isinstance(known, list) and not (run.migrated or run.undone or run.restored):
        run.tables = tuple(map(str, known))
        return
    with suppress(DeskError):
        if facts.applied is not None:
            run.tables = tuple(sorted(app_tables(run.desk, run.environment)))


def rehearse(run: ReleaseRun) -> None:
    """Dry-run the pending migrations in one rolled-back transaction; measure and judge them.

    Raises:
        ReleaseFailed: one of them fails.
        Refused: one would block writers for too long, or changes rows that no verdict foresaw.
        CommandFailed: a table was busy: another try may well succeed.
    """
    database = configured_database(run.desk, run.environment)
    pending = run.plan.comparison.pending
    if database is None or not run.desk.settings.rehearse.before:
        return
    with run.step("rehearse", f"{len(pending)} on {run.environment.name}, rolled back"):
        run.measured = dry_run.measure(run.desk, run.environment, database, pending)
        dry_run.refuse_long(run.desk, run.environment, run.measured)
        _refuse_overwriting(run)


def _refuse_overwriting(run: ReleaseRun) -> None:
    """The rows that the dry run counted decide, whatever the text of a migration seems to do."""
    measured = {each.file: each for each in run.measured}
    planned = run.plan.migrations
    found = tuple(each.with_measurement(measured.get(each.file, each.measured)) for each in planned)
    raised = [now for before, now in zip(planned, found, strict=True) if before.verdict != now.verdict]
    for migration in raised:
        run.desk.progress.note(str(migration))
    for why, hint in no_way_back(run.plan.facts, found, again(run.plan.facts)) if raised else ():
        raise Refused(f"{why}\n  | nothing was changed", hint)
