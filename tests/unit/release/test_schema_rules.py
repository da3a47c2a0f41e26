"""Migrations and their scripts: what stays, what goes back, and when a plan says no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.database.backups.unproven import Foreseen
from scripts.database.migrations import rollback_scripts
from scripts.database.migrations.files import Applied, Migration, compare
from scripts.database.migrations.verdict import Lint
from scripts.release import schema_rules
from scripts.release.facts import Facts
from scripts.release.plan import decide
from scripts.release.plan_text import words as words_of
from scripts.release.request import PromoteRequest, RollbackRequest
from scripts.state.ledger import Event, Ledger
from tests.unit.release.samples import DEPLOY, PRODUCTION, PROMOTE, A, C, event, ledger

MAKE = Migration("1", "1_a.sql", "create table t (a int)")
RENAME = Migration("2", "2_b.sql", "alter table t rename a to b")
WIDEN = Migration("3", "3_c.sql", "alter table t add column c int")
BACK = Migration("2", "2_b.sql", "alter table t rename b to a")
NARROW = Migration("3", "3_c.sql", "alter table t drop column c")
ROWS = {each.version: Applied(each.version, "x", (each.sql,)) for each in (MAKE, RENAME, WIDEN)}


def bringing(*files: Migration, scripts: tuple[Migration, ...] = (), guarded: bool = True) -> Facts:
    """A promotion that brings these to a database that has the first."""
    where = PRODUCTION if guarded else PROMOTE.environment
    before = ledger(event(where.name, "v1", C), event("development", "v7", A))
    return replace(
        PROMOTE,
        environment=where,
        ledger=before,
        committed=(MAKE, *files),
        applied=(ROWS["1"],),
        rollbacks=scripts,
    )


def leaving(*left: Migration, scripts: tuple[Migration, ...] = ()) -> Facts:
    """A rollback to a release that has the first alone."""
    target = event("development", "v1", A)
    return replace(
        DEPLOY,
        request=RollbackRequest(),
        target=target,
        ledger=ledger(target, event("development", "v2", C)),
        committed=(MAKE,),
        applied=tuple(ROWS.values()),
        left=left or (MAKE, RENAME, WIDEN),
        left_rollbacks=scripts,
    )


def refused(facts: Facts) -> tuple[str, str]:
    """Why not, and what instead."""
    found = decide(facts).refused
    return (found.why, found.hint or "") if found else ("", "")


def words(known: tuple[rollback_scripts.PlannedMigration, ...]) -> list[tuple[str, str]]:
    """Version and word of each."""
    return [(each.version, each.verdict.word) for each in known]


# ------------------------------------------------------------------------------------- forward


def test_each_pending_migration_has_its_verdict() -> None:
    """The plan's document carries word, reasons, and whether the script was rehearsed."""
    plan = decide(bringing(RENAME, WIDEN, scripts=(BACK,)))

    assert words(plan.migrations) == [("2", "reversible"), ("3", "compatible")]
    first = plan.document()["migrations"][0]
    assert set(first) == {"version", "file", "verdict", "reasons", "rehearsed", "measured"}
    assert "undone by their" in decide(bringing(RENAME, WIDEN, scripts=(BACK, NARROW))).way_back
    assert "its rollback was not rehearsed" in str(plan.migrations[0])


def test_a_guarded_environment_demands_a_way_back() -> None:
    """Breaking without a script: a script, or a person's word; elsewhere the plan only says so."""
    why, hint = refused(bringing(RENAME))

    assert "no way back for 1 migration on production:\n  | 2_b.sql: breaking (renames" in why
    assert "write `supabase/rollbacks/2_b.sql`" in hint
    assert "`invoke promote --to production --accept-irreversible`" in hint
    assert refused(bringing(RENAME, scripts=(BACK,))) == ("", "")
    assert refused(bringing(RENAME, guarded=False)) == ("", "")
    assert refused(bringing(WIDEN)) == ("", "")
    accepted = decide(replace(bringing(RENAME), request=PromoteRequest(accept_irreversible=True)))
    assert accepted.refused is None
    assert "older code may not live with `2_b.sql`" in accepted.way_back


def test_what_comes_after_a_breaking_one_needs_a_script_as_well() -> None:
    """Scripts run newest first: one that is missing blocks those below it."""
    why, hint = refused(bringing(RENAME, WIDEN, scripts=(BACK,)))

    assert "3_c.sql: compatible (it has to go back before an older one can)" in why
    assert "2_b.sql" not in why
    assert "write `supabase/rollbacks/3_c.sql`" in hint


def test_the_first_release_of_all_breaks_nobody() -> None:
    """Nothing was released, and no table has rows; one with a history and no more is another matter."""
    facts = replace(bringing(RENAME), ledger=ledger(event("development", "v7", A)))

    assert refused(replace(facts, applied=())) == ("", "")
    assert refused(replace(facts, filled=False)) == ("", "")
    assert "no way back" in refused(facts)[0]
    assert "no way back" in refused(replace(facts, filled=True))[0]
    assert "no way back" in refused(bringing(RENAME))[0]


