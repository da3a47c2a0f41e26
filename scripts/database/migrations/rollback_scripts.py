# pure
"""Migrations and their rollback scripts: which may stay, which must be undone, and whether they can be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from scripts.database.migrations.files import Applied, Migration, duplicates, newest
from scripts.database.migrations.judge import Judge
from scripts.database.migrations.measurements import Measurement
from scripts.database.migrations.statements import fingerprint, unfit
from scripts.database.migrations.verdict import Lint, Verdict, judge, verdict_of
from scripts.database.migrations.verdict_rules import GOOD, LOST, Effect
from scripts.database.sql.parse import parse
from scripts.database.sql.schema import Schema
from scripts.database.sql.schema_sources import complete
from scripts.state.ledger import Choice, Ledger

PROOF, REHEARSAL = "proof", "rehearsal"
UNKNOWN_TEXT = "its text is neither in the commit nor in the history"
NO_SQUAWK = "squawk, which might read it, is not installed"


@dataclass(frozen=True)
class PlannedMigration:
    """One migration of a plan, to apply or to undo, with its verdict.

    Args:
        script: the rollback script that undoes it, None where there is none.
        rehearsed: that script was proven on a scratch database, after the same migrations.
        measured: what a dry run of the same text found, None where there was none.
    """

    migration: Migration
    verdict: Verdict
    script: Migration | None
    rehearsed: bool
    measured: Measurement | None = None

    def with_measurement(self, measured: Measurement | None) -> PlannedMigration:
        """With what a dry run found; rows that it counted outweigh what the text seems to do."""
        known = replace(self, measured=measured)
        found = tuple(measured.overwritten(self.verdict.backfills)) if measured else ()
        if not found or not self.verdict.stays:
            return known
        effects = [Effect(LOST, reason) for reason in found] + [
            Effect(GOOD, each) for each in self.verdict.reasons
        ]
        return replace(known, verdict=verdict_of(effects, self.script is not None, self.verdict.backfills))

    @property
    def version(self) -> str:
        """The migration's version."""
        return self.migration.version

    @property
    def file(self) -> str:
        """The migration's file name."""
        return self.migration.file

    def document(self) -> dict[str, Any]:
        """The JSON of a plan: {"version", "file", "verdict", "reasons", "rehearsed", "measured"}."""
        return {
            "version": self.version,
            "file": self.file,
            "verdict": self.verdict.word,
            "reasons": list(self.verdict.reasons),
            "rehearsed": self.rehearsed,
            "measured": self.measured.document() if self.measured else None,
        }

    def __str__(self) -> str:
        unproven = self.script and not self.rehearsed and not self.verdict.stays
        proof = ", its rollback was not rehearsed" if unproven else ""
        why = f" ({'; '.join(self.verdict.reasons)})" if self.verdict.reasons else ""
        cost = f" [{'; '.join(self.measured.words())}]" if self.measured else ""
        return f"{self.file}: {self.verdict.word}{proof}{why}{cost}"


def required_undos(migrations: Sequence[PlannedMigration]) -> tuple[PlannedMigration, ...]:
    """The oldest migration that older code can't live with, and all after it; newest first."""
    breaking = [place for place, migration in enumerate(migrations) if not migration.verdict.stays]
    return tuple(reversed(migrations[breaking[0] :])) if breaking else ()


def proof_digests(committed: Sequence[Migration], scripts: Sequence[Migration]) -> dict[str, str]:
    """Version -> digest of what proves its script: all migrations up to it, and the script."""
    by_version = {script.version: script for script in scripts}
    chain, digests = hashlib.sha256(), {}
    for migration in committed:
        chain.update(f"{migration.version} {fingerprint(migration.sql)}\n".encode())
        if migration.version in by_version:
            digest = chain.copy()
            digest.update(fingerprint(by_version[migration.version].sql).encode())
            digests[migration.version] = digest.hexdigest()
    return digests


