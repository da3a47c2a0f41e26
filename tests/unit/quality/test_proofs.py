"""Proofs in the ledger, and the reports that they are bound to."""

from __future__ import annotations

import stat

import pytest

from scripts.errors import Refused
from scripts.quality import proofs
from scripts.state.ledger import Event, Ledger
from tests.fakes.world import World

A, B = "a" * 40, "b" * 40


def test_a_proof_is_in_the_ledger_with_its_report(world: World) -> None:
    """The newest decides: a failed one comes after the pass that it revokes."""
    desk, head = world.desk("Quinn"), world.head("staging")
    staging = world.settings.environment("staging")
    report = proofs.create_report_folder(desk, staging, "e2e", head) / "junit.xml"
    report.write_text("<testsuites/>")
    reference = proofs.reference(desk, report)
    for passed in (True, False):
        proofs.prove(desk, staging, "e2e", head, passed=passed, level="full", **reference)

    kept = world.ledger.proofs("staging", "e2e")
    assert [(proof.ending, proof.commit, proof.actor) for proof in kept] == [
        ("done", head, "Quinn"),
        ("failed", head, "Quinn"),
    ]
    assert kept[0].detail == {"what": "e2e", "level": "full", **reference}
    assert [proof.release for proof in kept] == ["v3", "v3"]


def test_a_proof_of_another_commit_than_the_live_one_names_no_release(world: World) -> None:
    """It may be proven before it is released."""
    other = world.commit("develop")

    assert proofs.prove(world.desk(), world.settings.environment("staging"), "load", other).release == ""


def test_report_folders_are_private_and_distinct(world: World) -> None:
    """Named by time, kind, environment and commit."""
    staging, desk = world.settings.environment("staging"), world.desk()
    first = proofs.create_report_folder(desk, staging, "load", A)
    world.clock.sleep(1)
    second = proofs.create_report_folder(desk, staging, "load", A)

    assert first != second
    assert first.name.startswith("20300101T000000-load-staging-aaaaaaaaaaaa-")
    assert stat.S_IMODE(first.stat().st_mode) == 0o700


@pytest.mark.parametrize(("change", "expected"), [("", set()), ("changed", {"r7"})])
def test_a_report_that_was_changed_is_found(world: World, change: str, expected: set[str]) -> None:
    """By its digest; a report on another machine can't be checked."""
    staging, desk = world.settings.environment("staging"), world.desk()
    report = proofs.create_report_folder(desk, staging, "e2e", A) / "junit.xml"
    report.write_text("<testsuites/>")
    detail = {"what": "e2e", **proofs.reference(desk, report)}
    elsewhere = {**detail, "report": "reports/elsewhere/junit.xml"}
    at = desk.now()
    ledger = Ledger(
        "tip",
        (
            Event("staging", "proof", "done", "v3", A, "Ada", at, "r7", detail),
            Event("staging", "proof", "done", "v3", A, "Ada", at, "r8", elsewhere),
            Event("staging", "proof", "done", "v3", B, "Ada", at, "r9", detail),
            Event("staging", "proof", "done", "v3", A, "Ada", at, "r6", {"what": "load"}),
        ),
    )
    report.write_text(f"<testsuites/>{change}")

    assert proofs.altered(desk, ledger, staging, A) == expected


def test_the_live_commit_is_that_of_the_newest_release(world: World) -> None:
    """Where nothing is live, the refusal says how to deploy."""
    assert proofs.live_commit(world.ledger, world.settings.environment("staging")) == world.head("staging")
    with pytest.raises(Refused, match="nothing was released on production yet") as refused:
        proofs.live_commit(world.ledger, world.settings.environment("production"))
    assert refused.value.hint == "`invoke deploy --env production`"
