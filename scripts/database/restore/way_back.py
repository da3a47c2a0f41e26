"""The way back from a switch: the schemas that it kept take their places again, in one transaction."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import toc
from scripts.database.postgres import catalogue
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.client import required_database, session
from scripts.database.postgres.content import SnapshotReader
from scripts.database.restore import counts as counting
from scripts.database.restore import in_place, swap_schemas
from scripts.database.restore import kept as records
from scripts.database.restore.in_place import Step
from scripts.database.restore.kept import Kept
from scripts.database.restore.plan import Counts, comparable_schema
from scripts.database.restore.swap_schemas import SchemaSwap
from scripts.errors import CommandFailed, Refused
from scripts.system.text import listed

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

SHOWN = 8  # lines of a message


@dataclass(frozen=True)
class PutBack:
    """What putting kept schemas back has changed.

    Args:
        counts: the rows that were live before against those that are now.
        aside: what was live before is kept; it is not if nobody had written to it, where that was asked.
    """

    counts: Counts
    aside: bool


def kept_sets(desk: Desk, environment: Environment) -> list[Kept]:
    """All that can be put back, oldest first; the server may be restarting."""

    def work() -> list[Kept]:
        with session(required_database(desk, environment)) as connection:
            return records.read_all(connection)

    return in_place.retry_while_away(desk, work)


def find(desk: Desk, environment: Environment, run: str) -> Kept:
    """What the run kept.

    Raises:
        Refused: nothing of it is kept, or not enough to put it back.
    """
    sets = kept_sets(desk, environment)
    for kept in sets:
        if kept.run == run:
            return kept
    known = listed(f"`{kept.run}`: {kept.what}" for kept in sets) or "\n  | there is nothing else"
    raise Refused(
        f"{environment.name} keeps no schemas of run `{run}` that could be put back:{known}",
        f"`invoke db.drop-aside --env {environment.name} --plan` shows what is kept",
    )


def put_back(
    desk: Desk,
    environment: Environment,
    kept: Kept,
    *,
    run: str,
    step: Step,
    final: bool = True,
    drop_unwritten: bool = False,
) -> PutBack | None:
    """Give the kept schemas their places back, and keep those that are live now under this run's name.

    Args:
        drop_unwritten: drop the latter if nobody has written to them since the switch.

    Returns None if it is known only that it was committed.

    Raises:
        CommandFailed: nothing was changed, and why.
        LiveUnknown: the server went away during the commit, and did not come back.
    """

    def work(connection: Connection) -> PutBack:
        swap = SchemaSwap(connection, toc.is_app_schema, run)
        with step("hold", "writers wait from here on, readers go on"):
            schemas = in_place.hold(connection, swap, desk.settings.supabase.lock_timeout)
        with step("restore", f"the schemas that run {kept.run} kept"):
            now = _exchange(connection, swap, kept, schemas)
        with step("compare", "the schema with what it was"):
            _compare(connection, kept)
        with step("count", "rows that are live no longer"):
            counts = counting.count(SnapshotReader.within(connection), now.schemas)
        if drop_unwritten and counts.was == kept.sums:
            swap_schemas.drop_old_schemas(connection, now.schemas.values())
            return PutBack(counts, aside=False)
        records.write(connection, dataclasses.replace(now, sums=counts.now))
        return PutBack(counts, aside=True)

    gone = f"{OLD_SCHEMA_PREFIX}{kept.run}_"
    return in_place.switch(desk, environment, work, run=run, step=step, final=final, committed_without=gone)


def rehearse(connection: Connection, kept: Kept, run: str) -> None:
    """Put back what was kept in the same transaction, which the caller rolls back.

    Raises:
        psycopg.Error, CommandFailed: it would fail.
    """
    swap = SchemaSwap(connection, toc.is_app_schema, run)
    _exchange(connection, swap, kept, tuple(swap.app_schemas()))
    _compare(connection, kept)


def _exchange(connection: Connection, swap: SchemaSwap, kept: Kept, schemas: tuple[str, ...]) -> Kept:
    what = f"what was live before run {swap.run} put back the schemas of run {kept.run}"
    lines = catalogue.proof_lines(connection, toc.is_app_schema)
    now = records.observe(connection, swap.run, what, schemas, lines)
    swap.rename(schemas, what)
    swap.put_back(kept)
    triggers = [statement.encode() for statement in kept.triggers]
    swap.attach(triggers, [statement.encode() for statement in kept.attached], schemas)
    connection.execute("notify pgrst, 'reload schema'")
    return now


def _compare(connection: Connection, kept: Kept) -> None:
    now = comparable_schema(SnapshotReader.within(connection).schema(toc.is_app_schema))
    then = comparable_schema(kept.lines)
    differing = [f"missing: {line}" for line in sorted(set(then) - set(now))]
    differing += [f"added: {line}" for line in sorted(set(now) - set(then))]
    if differing:
        raise CommandFailed(
            f"the schemas of run {kept.run} would not be what they were; nothing was changed"
            f"{listed(differing, SHOWN)}"
        )
