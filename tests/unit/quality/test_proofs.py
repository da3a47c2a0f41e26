"""Proofs in the ledger, and the reports that they are bound to."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

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
    reference = proofs.reference(desk, report.parent)
    for passed in (True, False):
        proofs.prove(
            desk, staging, "e2e", head, measured={"url": "x"}, passed=passed, level="full", **reference
        )

    kept = world.ledger.proofs("staging", "e2e")
    assert [(proof.ending, proof.commit, proof.actor) for proof in kept] == [
        ("done", head, "Quinn"),
        ("failed", head, "Quinn"),
    ]
    assert kept[0].detail == {
        "what": "e2e",
        "level": "full",
        "measured": {"url": "x"},
        **reference,
    }
    assert [proof.release for proof in kept] == ["v3", "v3"]


def test_a_proof_of_another_commit_than_the_live_one_names_no_release(world: World) -> None:
    """It may be proven before it is released."""
    other = world.commit("develop")

    staging = world.settings.environment("staging")
    assert proofs.prove(world.desk(), staging, "load", other, measured={}).release == ""


def test_report_folders_are_private_and_distinct(world: World) -> None:
    """Named by time, kind, environment and commit."""
    staging, desk = world.settings.environment("staging"), world.desk()
    first = proofs.create_report_folder(desk, staging, "load", A)
    world.clock.sleep(1)
    second = proofs.create_report_folder(desk, staging, "load", A)

    assert first != second
    assert first.name.startswith("20300101T000000-load-staging-aaaaaaaaaaaa-")
    assert stat.S_IMODE(first.stat().st_mode) == 0o700


CHANGES: dict[str, Callable[[Path], object]] = {
    "the page": lambda folder: (folder / "report.html").write_text("all green"),
    "a file that is gone": lambda folder: (folder / "junit.xml").unlink(),
    "a file more": lambda folder: (folder / "more.txt").write_text(""),
    "all of it is gone": shutil.rmtree,
}


@pytest.mark.parametrize("change", [None, *CHANGES])
def test_a_report_that_was_changed_is_found(world: World, change: str | None) -> None:
    """By its digest over all files; a report that another machine made can't be checked."""
    staging, desk = world.settings.environment("staging"), world.desk()
    folder = proofs.create_report_folder(desk, staging, "e2e", A)
    for name in ("junit.xml", "report.html"):
        (folder / name).write_text(name)
    detail = {"what": "e2e", **proofs.reference(desk, folder)}
    elsewhere = {**detail, "report": "reports/elsewhere", "machine": "another"}
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
    if change:
        CHANGES[change](folder)

    assert proofs.altered(desk, ledger, staging, A) == ({"r7"} if change else set())


@pytest.mark.parametrize("place", ["/etc", "..", "reports/../..", "reports", ""])
def test_only_reports_are_read(world: World, place: str) -> None:
    """Anybody may write events: the path in one is data."""
    staging, desk = world.settings.environment("staging"), world.desk()
    folder = proofs.create_report_folder(desk, staging, "e2e", A)
    detail = {"what": "e2e", **proofs.reference(desk, folder), "report": place}
    ledger = Ledger("tip", (Event("staging", "proof", "done", "v3", A, "Ada", desk.now(), "r7", detail),))

    assert proofs.altered(desk, ledger, staging, A) == {"r7"}


def test_the_live_commit_is_that_of_the_newest_release(world: World) -> None:
    """Where nothing is live, the refusal says how to deploy."""
    assert proofs.live_commit(world.ledger, world.settings.environment("staging")) == world.head("staging")
    with pytest.raises(Refused, match="nothing was released on production yet") as refused:
        proofs.live_commit(world.ledger, world.settings.environment("production"))
    assert refused.value.hint == "`invoke deploy --env production`"