def proven(ledger: Ledger) -> frozenset[str]:
    """The digests of all scripts that a rehearsal proved."""
    proofs = ledger.newest(Choice(kinds=(PROOF,), endings=("done",), what=REHEARSAL))
    pairs = [event.detail.get("pairs") for event in proofs]
    return frozenset(str(digest) for pair in pairs if isinstance(pair, Mapping) for digest in pair.values())


def judge_migrations(
    migrations: Sequence[Migration],
    committed: Sequence[Migration],
    scripts: Sequence[Migration],
    lints: Mapping[str, tuple[Lint, ...]] | None,
    ledger: Ledger,
    *,
    definitions: str = "",
) -> tuple[PlannedMigration, ...]:
    """The migrations, each with its verdict.

    Args:
        migrations: those to judge, oldest first.
        committed: all migrations of the commit.
        scripts: its rollback scripts.
        lints: by file, what squawk found; None where there is no squawk.
        ledger: has the proofs of rollback scripts.
        definitions: what stands in the database before these migrations, as SQL; empty if it was not asked.
    """
    by_version = {script.version: script for script in scripts}
    asked = {migration.version for migration in migrations}
    earlier = tuple(each.sql for each in committed if each.version not in asked) if migrations else ()
    texts = tuple(
        (each.sql, each.version in by_version, tuple((lints or {}).get(each.file, ())))
        for each in migrations
    )
    digests = proof_digests(committed, scripts) if migrations else {}
    proven_digests = proven(ledger) if digests else frozenset()
    versions = {migration.version for migration in committed}
    planned = []
    for migration, verdict in zip(migrations, _verdicts(texts, earlier, definitions), strict=True):
        script = by_version.get(migration.version)
        if migration.version not in versions and not migration.sql:
            verdict = Verdict("reversible" if script else "breaking", (UNKNOWN_TEXT,))  # noqa: PLW2901
        if lints is None and any(not each.kind for each in parse(migration.sql)):
            verdict = replace(verdict, reasons=(*verdict.reasons, NO_SQUAWK))  # noqa: PLW2901
        rehearsed = digests.get(migration.version) in proven_digests
        planned.append(PlannedMigration(migration, verdict, script, rehearsed))
    return tuple(planned)


@lru_cache(maxsize=4)  # one plan asks several times
def _verdicts(
    texts: tuple[tuple[str, bool, tuple[Lint, ...]], ...], earlier: tuple[str, ...], definitions: str
) -> tuple[Verdict, ...]:
    """The verdicts on texts, each with whether it has a script and its lints, after earlier ones."""
    knowing = Judge(Schema())
    knowing.learn(earlier)
    if definitions:
        database = Judge(Schema())
        database.learn([definitions])
        knowing = Judge(complete(database.schema, knowing.schema))
    return tuple(judge(sql, has_script, found, knowing) for sql, has_script, found in texts)


def unusable_scripts(
    migrations: Sequence[PlannedMigration], scripts: Sequence[Migration]
) -> Iterator[tuple[str, str]]:
    """Scripts that can't run in one transaction with the others, or of which there are two."""
    for migration in migrations:
        word = unfit(migration.script.sql) if migration.script else None
        if migration.script and word:
            why = (
                f"the rollback script `{migration.script.file}` holds `{word}`: all run in one transaction"
            )
            yield why, "take it out: the desk begins and commits"
    twice = duplicates(script.version for script in scripts)
    for migration in migrations:
        if migration.version in twice:
            yield f"two rollback scripts for `{migration.version}`", "remove one of them"


def recorded(row: Applied) -> Migration:
    """A migration that has no file, from what the history recorded of it."""
    return Migration(row.version, f"{row.version}_{row.name}.sql", ";\n".join(row.statements))


def is_newer(migration: Migration, undone: PlannedMigration, rows: Mapping[str, Applied]) -> bool:
    """Whether a migration is applied, and newer than one that would be undone."""
    return migration.version in rows and newest((migration.version, undone.version)) == migration.version
