"""Migrations and their rollback scripts: what may stay, what must go back, and whether it can. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scripts.domain.database.measure import Measured, remembered
from scripts.domain.database.migrations import Applied, Comparison, Migration, doubled, newest
from scripts.domain.database.sql import fingerprint
from scripts.domain.database.statements import unfit
from scripts.domain.database.verdict import Verdict, judge, losses
from scripts.domain.release.facts import Facts
from scripts.domain.release.ledger import Ledger

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


@dataclass(frozen=True)
class GoingBack:
    """What becomes of the versions that the database has and the older release lacks.

    Args:
        undo: newest first; in this order their scripts run.
        ahead: oldest first; they stay.
        lacking: what would have to be undone, and has no script.
        above: versions of the older release that are newer than one that would be undone.
    """

    undo: tuple[Judged, ...] = ()
    ahead: tuple[Judged, ...] = ()
    lacking: tuple[Judged, ...] = ()
    above: tuple[str, ...] = ()

    @property
    def lost(self) -> tuple[str, ...]:
        """What data the scripts destroy, in words."""
        scripts = [each.pair for each in self.undo if each.pair]
        return tuple(f"`{script.file}` {loss}" for script in scripts for loss in losses(script.sql))


def pending(facts: Facts, comparison: Comparison) -> tuple[Judged, ...]:
    """What a release would apply, judged."""
    known = remembered(facts.ledger, comparison.pending, facts.environment.name)
    return tuple(replace(each, measured=known.get(each.file)) for each in judged(facts, comparison.pending))


def judged(facts: Facts, migrations: Sequence[Migration]) -> tuple[Judged, ...]:
    """Migrations of the commit to release, judged."""
    return _judged(facts, migrations, facts.committed, facts.rollbacks)


def going_back(facts: Facts, comparison: Comparison) -> GoingBack:
    """For a rollback: what must go with the code, and what may stay."""
    if not facts.rolls_back or not comparison.missing:
        return GoingBack()
    rows = {row.version: row for row in facts.applied or ()}
    files = {each.version: each for each in facts.left}
    there = [files.get(version) or _recorded(rows[version]) for version in comparison.missing]
    known = _judged(facts, there, facts.left, facts.left_rollbacks)
    undo = must_go(known)
    lacking = tuple(each for each in undo if each.pair is None)
    above = tuple(each.version for each in facts.committed if undo and _newer(each, undo[-1], rows))
    if lacking or above:
        return GoingBack((), known, lacking, above)
    return GoingBack(undo, tuple(each for each in known if each not in undo))


def must_go(known: Sequence[Judged]) -> tuple[Judged, ...]:
    """The oldest that older code can't live with, and all after it; newest first."""
    first = next((place for place, each in enumerate(known) if not each.verdict.stays), len(known))
    return tuple(reversed(known[first:]))


def objections(facts: Facts, comparison: Comparison, again: str) -> Iterator[tuple[str, str]]:
    """Why not, and what to do instead; `again` is the command that was typed."""
    back = going_back(facts, comparison)
    bringing = () if facts.rolls_back else pending(facts, comparison)
    yield from _unusable(facts, [*bringing, *back.undo])
    name, accept = facts.environment.name, f"`{again} --accept-irreversible`"
    if "irreversible" in facts.accepts or (facts.with_data and facts.rolls_back):
        return
    if back.lacking:
        listed = ", ".join(f"`{each.file}`" for each in back.lacking)
        yield (
            f"the schema of {name} can't go back with the code: no rollback script for {listed}",
            f"mend it with a new release; with its data: `{again} --with-data --plan`; or ahead: {accept}",
        )
    if back.above:
        yield (
            f"the schema of {name} can't go back: `{'`, `'.join(back.above)}` are newer, and stay",
            f"mend it with a new release; or, with the schema left ahead: {accept}",
        )
    # what came after one that must go back has to go first, so it needs a script as well
    hard = [each for each in reversed(must_go(bringing)) if each.pair is None]
    if hard and facts.environment.guarded and not _first(facts):
        after = " (it has to go back before an older one can)"
        listed = "".join(f"\n  | {each}{after if each.verdict.stays else ''}" for each in hard)
        folder = facts.rollbacks_folder
        count = f"{len(hard)} migration{'s' if len(hard) > 1 else ''}"
        prove = f"write `{folder}/{hard[0].file}`, which undoes it, and prove it: `invoke db.rehearse`"
        yield f"no way back for {count} on {name}:{listed}", f"{prove}; or go without: {accept}"


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


def _judged(
    facts: Facts, asked: Sequence[Migration], committed: Sequence[Migration], scripts: Sequence[Migration]
) -> tuple[Judged, ...]:
    pairs = {each.version: each for each in scripts}
    digests = proof_digests(committed, scripts) if asked else {}
    good = proven(facts.ledger) if digests else frozenset()
    files = {each.version for each in committed}
    made = []
    for each in asked:
        pair = pairs.get(each.version)
        verdict = judge(each.sql, pair is not None, (facts.lints or {}).get(each.file, ()))
        if each.version not in files and not each.sql:
            verdict = Verdict("reversible" if pair else "breaking", (UNSEEN,))
        if facts.lints is None:
            verdict = Verdict(verdict.word, (*verdict.reasons, NO_SQUAWK))
        made.append(Judged(each, verdict, pair, digests.get(each.version) in good))
    return tuple(made)


def _unusable(facts: Facts, known: Sequence[Judged]) -> Iterator[tuple[str, str]]:
    """Scripts that could not run in one transaction with the others, or of which there are two."""
    for each in known:
        held = unfit(each.pair.sql) if each.pair else None
        if each.pair and held:
            why = f"the rollback script `{each.pair.file}` holds `{held}`: all run in one transaction"
            yield why, "take it out: the desk begins and commits"
    scripts = facts.left_rollbacks if facts.rolls_back else facts.rollbacks
    twice = doubled(each.version for each in scripts)
    for each in known:
        if each.version in twice:
            yield (f"two rollback scripts for `{each.version}`", "take one of them out")


def _recorded(row: Applied) -> Migration:
    """A migration whose file is nowhere, from what the history kept of it."""
    return Migration(row.version, f"{row.version}_{row.name}.sql", ";\n".join(row.statements))


def _newer(each: Migration, undone: Judged, rows: Mapping[str, Applied]) -> bool:
    return each.version in rows and newest((each.version, undone.version)) == each.version


def _first(facts: Facts) -> bool:
    """Nothing was released here and nothing stands in the database: there is no older code to break."""
    return facts.previous is None and not facts.applied
