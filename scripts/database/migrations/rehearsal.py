"""Up, down, compare, up again: each rollback script is proven on a scratch database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.database import supabase
from scripts.database.migrations.files import Migration
from scripts.database.migrations.statements import unfit
from scripts.database.postgres.client import Postgres
from scripts.database.postgres.scratch import Scratch
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, ReleaseFailed
from scripts.system.process import attempt

WORK, BEFORE = "work", "before"  # the two databases
TEMPLATE_OF = {WORK: BEFORE, BEFORE: WORK}
LONGEST_DIFFERENCE = 30  # lines that are shown

Found = Literal["proven", "wrong", "missing"]


@dataclass(frozen=True)
class Rehearsed:
    """How one migration went.

    Args:
        seconds: of the push of this file alone; None for those before the first script.
        fault: what the script left different, or why it failed.
    """

    migration: Migration
    pair: Found
    seconds: float | None = None
    fault: str | None = None

    def document(self) -> dict[str, Any]:
        """{"version", "file", "pair", "seconds", "fault"}."""
        return {
            "version": self.migration.version,
            "file": self.migration.file,
            "pair": self.pair,
            "seconds": self.seconds,
            "fault": self.fault,
        }


@dataclass(frozen=True)
class Stage:
    """Where it is played: the CLI, the scratch databases, and a folder for what the CLI needs."""

    desk: Desk
    scratch: Scratch
    binary: Path
    folder: Path

    def push(self, committed: Sequence[Migration]) -> float:
        """Apply these migrations, with the real CLI; returns the seconds that it took.

        Raises:
            ReleaseFailed: it failed, or the history does not hold them afterwards.
        """
        database, limits = self.database(WORK), self.desk.settings.supabase
        files = {each.file: each.sql for each in committed}
        with supabase.opened(self.binary, files, self.folder) as cli:
            done = attempt(cli.db_push(database, limits.push_timeout, limits.lock_timeout))
            try:
                supabase_cli.answer(done, "supabase db push")
            except CommandFailed as fault:
                raise ReleaseFailed(f"the migrations can't be applied: {fault.message}") from None
        stands = {row.version for row in Postgres(database).history()}
        lost = [each.file for each in committed if each.version not in stands]
        if lost:
            raise ReleaseFailed(
                f"`{lost[0]}` is not in the history, although `supabase db push` ended with 0"
            )
        return round(done.seconds, 2)

    def copy(self, name: str) -> None:
        """Make one of the two databases anew, as a copy of the other."""
        self.scratch.copy(self.scratch.full(TEMPLATE_OF[name]), name)

    def database(self, name: str) -> Database:
        """One of the two."""
        from dataclasses import replace

        return replace(self.scratch.server, name=self.scratch.full(name))

    def down(self, script: Migration) -> str | None:
        """Run a rollback script as the desk would, and compare; returns what is wrong with it."""
        held = unfit(script.sql)
        if held:
            return f"it holds `{held}`: all scripts run in one transaction"
        limits = self.desk.settings.supabase
        work, before = Postgres(self.database(WORK)), Postgres(self.database(BEFORE))
        orders = [(script.version, script.sql)]
        try:
            work.undo(orders, lock_timeout=limits.lock_timeout, timeout=limits.push_timeout)
        except CommandFailed as fault:
            return fault.message
        with supabase.opened(self.binary, {}, self.folder) as cli:
            left = supabase.difference(cli, self.database(BEFORE), self.database(WORK))
        names = sorted(before.catalogue() ^ work.catalogue())
        return _shortened(left) or (f"other names than before: {', '.join(names)}" if names else None)


def rehearse(
    stage: Stage, committed: Sequence[Migration], scripts: Sequence[Migration]
) -> Iterator[Rehearsed]:
    """Each migration in its order; those before the first script are applied in one go.

    Raises:
        ReleaseFailed: a migration can't be applied.
    """
    pairs = {each.version: each for each in scripts}
    first = next((place for place, each in enumerate(committed) if each.version in pairs), len(committed))
    stage.scratch.copy(stage.scratch.server.name, WORK)
    if first:
        stage.push(committed[:first])
    yield from (Rehearsed(each, "missing") for each in committed[:first])
    for place, each in enumerate(committed[first:], first + 1):
        script = pairs.get(each.version)
        if script is None:
            yield Rehearsed(each, "missing", stage.push(committed[:place]))
            continue
        stage.copy(BEFORE)
        seconds = stage.push(committed[:place])
        fault = stage.down(script)
        if fault:
            stage.copy(WORK)
        stage.push(committed[:place])  # what was taken back must go up again
        yield Rehearsed(each, "wrong" if fault else "proven", seconds, fault)


def _shortened(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    more = f"\n... and {len(lines) - LONGEST_DIFFERENCE} lines more"
    return "\n".join(lines[:LONGEST_DIFFERENCE]) + (more if len(lines) > LONGEST_DIFFERENCE else "")