def test_tables_that_somebody_made_by_hand_are_nobody_s_first_release() -> None:
    """The files would be applied to them; a person says which stand, or that none does."""
    facts = replace(bringing(RENAME), ledger=ledger(event("development", "v7", A)), applied=())
    by_hand = replace(facts, strange=("table public.templates",))
    why, hint = refused(by_hand)

    assert "holds what no release made:\n  | table public.templates\n  | 2 files" in why
    assert "`invoke db.adopt --env production --plan` says which of them stand" in hint
    assert "invoke promote --to production --accept-irreversible" in hint
    accepting = replace(by_hand, request=replace(by_hand.request, accept_irreversible=True))
    assert refused(accepting) == ("", "")


def test_a_proof_that_will_be_partial_is_told_in_the_plan_and_needs_a_yes() -> None:
    """Of the request, or of the configuration; then it is a warning."""
    partial = Foreseen(("vector",), ("table public.docs",), 17)
    facts = replace(bringing(WIDEN), partial=partial)
    why, hint = refused(facts)

    assert "proven in part only" in why
    assert "table public.docs" in why
    assert "`apt-get install postgresql-17 postgresql-17-pgvector`" in hint
    assert "`invoke promote --to production --accept-partial-proof`" in hint
    asked = decide(replace(facts, request=replace(facts.request, accept_partial_proof=True)))
    configured = decide(replace(facts, partial=replace(partial, accepted=True)))
    for plan in (asked, configured):
        assert plan.refused is None
        assert plan.document()["partial"] == ["table public.docs"]
        assert any("proof of the backup will be partial" in line for line in words_of(plan))


@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        ((replace(BACK, sql="begin; select 1; commit"),), "holds `begin`"),
        ((replace(BACK, sql="drop index concurrently i"),), "holds `drop index concurrently`"),
        ((BACK, replace(BACK, file="2_z.sql")), "two rollback scripts for `2`"),
    ],
)
def test_a_script_that_can_not_be_used_is_refused(scripts: tuple[Migration, ...], said: str) -> None:
    """In every environment, and whatever was accepted."""
    facts = bringing(RENAME, scripts=scripts, guarded=False)

    assert said in refused(facts)[0]
    assert said in refused(replace(facts, request=replace(facts.request, accept_irreversible=True)))[0]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("alter type m add value 'x';\n\nCOMMIT;\nBEGIN;\n", "`3_c.sql`, line 3: `commit`"),
        ("begin; alter table t add column c int; commit", "`3_c.sql`, line 1: `begin`"),
        ("select 1;\r\nsavepoint a;", "`3_c.sql`, line 2: `savepoint a`"),
        ("create table x (a int);\nrollback;", "`3_c.sql`, line 2: `rollback`"),
        ("\\echo x;\nend", "`3_c.sql`, line 2: `end`"),
    ],
)
def test_a_migration_that_ends_its_own_transaction_is_refused(sql: str, said: str) -> None:
    """In every environment, whatever was accepted; the hint says where it belongs."""
    facts = bringing(replace(WIDEN, sql=sql), guarded=False)
    why, hint = refused(facts)

    assert said in why
    assert "the Supabase CLI loses what follows" in why
    assert "a file of its own" in hint
    assert refused(replace(facts, request=replace(facts.request, accept_irreversible=True)))[0] == why
    assert refused(bringing(replace(WIDEN, sql=f"do $$ begin {'null'}; end $$"), guarded=False))[0] == ""


def test_every_such_file_is_named() -> None:
    """Each of its lines."""
    why, _ = refused(
        bringing(replace(RENAME, sql="commit;\nbegin"), replace(WIDEN, sql="end"), guarded=False)
    )

    assert why.startswith("2 migrations begin or end a transaction")
    assert [
        why.count(line) for line in ("`2_b.sql`, line 1", "`2_b.sql`, line 2", "`3_c.sql`, line 1")
    ] == [1] * 3


def test_squawk_counts_and_its_absence_is_said() -> None:
    """What it found of a text that the parser can't read; where it is not, the reasons say so."""
    lints = {"3_c.sql": (Lint("ban-x", 1, "m"),)}

    unreadable = replace(WIDEN, sql="frobnicate t")
    found = decide(replace(bringing(unreadable), lints=lints)).migrations[0]
    assert (found.verdict.word, "squawk, line 1: ban-x" in found.verdict.reasons) == ("breaking", True)
    without = decide(replace(bringing(unreadable), lints=None)).migrations[0]
    assert without.verdict.reasons[-1] == rollback_scripts.NO_SQUAWK


# ---------------------------------------------------------------------------------------- back


