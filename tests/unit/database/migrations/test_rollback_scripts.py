"""Rollback scripts: which migrations must be undone, which scripts are proven, which can't be used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.database.migrations import rollback_scripts
from scripts.database.migrations.files import Applied, Migration
from scripts.database.migrations.measurements import Measurement
from scripts.database.migrations.rollback_scripts import PlannedMigration, judge_migrations
from scripts.database.migrations.verdict import Lint
from scripts.state.ledger import Event, Ledger

CREATE = Migration("1", "1_a.sql", "create table t (a int)")
RENAME = Migration("2", "2_b.sql", "alter table t rename a to b")
ADD = Migration("3", "3_c.sql", "alter table t add column c int")
ALL = (CREATE, RENAME, ADD)
BACK = Migration("2", "2_b.sql", "alter table t rename b to a")
EMPTY = Ledger(None, ())


def planned(*scripts: Migration, ledger: Ledger = EMPTY) -> tuple[PlannedMigration, ...]:
    """The first is applied; the others are the release."""
    return judge_migrations(ALL[1:], ALL, scripts, {}, ledger)


def proof(pairs: object, **detail: object) -> Ledger:
    known = {"what": "rehearsal", "pairs": pairs, **detail}
    return Ledger("x", (Event("staging", "proof", "done", "", "c", "Ada", "t", "r", known),))


def test_the_oldest_breaking_migration_and_all_after_it_must_be_undone() -> None:
    """Newest first: scripts run in the opposite order of migrations."""
    undos = rollback_scripts.required_undos(planned())

    assert [migration.version for migration in undos] == ["3", "2"]
    assert rollback_scripts.required_undos(planned()[1:]) == ()
    assert rollback_scripts.required_undos(()) == ()


def test_a_proof_holds_for_the_same_script_after_the_same_migrations() -> None:
    """A later migration does not void it; an edited script or an edited earlier migration does."""
    digests = rollback_scripts.proof_digests(ALL, [BACK])

    assert list(digests) == ["2"]
    assert rollback_scripts.proof_digests(ALL[:2], [BACK]) == digests
    assert rollback_scripts.proof_digests(ALL, [replace(BACK, sql="select 1")]) != digests
    edited = (replace(CREATE, sql="create table t (a text)"), RENAME)
    assert rollback_scripts.proof_digests(edited, [BACK]) != digests


def test_a_proven_script_is_marked() -> None:
    """Words of a plan warn about one that is not."""
    digests = rollback_scripts.proof_digests(ALL, [BACK])
    unproven, proven = planned(BACK)[0], planned(BACK, ledger=proof(digests))[0]

    assert (unproven.rehearsed, proven.rehearsed) == (False, True)
    assert "its rollback was not rehearsed" in str(unproven)
    assert "not rehearsed" not in str(proven)


@pytest.mark.parametrize("pairs", [None, ["x"], "x"])
def test_a_malformed_proof_proves_nothing(pairs: object) -> None:
    """The ledger holds what other versions of the desk wrote, too."""
    assert rollback_scripts.proven(proof(pairs)) == frozenset()
    assert rollback_scripts.proven(proof({"2": "x"}, what="e2e")) == frozenset()


def test_verdicts_follow_scripts_and_lints() -> None:
    """Without squawk the reasons say so; a text that is unknown is never called compatible."""
    lint = {"3_c.sql": (Lint("ban-x", 1, "m"),)}
    unreadable = replace(ADD, sql="frobnicate t")

    assert [each.verdict.word for each in planned(BACK)] == ["reversible", "compatible"]
    assert (
        "squawk, line 1: ban-x" in judge_migrations([unreadable], ALL, [], lint, EMPTY)[0].verdict.reasons
    )
    together = judge_migrations(ALL, ALL, [], {}, EMPTY)
    assert [each.verdict.word for each in together] == ["compatible"] * 3
    without = judge_migrations([unreadable], ALL, [], None, EMPTY)[0].verdict
    assert without.reasons[-1] == rollback_scripts.NO_SQUAWK
    assert judge_migrations([ADD], ALL, [], None, EMPTY)[0].verdict.reasons == ()
    unknown = judge_migrations([Migration("9", "9_x.sql", "")], ALL, [], {}, EMPTY)[0].verdict
    assert (unknown.word, unknown.reasons) == ("breaking", (rollback_scripts.UNKNOWN_TEXT,))


@pytest.mark.parametrize(
    ("scripts", "why"),
    [
        ([BACK], []),
        (
            [replace(BACK, sql="begin; select 1; commit")],
            ["the rollback script `2_b.sql` holds `begin`: all run in one transaction"],
        ),
        ([BACK, replace(BACK, file="2_z.sql")], ["two rollback scripts for `2`"]),
    ],
)
def test_scripts_that_can_not_be_used_are_named(scripts: list[Migration], why: list[str]) -> None:
    """They would end the transaction that all scripts run in, or it is not clear which one to run."""
    found = rollback_scripts.unusable_scripts(planned(*scripts), scripts)

    assert [reason for reason, _ in found] == why


def test_a_migration_without_a_file_is_read_from_the_history() -> None:
    """As the CLI recorded it."""
    row = Applied("4", "gone", ("select 1", "select 2"))

    assert rollback_scripts.recorded(row) == Migration("4", "4_gone.sql", "select 1;\nselect 2")


def test_only_an_applied_newer_version_counts_as_newer() -> None:
    """Versions are compared as texts, as the CLI does."""
    undone = planned()[0]
    rows = {version: Applied(version) for version in ("1", "3")}

    assert rollback_scripts.is_newer(ADD, undone, rows)
    assert not rollback_scripts.is_newer(CREATE, undone, rows)
    assert not rollback_scripts.is_newer(ADD, undone, {})


def test_the_document_of_a_plan_has_its_keys() -> None:
    """The measurement is there if one is known."""
    migration = replace(planned(BACK)[0], measured=Measurement("2_b.sql", "staging", 1.5))

    assert list(migration.document()) == ["version", "file", "verdict", "reasons", "rehearsed", "measured"]
    assert str(migration).endswith("[1.5 s on staging]")


def test_counted_rows_outweigh_the_text() -> None:
    """What seemed compatible is irreversible; what was judged worse stays as it was."""
    measured = Measurement("3_c.sql", "staging", 1, updated={"public.t": 1633})
    rename, add = planned(BACK)

    found = add.with_measurement(measured)
    assert (found.verdict.word, found.measured) == ("irreversible", measured)
    assert "the dry run on staging updates 1633 rows of `public.t`" in str(found)
    assert rename.with_measurement(measured).verdict == rename.verdict
    assert add.with_measurement(replace(measured, updated={})).verdict == add.verdict
    filling = replace(add, verdict=replace(add.verdict, backfills=frozenset({"public.t"})))
    assert filling.with_measurement(measured).verdict.stays
    assert replace(add, script=BACK).with_measurement(measured).verdict.word == "reversible"
