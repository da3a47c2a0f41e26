# pure
"""Migrations and their rollback scripts: what may stay, what must go back, and whether it can. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.database.migrations.files import Applied, Migration, doubled, fingerprint, newest
from scripts.database.migrations.measure import Measured
from scripts.database.migrations.statements import unfit
from scripts.database.migrations.verdict import Lint, Verdict, judge
from scripts.state.ledger import Ledger

PROOF, REHEARSAL = "proof", "rehearsal"
UNSEEN = "its text is neither in the commit nor in the history"
NO_SQUAWK = "squawk is not installed: only the desk's own rules were asked"


@dataclass(frozen=True)
class Judged:
    """One migration with its verdict.

    Args:
        pair: the script that undoes it, None where there is none.
        rehearsed: that script was proven on a scratch database, after the very same migrations.
        measured: what a rehearsal of this very text found, None where there was none.
    """

    migration: Migration
    verdict: Verdict
    pair: Migration | None
    rehearsed: bool
    measured: Measured | None = None

    @property
    def version(self) -> str:
        """Its version."""
        return self.migration.version

    @property
    def file(self) -> str:
        """Its file."""
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
        known = ", its rollback was not rehearsed" if self.pair and not self.rehearsed else ""
        why = f" ({'; '.join(self.verdict.reasons)})" if self.verdict.reasons else ""
        took = f" [{'; '.join(self.measured.words())}]" if self.measured else ""
        return f"{self.file}: {self.verdict.word}{'' if self.verdict.stays else known}{why}{took}"


def must_go(known: Sequence[Judged]) -> tuple[Judged, ...]:
    """The oldest that older code can't live with, and all after it; newest first."""
    first = next((place for place, each in enumerate(known) if not each.verdict.stays), len(known))
    return tuple(reversed(known[first:]))


def proof_digests(committed: Sequence[Migration], scripts: Sequence[Migration]) -> dict[str, str]:
    """Version -> digest of what a proof of its script rests on: the migrations up to it, and the script."""
    pairs = {each.version: each for each in scripts}
    chain, digests = hashlib.sha256(), {}
    for each in committed:
        chain.update(f"{each.version} {fingerprint(each.sql)}\n".encode())
        if each.version in pairs:
            whole = chain.copy()
            whole.update(fingerprint(pairs[each.version].sql).encode())
            digests[each.version] = whole.hexdigest()
    return digests


def proven(ledger: Ledger) -> frozenset[str]:
    """The digests of all scripts that a rehearsal proved."""
    proofs = [each for each in ledger.events if (each.kind, each.ending) == (PROOF, "done")]
    found = [each.detail.get("pairs") for each in proofs if each.detail.get("what") == REHEARSAL]
    return frozenset(str(value) for each in found if isinstance(each, Mapping) for value in each.values())


def judge_migrations(
    asked: Sequence[Migration],
    committed: Sequence[Migration],
    scripts: Sequence[Migration],
    lints: Mapping[str, tuple[Lint, ...]] | None,
    ledger: Ledger,
) -> tuple[Judged, ...]:
    """The migrations that are asked about, each with its verdict.

    Args:
        asked: those to judge, oldest first.
        committed: all migrations of the commit.
        scripts: its rollback scripts.
        lints: by file, what squawk found; None where there is no squawk.
        ledger: where the proofs of rollback scripts are.
    """
    pairs = {each.version: each for each in scripts}
    digests = proof_digests(committed, scripts) if asked else {}
    good = proven(ledger) if digests else frozenset()
    files = {each.version for each in committed}
    made = []
    for each in asked:
        pair = pairs.get(each.version)
        verdict = judge(each.sql, pair is not None, (lints or {}).get(each.file, ()))
        if each.version not in files and not each.sql:
            verdict = Verdict("reversible" if pair else "breaking", (UNSEEN,))
        if lints is None:
            verdict = Verdict(verdict.word, (*verdict.reasons, NO_SQUAWK))
        made.append(Judged(each, verdict, pair, digests.get(each.version) in good))
    return tuple(made)


def unusable_scripts(known: Sequence[Judged], scripts: Sequence[Migration]) -> Iterator[tuple[str, str]]:
    """Scripts that could not run in one transaction with the others, or of which there are two."""
    for each in known:
        held = unfit(each.pair.sql) if each.pair else None
        if each.pair and held:
            why = f"the rollback script `{each.pair.file}` holds `{held}`: all run in one transaction"
            yield why, "take it out: the desk begins and commits"
    twice = doubled(each.version for each in scripts)
    for each in known:
        if each.version in twice:
            yield (f"two rollback scripts for `{each.version}`", "take one of them out")


def recorded(row: Applied) -> Migration:
    """A migration whose file is nowhere, from what the history kept of it."""
    return Migration(row.version, f"{row.version}_{row.name}.sql", ";\n".join(row.statements))


def is_newer(each: Migration, undone: Judged, rows: Mapping[str, Applied]) -> bool:
    """Whether an applied version is newer than one that would be undone."""
    return each.version in rows and newest((each.version, undone.version)) == each.version
