"""What comes of a load test: the verdict, the reports, the proof that later runs are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.quality import proofs
from scripts.quality.load import baseline, locust
from scripts.quality.load import report as load_report
from scripts.quality.load.report import Told
from scripts.quality.load.report_page import page
from scripts.quality.load.result import Measured
from scripts.quality.load.trial import Trial, facts_of
from scripts.quality.load.verdict import Verdict, judge, served_faults
from scripts.quality.proofs import prove
from scripts.state.ledger import Event
from scripts.system.secret import redact

WHAT = "load"


def judged(trial: Trial, found: Measured | None) -> tuple[Verdict, dict[str, Any]]:
    """The verdict, and what a later run is compared with."""
    facts = facts_of(trial)
    if found is None:
        return Verdict("inconclusive", tuple(served_faults(facts))), {}
    load, before = trial.desk.settings.load, _baseline(trial)
    kept = baseline.summary(found)
    compared = baseline.compare(before.detail["load"], kept, load.noise, load.noise_ms) if before else ()
    return judge(found, facts, compared), kept


def _baseline(trial: Trial) -> Event | None:
    """The newest passed run of the same kind, from the same kind of machine."""
    alike = {**trial.plan.same, "machine": locust.machine()}
    for each in reversed(trial.ledger.proofs(trial.environment.name, WHAT)):
        if each.ending == "done" and each.detail.get("alike") == alike and each.detail.get("load"):
            return each
    return None


def report(trial: Trial, verdict: Verdict, found: Measured | None) -> Told:
    """The reports, beside Locust's own."""
    before, folder = _baseline(trial), trial.files.folder
    facts = [
        ("environment", f"{trial.environment.name} ({trial.environment.url})"),
        ("commit", trial.commit or "unknown"),
        ("load", trial.plan.label),
        ("machine", locust.machine()),
        ("baseline", f"{before.commit[:12]} of {before.at}" if before else "none yet"),
        ("at", f"{trial.desk.now()}, {trial.desk.actor}"),
    ]
    told = Told(verdict, found, facts, trial.left, trial.markers, trial.plan.slot, _notes(found))
    files = {
        "report.html": page(told),
        "junit.xml": load_report.junit(told),
        "summary.md": load_report.markdown(told),
    }
    for name, text in files.items():
        (folder / name).write_text(redact(text), encoding="utf-8")
    return told


def _notes(found: Measured | None) -> Sequence[str]:
    if not found:
        return ()
    few = ", ".join(baseline.too_few(baseline.summary(found)))
    out = ", ".join(found.left_out)
    notes = [f"left out, because the environment allows no writes: {out}"] if out else []
    return [*notes, *([f"too few requests to compare with another run: {few}"] if few else [])]


def prove_it(trial: Trial, verdict: Verdict, kept: dict[str, Any], *, whole: bool) -> None:
    """A profile that was cut down proves nothing about the whole."""
    desk, plan = trial.desk, trial.plan
    prove(
        desk,
        trial.environment,
        WHAT,
        str(trial.commit),
        passed=verdict.word == "passed",
        level=plan.profile if whole else f"{plan.profile} (changed)",
        verdict=verdict.word,
        alike={**plan.same, "machine": locust.machine()},
        load=kept,
        **proofs.known_as(desk, trial.files.result),
    )