def test_what_is_compatible_stays() -> None:
    """Nothing is undone when older code lives with all of it."""
    facts = replace(leaving(), applied=(ROWS["1"], ROWS["3"]))
    plan = decide(facts)

    assert (words(plan.back.undo), words(plan.back.ahead)) == ([], [("3", "compatible")])
    assert plan.refused is None
    assert "undo" not in [step.name for step in plan.steps]


def test_a_breaking_one_goes_with_all_that_came_after() -> None:
    """Newest first, and the plan says what data the scripts destroy."""
    plan = decide(leaving(scripts=(BACK, NARROW)))

    assert words(plan.back.undo) == [("3", "compatible"), ("2", "reversible")]
    assert plan.back.lost == ("`3_c.sql` drops column `t.c`: its values are lost",)
    names = [step.name for step in plan.steps]
    assert [
        "lock",
        "build",
        "scan",
        "rehearse",
        "publish",
        "verify",
        "scan",
        "undo",
        "verify",
        "finish",
    ] == names
    assert [each["version"] for each in plan.document()["undo"]] == ["3", "2"]


def test_what_is_older_than_the_breaking_one_stays() -> None:
    """A compatible one below it hurts nobody."""
    facts = leaving(scripts=(NARROW,))
    renamed = replace(WIDEN, sql="alter table t rename a to z")
    plan = decide(replace(facts, left=(MAKE, replace(RENAME, sql="select 1"), renamed)))

    assert words(plan.back.undo) == [("3", "reversible")]
    assert words(plan.back.ahead) == [("2", "compatible")]


def test_what_the_older_release_never_knew_hurts_it_in_no_form() -> None:
    """It lacks the table altogether, so it does not mind that a column of it was renamed."""
    plan = decide(replace(leaving(), committed=()))

    assert plan.back.undo == ()
    assert words(plan.back.ahead) == [(version, "compatible") for version in "123"]


def test_a_missing_script_is_named() -> None:
    """Only that one; with a person's word everything stays ahead."""
    facts = leaving(scripts=(NARROW,))
    why, hint = refused(facts)

    assert "no rollback script for `2_b.sql`" in why
    assert "3_c.sql" not in why
    assert "`invoke rollback --env development --to v1 --accept-irreversible`" in hint
    plan = decide(replace(facts, request=replace(facts.request, accept_irreversible=True)))
    assert (
        plan.refused,
        words(plan.back.undo),
        [x for x, _ in words(plan.back.ahead)],
    ) == (None, [], ["2", "3"])


def test_an_older_release_with_newer_migrations_is_no_place_to_undo() -> None:
    """A script was never rehearsed below a migration that stays."""
    facts = replace(leaving(scripts=(BACK, NARROW)), committed=(MAKE, WIDEN))

    assert "`3` are newer, and stay" in refused(facts)[0]


def test_the_history_knows_what_no_file_tells() -> None:
    """Its statements are judged; a row without any is never called compatible."""
    facts = leaving(MAKE)

    assert words(decide(facts).back.ahead) == [("2", "breaking"), ("3", "compatible")]
    bare = replace(facts, applied=(ROWS["1"], Applied("3", "c")))
    judged = decide(bare).back.lacking
    assert words(judged) == [("3", "breaking")]
    assert rollback_scripts.UNKNOWN_TEXT in judged[0].verdict.reasons


# -------------------------------------------------------------------------------------- proofs


def proof(digests: dict[str, str], **detail: object) -> Event:
    """A rehearsal in the ledger."""
    known = {"what": "rehearsal", "pairs": digests, **detail}
    return Event("staging", "proof", "done", "", A, "Ada", "2024", "r", known)


def test_a_rehearsal_is_known_again() -> None:
    """By the script and all the migrations up to it; a change of any of them voids it."""
    facts = bringing(RENAME, WIDEN, scripts=(BACK,))
    digests = rollback_scripts.proof_digests(facts.committed, facts.rollbacks)
    told = replace(facts, ledger=Ledger("tip", (*facts.ledger.events, proof(digests))))

    def known(changed: Facts) -> bool:
        return schema_rules.pending(changed, compare(changed.committed, changed.applied or ()))[0].rehearsed

    assert set(digests) == {"2"}
    assert known(told)
    assert known(replace(told, committed=(MAKE, RENAME, replace(WIDEN, sql="select 2"))))
    assert not known(facts)
    assert not known(replace(told, rollbacks=(replace(BACK, sql="select 1"),)))
    assert not known(replace(told, committed=(replace(MAKE, sql="select 1"), RENAME)))


@pytest.mark.parametrize("detail", [{"what": "e2e"}, {"pairs": None}, {"pairs": ["x"]}])
def test_odd_proofs_prove_nothing(detail: dict[str, object]) -> None:
    """A ledger holds what other desks wrote, too."""
    assert rollback_scripts.proven(Ledger("tip", (proof({"2": "x"}, **detail),))) == frozenset()
