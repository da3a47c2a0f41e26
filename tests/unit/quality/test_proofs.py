"""Proofs in a real ledger, and the reports that they are bound to."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.errors import Refused
from scripts.git.client import Git
from scripts.quality import proofs
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import observe_remote
from tests.support.fake_desk import NOW, fake_desk
from tests.support.repositories import seeded

A, B = "a" * 40, "b" * 40
LIVE = Event("staging", "release", "done", "v3", A, "Ada", NOW, "r0")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk on a real remote with an empty ledger."""
    _, person = seeded(tmp_path)
    return fake_desk(tmp_path, git=Git(person.folder, "origin"))


def test_a_proof_is_in_the_ledger_with_its_report(desk: Desk) -> None:
    """The newest decides: a failed one comes after the pass that it revokes."""
    staging = desk.settings.environment("staging")
    folder = proofs.create_report_folder(desk, staging, "e2e", A)
    (folder / "junit.xml").write_text("<testsuites/>")
    reference = proofs.reference(desk, folder / "junit.xml")
    proofs.prove(desk, staging, "e2e", A, passed=True, level="full", **reference)
    proofs.prove(desk, staging, "e2e", A, passed=False, level="full", **reference)

    kept = observe_remote(desk).ledger.proofs("staging", "e2e")
    assert [(proof.ending, proof.commit, proof.actor, proof.at) for proof in kept] == [
        ("done", A, "Ada", NOW),
        ("failed", A, "Ada", NOW),
    ]
    assert kept[0].detail == {"what": "e2e", "level": "full", **reference}
    assert kept[0].release == ""  # nothing is live


def test_report_folders_are_private_and_distinct(desk: Desk) -> None:
    """Named by time, kind, environment and commit."""
    staging = desk.settings.environment("staging")
    first, second = (proofs.create_report_folder(desk, staging, "load", A) for _ in range(2))

    assert first != second
    assert first.name.startswith("20300102T030405-load-staging-aaaaaaaaaaaa-")
    assert stat.S_IMODE(first.stat().st_mode) == 0o700


@pytest.mark.parametrize(("change", "expected"), [("", set()), ("changed", {"r7"})])
def test_a_report_that_was_changed_is_found(desk: Desk, change: str, expected: set[str]) -> None:
    """By its digest; a report on another machine can't be checked."""
    staging = desk.settings.environment("staging")
    report = proofs.create_report_folder(desk, staging, "e2e", A) / "junit.xml"
    report.write_text("<testsuites/>")
    detail = {"what": "e2e", **proofs.reference(desk, report)}
    elsewhere = {**detail, "report": "reports/elsewhere/junit.xml"}
    ledger = Ledger(
        "tip",
        (
            Event("staging", "proof", "done", "v3", A, "Ada", NOW, "r7", detail),
            Event("staging", "proof", "done", "v3", A, "Ada", NOW, "r8", elsewhere),
            Event("staging", "proof", "done", "v3", B, "Ada", NOW, "r9", detail),
        ),
    )
    report.write_text(f"<testsuites/>{change}")

    assert proofs.altered(desk, ledger, staging, A) == expected


def test_the_live_commit_is_that_of_the_newest_release(desk: Desk) -> None:
    """Where nothing is live, the refusal says how to deploy."""
    staging = desk.settings.environment("staging")

    assert proofs.live_commit(Ledger("tip", (LIVE,)), staging) == A
    with pytest.raises(Refused, match="nothing was released on staging yet") as refused:
        proofs.live_commit(Ledger("tip", ()), staging)
    assert refused.value.hint == "`invoke deploy --env staging`"
