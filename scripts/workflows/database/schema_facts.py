"""What a plan must know of migrations beyond their text: rollback scripts, what is left, squawk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scripts.adapters.database import squawk
from scripts.domain.database.migrations import Migration, compare, read
from scripts.domain.database.verdict import Lint
from scripts.domain.release.facts import Facts
from scripts.errors import CommandFailed, CommandTimedOut
from scripts.workflows.toolbox import Toolbox

RELEASES = 12  # so many releases back a migration's file is looked for


def with_scripts(tools: Toolbox, facts: Facts) -> Facts:
    """The facts, with the rollback scripts and what squawk says of the migrations in question."""
    folder = tools.settings.app.rollbacks
    if facts.applied is None:
        return facts
    comparison = compare(facts.committed, facts.applied)
    known = replace(facts, rollbacks=rollbacks_of(tools, facts.wanted), rollbacks_folder=folder)
    if not facts.rolls_back:
        return replace(known, lints=lints(comparison.pending))
    left, scripts = _left(tools, facts, set(comparison.missing))
    asked = [each for each in left if each.version in comparison.missing]
    return replace(known, left=left, left_rollbacks=scripts, lints=lints(asked))


def rollbacks_of(tools: Toolbox, commit: str) -> tuple[Migration, ...]:
    """The rollback scripts of a commit, from its objects."""
    folder = tools.settings.app.rollbacks
    return read(tools.git.files(commit, folder, ".sql")) if folder else ()


def lints(migrations: Sequence[Migration]) -> dict[str, tuple[Lint, ...]] | None:
    """By file, what squawk found that means breaking; None where there is no squawk that works."""
    binary = squawk.find()
    if binary is None:
        return None
    try:
        found = squawk.check(binary, {each.file: each.sql for each in migrations})
    except (CommandFailed, CommandTimedOut):
        return None
    by_file: dict[str, tuple[Lint, ...]] = {}
    for each in found:
        by_file[each.file] = (*by_file.get(each.file, ()), Lint(each.rule, each.line, each.message))
    return by_file


def _left(
    tools: Toolbox, facts: Facts, wanted: set[str]
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
            found = read(tools.git.files(commit, tools.settings.app.migrations, ".sql"))
            beside = rollbacks_of(tools, commit)
        except CommandFailed:  # not in this clone: a branch was rewritten
            continue
        fresh = {each.version for each in found if each.version not in files}
        files |= {each.version: each for each in found if each.version in fresh}
        scripts |= {each.file: each for each in beside if each.version in fresh}
    ordered = {each.file: each.sql for each in files.values()}
    return read(ordered), read({name: each.sql for name, each in scripts.items()})


def _commits(facts: Facts) -> Iterator[str]:
    """The release that is left first, then those before it, newest first; each commit once."""
    newest = facts.previous.commit if facts.previous else ""
    events = [each for each in reversed(facts.ledger.events) if each.environment == facts.environment.name]
    commits = [each.commit for each in events if each.kind in ("release", "rollback")]
    yield from [each for each in dict.fromkeys([newest, *commits]) if each][:RELEASES]
