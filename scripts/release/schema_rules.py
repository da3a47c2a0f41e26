"""What a plan needs to know of migrations: rollback scripts, verdicts, what a rollback must undo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from scripts.config.desk import Desk
from scripts.database.backups.foresee import foresee
from scripts.database.migrations import known_state
from scripts.database.migrations.files import (
    Comparison,
    Migration,
    app_definitions,
    app_tables,
    compare,
    holds_rows,
    migrations_in,
    migrations_of,
    rollbacks_of,
)
from scripts.database.migrations.lint import lints
from scripts.database.migrations.measurements import remembered
from scripts.database.migrations.rollback_scripts import (
    PlannedMigration,
    is_newer,
    judge_migrations,
    recorded,
    required_undos,
    unusable_scripts,
)
from scripts.database.migrations.statements import transaction_control
from scripts.database.migrations.status import half_applied
from scripts.database.migrations.verdict import losses
from scripts.database.sql.parse import parse
from scripts.errors import CommandFailed
from scripts.release.facts import Facts
from scripts.state.ledger import Choice
from scripts.system import text
from scripts.system.background import submit

SHOWN = 8  # things that a refusal lists
RELEASES = 12  # so many releases back a migration's file is looked for


def with_scripts(desk: Desk, facts: Facts) -> Facts:
    """The facts, with the rollback scripts and what squawk says of the migrations in question."""
    folder = desk.settings.app.rollbacks
    if facts.applied is None:
        return facts
    comparison = compare(facts.committed, facts.applied)
    asks = comparison.pending and not facts.rolls_back
    found = submit(app_definitions, desk, facts.environment) if asks else None
    known = replace(facts, rollbacks=rollbacks_of(desk, facts.wanted), rollbacks_folder=folder)
    if not facts.rolls_back:
        needed = bool(comparison.pending) and facts.environment.guarded
        backs_up = (needed or facts.backs_up) and not facts.request.resumes
        partial = submit(foresee, desk, facts.environment) if backs_up else None
        linted = lints(comparison.pending)
        for each in facts.committed if found else ():
            parse(each.sql)  # beside the database's answer; the verdicts ask for all of them
        return replace(
            known,
            lints=linted,
            definitions=found.result() if found else "",
            partial=partial.result() if partial else None,
        )
    left, scripts = _left(desk, facts, set(comparison.missing))
    asked = [each for each in left if each.version in comparison.missing]
    return replace(known, left=left, left_rollbacks=scripts, lints=lints(asked))


def with_known_state(desk: Desk, facts: Facts) -> Facts:
    """The facts, with what the ledger knows better: half-applied files, and what the history lost."""
    if facts.applied is None:
        return facts
    half = half_applied(desk, facts.ledger, facts.environment)
    new = facts.previous is None and not facts.applied
    strange = tuple(sorted(app_tables(desk, facts.environment))) if new else ()
    filled = holds_rows(desk, facts.environment) if facts.previous is None else None
    return _with_lost_versions(desk, replace(facts, half=half, strange=strange, filled=filled))


def _with_lost_versions(desk: Desk, facts: Facts) -> Facts:
    """Nothing is lost where the database is a new, empty one."""
    live = known_state.live_state(facts.ledger, facts.environment.name)
    if live is None or facts.rolls_back:
        return facts
    try:
        released = [file.version for file in migrations_of(desk, live.commit)]
    except CommandFailed:  # not in this clone: a branch was rewritten
        released = []
    lost_rows = set(known_state.lost_versions(live, released, {row.version for row in facts.applied or ()}))
    lost = tuple(file.version for file in facts.committed if file.version in lost_rows)
    return replace(facts, lost=lost) if lost and app_tables(desk, facts.environment) else facts


def lost_objection(facts: Facts) -> tuple[str, str] | None:
    """Migrations that would be applied again, to tables that are there."""
    if not facts.lost:
        return None
    name, live = facts.environment.name, facts.previous
    what = "is empty" if not facts.applied else f"lost {', '.join(f'`{each}`' for each in facts.lost)}"
    release = live.release if live else "the last release"
    repair = f"supabase migration repair --status applied {' '.join(facts.lost)}"
    why = (
        f"the history of {name} {what}, though {release} was released with them and its tables are there:"
        " they would be applied again"
    )
    hint = (
        f'if they are applied: `{repair} --remote="$DATABASE_URL"`; if the database was put back by hand:'
        f" `invoke db.restore ID --env {name}`"
    )
    return why, hint


def strange_objection(facts: Facts, again: str) -> tuple[str, str] | None:
    """Migrations that would be applied to tables that somebody made by hand."""
    if not facts.strange or not facts.committed or facts.request.accept_irreversible:
        return None
    name, count = facts.environment.name, len(facts.committed)
    files = "one file" if count == 1 else f"{count} files"
    why = (
        f"the database of {name} has no history of migrations, and holds what no release made:"
        f"{text.listed(facts.strange, SHOWN)}\n  | {files} would be applied to that"
    )
    adopt = f"invoke db.adopt --env {name}"
    hint = (
        f"`{adopt} --plan` says which of them stand already, and `{adopt}` records those;"
        f" if none of them does: `{again} --accept-irreversible`"
    )
    return why, hint


def partial_objection(facts: Facts, again: str) -> tuple[str, str] | None:
    """A proof of the backup that would not show all, which nobody accepted."""
    partial = facts.partial
    if partial is None or partial.accepted or facts.request.accept_partial_proof:
        return None
    why = f"the backup of {facts.environment.name} would be proven in part only: {partial}"
    without = f"`{again} --accept-partial-proof`, or `partial_proof = true` in `[backup]`"
    return why, f"{partial.remedy}; to do without: {without} of `pipeline.toml`"


def _left(
    desk: Desk, facts: Facts, wanted: set[str]
) -> tuple[tuple[Migration, ...], tuple[Migration, ...]]:
    """The migrations and scripts of the release that is left.

    After a rollback that left the schema ahead, they stand in the commit of an earlier release.
    """
    files: dict[str, Migration] = {}
    scripts: dict[str, Migration] = {}
    for commit in _commits(facts):
        if wanted <= set(files):
            break
        try:
            found = migrations_of(desk, commit)
            beside = rollbacks_of(desk, commit)
        except CommandFailed:  # not in this clone: a branch was rewritten
            continue
        fresh = {each.version for each in found if each.version not in files}
        files |= {each.version: each for each in found if each.version in fresh}
        scripts |= {each.file: each for each in beside if each.version in fresh}
    ordered = {file.file: file.sql for file in files.values()}
    return migrations_in(ordered), migrations_in({name: each.sql for name, each in scripts.items()})


def _commits(facts: Facts) -> Iterator[str]:
    """The release that is left first, then those before it, newest first; each commit once."""
    newest = facts.previous.commit if facts.previous else ""
    released = facts.ledger.newest(Choice(facts.environment.name, ("release", "rollback")))
    commits = dict.fromkeys([newest]) if newest else {}
    for event in released:
        if len(commits) == RELEASES:
            break
        commits[event.commit] = None
    yield from commits


@dataclass(frozen=True)
class GoingBack:
    """What a rollback does with the versions that the database has and the older release lacks.

    Args:
        undo: newest first; in this order their scripts run.
        ahead: those that stay applied, oldest first.
        lacking: those that would have to be undone and have no script.
        above: versions of the older release that are newer than one that would be undone.
    """

    undo: tuple[PlannedMigration, ...] = ()
    ahead: tuple[PlannedMigration, ...] = ()
    lacking: tuple[PlannedMigration, ...] = ()
    above: tuple[str, ...] = ()

    @property
    def lost(self) -> tuple[str, ...]:
        """The data that the scripts destroy, in words."""
        scripts = [migration.script for migration in self.undo if migration.script]
        return tuple(f"`{script.file}` {loss}" for script in scripts for loss in losses(script.sql))


def judged(facts: Facts, migrations: Sequence[Migration]) -> tuple[PlannedMigration, ...]:
    """Migrations of the commit to release, judged."""
    known = (facts.committed, facts.rollbacks, facts.lints, facts.ledger)
    return judge_migrations(migrations, *known, definitions=facts.definitions)


def pending(facts: Facts, comparison: Comparison) -> tuple[PlannedMigration, ...]:
    """The migrations that a release would apply, with their verdicts."""
    known = remembered(facts.ledger, comparison.pending, facts.environment.name)
    return tuple(each.with_measurement(known.get(each.file)) for each in judged(facts, comparison.pending))


def going_back(facts: Facts, comparison: Comparison) -> GoingBack:
    """For a rollback: which migrations must be undone with the code, and which may stay."""
    if not facts.rolls_back or not comparison.missing:
        return GoingBack()
    rows = {row.version: row for row in facts.applied or ()}
    files = {each.version: each for each in facts.left}
    there = [files.get(version) or recorded(rows[version]) for version in comparison.missing]
    known = judge_migrations(there, facts.left, facts.left_rollbacks, facts.lints, facts.ledger)
    undo = required_undos(known)
    lacking = tuple(migration for migration in undo if migration.script is None)
    above = tuple(
        migration.version for migration in facts.committed if undo and is_newer(migration, undo[-1], rows)
    )
    if lacking or above:
        return GoingBack((), known, lacking, above)
    return GoingBack(undo, tuple(each for each in known if each not in undo))


def objections(facts: Facts, comparison: Comparison, again: str) -> Iterator[tuple[str, str]]:
    """Why not, and what to do instead; `again` is the command that was typed."""
    back = going_back(facts, comparison)
    bringing = () if facts.rolls_back else pending(facts, comparison)
    scripts = facts.left_rollbacks if facts.rolls_back else facts.rollbacks
    yield from unusable_scripts([*bringing, *back.undo], scripts)
    yield from transaction_objections(bringing)
    name, accept = facts.environment.name, f"`{again} --accept-irreversible`"
    if facts.request.accept_irreversible or (facts.request.restores_data and facts.rolls_back):
        return
    if back.lacking:
        listed = ", ".join(f"`{migration.file}`" for migration in back.lacking)
        yield (
            f"the schema of {name} can't go back with the code: no rollback script for {listed}",
            (
                f"with its data: `{again} --with-data --plan`; or fix it with a new release;"
                f" or, if the older code can live with that schema: {accept}"
            ),
        )
    if back.above:
        yield (
            f"the schema of {name} can't go back: `{'`, `'.join(back.above)}` are newer, and stay",
            f"fix it with a new release; or, with the schema left ahead: {accept}",
        )
    yield from no_way_back(facts, bringing, again)


def no_way_back(
    facts: Facts, bringing: Sequence[PlannedMigration], again: str
) -> Iterator[tuple[str, str]]:
    """On a guarded environment, migrations without a way back, unless a person accepted that."""
    # what came after one that must go back has to go first, so it needs a script as well
    hard = [undo for undo in reversed(required_undos(bringing)) if undo.script is None]
    accepted = facts.request.accept_irreversible or not facts.environment.guarded
    if hard and not accepted and not _first(facts):
        after = " (it has to go back before an older one can)"
        listed = "".join(f"\n  | {each}{after if each.verdict.stays else ''}" for each in hard)
        folder = facts.rollbacks_folder
        count = f"{len(hard)} migration{'s' if len(hard) > 1 else ''}"
        rehearse = f"`invoke db.rehearse --env {facts.environment.name}`"
        prove = f"write `{folder}/{hard[0].file}`, which undoes it, and prove it: {rehearse}"
        accept = f"`{again} --accept-irreversible`"
        yield (
            f"no way back for {count} on {facts.environment.name}:{listed}",
            f"{prove}; or go without: {accept}",
        )


def transaction_objections(bringing: Sequence[PlannedMigration]) -> Iterator[tuple[str, str]]:
    """Files that end their own transaction: half of one would stand, and the CLI loses what follows."""
    found = [
        f"`{migration.file}`, line {line}: `{words}`"
        for migration in bringing
        for line, words in transaction_control(migration.migration.sql)
    ]
    if found:
        files = {line.partition(",")[0] for line in found}
        count = "a migration begins or ends" if len(files) == 1 else f"{len(files)} migrations begin or end"
        yield (
            f"{count} a transaction, and the Supabase CLI loses what follows:{text.listed(found)}",
            (
                "take these lines out: each file is one transaction; what must be committed before the"
                " rest goes into a file of its own"
            ),
        )


def file_objection(facts: Facts) -> tuple[str, str] | None:
    """Files that the Supabase CLI would skip, or take for something else than what was meant."""
    applied = {row.version for row in facts.applied or ()}
    faults = [each for each in facts.file_faults if each.version not in applied]
    if not faults or facts.applied is None:
        return None
    commands = [each.command for each in faults if each.command]
    fixed = f"`{' && '.join(commands)}`, then commit" if commands else "fix them in a new commit"
    files = "a file" if len(faults) == 1 else f"{len(faults)} files"
    return f"{files} among the migrations would not do what was meant:{text.listed(faults)}", fixed


def folder_objection(facts: Facts) -> tuple[str, str] | None:
    """The database gets nothing, and the repository has migrations: they are meant, or it has none."""
    if facts.applied is None or facts.committed or not facts.elsewhere:
        return None
    folders = ", ".join(f"`{folder}`" for folder in facts.elsewhere)
    found = f'`migrations = "{facts.elsewhere[0]}"` in `[app]` of `pipeline.toml`'
    return (
        f"`[app] migrations` has no migration in `{facts.wanted[:12]}`, and {folders} has some",
        f"{found}, or `database = false` in `[environment.{facts.environment.name}]`",
    )


def _first(facts: Facts) -> bool:
    """Nothing was released here, so there is no older code to break; and no row that could be lost."""
    if facts.previous is not None:
        return False
    return not facts.filled if facts.filled is not None else not (facts.applied or facts.strange)
