# pure
"""The ways a rollback can go, from the one that loses nothing to the one that loses most."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from scripts.database.backups.manifest import Manifest
from scripts.database.migrations.files import Comparison
from scripts.database.migrations.rollback_scripts import required_undos
from scripts.release.facts import Facts
from scripts.release.schema_rules import GoingBack

SCOPES = ("code", "schema", "tables", "full", "platform")
RESTORES = ("tables", "full")  # the options that take rows from a backup
BY_HAND = (
    "by hand, for the loss of the whole database: `supabase backups restore -t <unix time>"
    " --remote=<project ref>` takes the project down, and everything since that moment is gone"
)


@dataclass(frozen=True)
class RollbackOption:
    """One way back, named by its scope.

    Args:
        no: why it is not possible; "" if it is.
        loses: in words; () for nothing.
        seconds: how long the app can't write; None if unknown.
        back: how to get back from it.
    """

    name: str
    no: str = ""
    loses: tuple[str, ...] = ()
    seconds: float | None = None
    back: str = ""

    def document(self) -> dict[str, Any]:
        """The JSON of a plan."""
        return {**vars(self), "loses": list(self.loses)}

    def __str__(self) -> str:
        if self.no:
            return f"{self.name}: not possible: {self.no}"
        loses = "; ".join(self.loses) or "nothing"
        loses = f"so far {loses}" if self.name in RESTORES else loses
        took = f", about {self.seconds:.0f} s without writing" if self.seconds is not None else ""
        return f"{self.name}: loses {loses}{took}; back from it: {self.back}"


def rollback_options(facts: Facts, back: GoingBack) -> tuple[RollbackOption, ...]:
    """All options, the one with the least loss first; () if the data shall stay."""
    if not (facts.rolls_back and facts.request.restores_data):
        return ()
    again = f"`invoke rollback --env {facts.environment.name} --to vN --allow-bad REASON`"
    return (
        RollbackOption("code", _why_not_code(back), back=again),
        RollbackOption(
            "schema", _why_not_schema(back), back.lost, 1.0, f"{again}, whose migrations run again"
        ),
        _tables(facts),
        _full(facts),
        RollbackOption("platform", BY_HAND),
    )


def chosen(facts: Facts, options: Collection[RollbackOption]) -> str:
    """The scope to take: the one that was asked for, or the least losing that is possible."""
    possible = [option.name for option in options if not option.no]
    if facts.request.scope:
        return facts.request.scope if facts.request.scope in possible else ""
    return possible[0] if possible else ""


def objections(facts: Facts, back: GoingBack) -> Iterator[tuple[str, str]]:
    """Why no option can be taken, and what to do instead."""
    options = rollback_options(facts, back)
    if not options or chosen(facts, options):
        return
    name = facts.environment.name
    if facts.request.scope and facts.request.scope not in SCOPES:
        yield (
            f"there is no scope `{facts.request.scope}`",
            f"one of {', '.join(f'`{scope}`' for scope in SCOPES)}",
        )
        return
    asked = [option for option in options if option.name == facts.request.scope] or options
    listed = "".join(f"\n  | {each}" for each in asked)
    yield f"{name} can't go back with its data:{listed}", f"`invoke backup.list --env {name}`"


def fits(manifest: Manifest, facts: Facts, comparison: Comparison, back: GoingBack) -> bool:
    """Whether a backup holds a schema that the older release lives with."""
    held, wanted = set(manifest.migrations), {migration.version for migration in facts.committed}
    gone = {each.version for each in (*back.undo, *back.lacking, *required_undos(back.ahead))}
    stays = set(comparison.missing) - gone
    return manifest.policy is None and wanted <= held <= wanted | stays


def _why_not_code(back: GoingBack) -> str:
    hard = [str(each) for each in (*back.undo, *back.lacking)]
    return f"older code can't live with {'; '.join(hard)}" if hard else ""


def _why_not_schema(back: GoingBack) -> str:
    if back.lacking:
        return f"no rollback script for {', '.join(f'`{migration.file}`' for migration in back.lacking)}"
    if back.above:
        return f"`{'`, `'.join(back.above)}` are newer, and stay"
    return "" if back.undo else "there is nothing to undo"


def _tables(facts: Facts) -> RollbackOption:
    data, keeps = facts.data, facts.keeps
    if data is None or keeps is None:
        return RollbackOption(
            "tables", facts.no_data or facts.no_keeps or "there is no backup of that schema"
        )
    named = ", ".join(f"`{each}`" for each in keeps.touched) or "no table"
    loses = (*(list(keeps.words()) or ["no row"]), f"from the backup: {named}; all other rows stay")
    return RollbackOption("tables", "", loses, 2 * data.seconds, _back_from(facts))


def _full(facts: Facts) -> RollbackOption:
    data = facts.data
    if data is None:
        return RollbackOption("full", facts.no_data or "there is no backup of that schema")
    loses = [str(change) for change in data.changes]
    loses = loses or ["no row"]
    loses += [f"{table}: not in the backup, {rows} rows (lost)" for table, rows in data.new.items()]
    loses[-1] += f"; the schema is {data.manifest.newest or 'empty'} afterwards"
    return RollbackOption("full", "", tuple(loses), data.seconds, _back_from(facts))


def _back_from(facts: Facts) -> str:
    safety = "the safety backup that is taken first, and " if facts.data and facts.data.safety else ""
    drop = f"invoke db.drop-aside --env {facts.environment.name}"
    return f"{safety}the old schemas, which are kept until `{drop}`"
