"""The ways a rollback can go: which are possible, what each loses, and which is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.database.migrations.files import Applied, Migration, compare
from scripts.database.restore.partial_plan import PartialRestore, TableMerge
from scripts.database.restore.plan import Change, RestorePlan
from scripts.release.facts import Facts
from scripts.release.plan import decide
from scripts.release.request import RollbackRequest
from scripts.release.rollback_options import BY_HAND, RollbackOption, chosen, fits
from scripts.release.schema_rules import going_back
from tests.unit.release.samples import DEPLOY, A, C, event, ledger, manifest, why

MAKE = Migration("1", "1_a.sql", "create table t (a int)")
RENAME = Migration("2", "2_b.sql", "alter table t rename a to b")
WIDEN = Migration("3", "3_c.sql", "alter table t add column c int")
BACK = Migration("2", "2_b.sql", "alter table t rename b to a")
ROWS = {each.version: Applied(each.version, "x", (each.sql,)) for each in (MAKE, RENAME, WIDEN)}
CHANGE = Change("public.t", before=10, now=12, inserted=2, updated=1, deleted=0)
DATA = RestorePlan(manifest("1"), (CHANGE,), {"public.u": 7}, None, 30.0, safety=False)
KEEPS = PartialRestore(
    (TableMerge("public.t", "both", ("a",), change=CHANGE), TableMerge("public.v", "live", ("a",))), {}
)


def back(*left: Migration, scripts: tuple[Migration, ...] = (), asks: str = "", **changes: Any) -> Facts:
    """A rollback with its data, to a release that has the first migration alone."""
    target = event("development", "v1", A)
    facts = replace(
        DEPLOY,
        request=RollbackRequest(env="development", with_data=True, scope=asks),
        target=target,
        ledger=ledger(target, event("development", "v2", C)),
        committed=(MAKE,),
        applied=(ROWS["1"], *(ROWS[each.version] for each in left)),
        left=(MAKE, *left),
        left_rollbacks=scripts,
    )
    return replace(facts, **changes)


def options(facts: Facts) -> dict[str, RollbackOption]:
    """By name."""
    return {each.name: each for each in decide(facts).options}


# -------------------------------------------------------------------------------------- which there are


def test_nobody_who_asks_for_the_code_alone_sees_options() -> None:
    """They are for a rollback that may take the data back."""
    facts = back(WIDEN)

    assert options(replace(facts, request=RollbackRequest(env="development"))) == {}
    assert options(replace(facts, target=None)) == {}


def test_all_ways_are_listed_the_least_losing_first() -> None:
    """With a document for each."""
    plan = decide(back(WIDEN, data=DATA, keeps=KEEPS))

    assert [each.name for each in plan.options] == ["code", "schema", "tables", "full", "platform"]
    assert plan.document()["scopes"][0] == {
        "name": "code",
        "no": "",
        "loses": [],
        "seconds": None,
        "back": "`invoke rollback --env development --to vN --allow-bad REASON`",
    }


def test_where_older_code_lives_with_the_schema_the_code_alone_goes_back() -> None:
    """It loses nothing; there is nothing to undo."""
    facts = back(WIDEN, data=DATA, keeps=KEEPS)
    found = options(facts)

    assert (found["code"].no, str(found["code"])[:20]) == ("", "code: loses nothing;")
    assert found["schema"].no == "there is nothing to undo"
    assert decide(facts).scope == "code"


def test_where_it_can_not_the_schema_goes_back_by_its_script() -> None:
    """The migrations run again when one goes forward."""
    facts = back(RENAME, scripts=(BACK,), data=DATA, keeps=KEEPS)
    found = options(facts)

    assert "older code can't live with 2_b.sql" in found["code"].no
    assert found["schema"].no == ""
    assert "whose migrations run again" in found["schema"].back
    assert decide(facts).scope == "schema"
    assert [step.name for step in decide(facts).steps][-3:] == ["undo", "verify", "finish"]


def test_where_there_is_no_script_the_touched_tables_go_back() -> None:
    """Rows that are new since stay where they fit."""
    facts = back(RENAME, data=DATA, keeps=KEEPS)
    tables = options(facts)["tables"]
    plan = decide(facts)

    assert options(facts)["schema"].no == "no rollback script for `2_b.sql`"
    assert tables.loses == (
        "public.t: 1 rows updated since are reverted",
        "from the backup: `public.t`; all other rows stay",
    )
    assert tables.seconds == 60.0
    assert plan.scope == "tables"
    assert plan.restores
    assert plan.back.undo == plan.back.ahead == ()
    assert [step.name for step in plan.steps][-6:] == [
        "rehearse", "restore", "publish", "verify", "scan", "finish",
    ]  # fmt: skip


def test_where_the_tables_do_not_fit_all_data_go_back() -> None:
    """Every loss is said in rows."""
    facts = back(RENAME, data=DATA, no_keeps="`public.t` has no primary key")
    full = options(facts)["full"]

    assert options(facts)["tables"].no == "`public.t` has no primary key"
    assert full.loses == (
        ("public.t: 10 rows in the backup, 12 now, 2 inserted since (lost), 1 updated since (reverted)"),
        "public.u: not in the backup, 7 rows (lost); the schema is 1 afterwards",
    )
    assert (full.seconds, decide(facts).scope) == (30.0, "full")
    assert "about 30 s without writing" in str(full)


def test_a_table_backup_without_a_loss_says_so() -> None:
    """And a table list that is empty."""
    nothing = replace(DATA, changes=(), new={}, manifest=manifest())
    found = options(back(RENAME, data=nothing, keeps=PartialRestore((), {})))

    assert found["tables"].loses == ("no row", "from the backup: no table; all other rows stay")
    assert found["full"].loses == ("no row; the schema is empty afterwards",)


def test_a_newer_migration_of_the_older_release_keeps_the_schema() -> None:
    """A script was never rehearsed below one that stays."""
    facts = back(RENAME, WIDEN, scripts=(BACK, replace(WIDEN, sql="select 1")), committed=(MAKE, WIDEN))

    assert options(facts)["schema"].no == "`3` are newer, and stay"


def test_without_a_backup_its_reason_is_said() -> None:
    """As it was found; else in general."""
    found = options(back(RENAME, no_data="no proven backup of development holds the schema"))
    silent = options(back(RENAME))

    assert found["tables"].no == found["full"].no == "no proven backup of development holds the schema"
    assert silent["tables"].no == silent["full"].no == "there is no backup of that schema"


def test_the_platform_is_never_taken() -> None:
    """It stands there for the loss of the whole database."""
    assert options(back(WIDEN))["platform"].no == BY_HAND
    assert "supabase backups restore" in str(options(back(WIDEN))["platform"])


def test_the_way_back_from_a_restore_names_the_safety_backup() -> None:
    """Where one is taken."""
    without = options(back(RENAME, data=DATA, keeps=KEEPS))["full"].back
    with_one = options(back(RENAME, data=replace(DATA, safety=True), keeps=KEEPS))["full"].back

    assert "until `invoke db.drop-aside --env development`" in without
    assert with_one.startswith("the safety backup")
    assert with_one.endswith(without)


# ------------------------------------------------------------------------------------------ which is taken


@pytest.mark.parametrize(
    ("asked", "possible", "expected"),
    [
        ("", ["code", "full"], "code"),
        ("", ["full"], "full"),
        ("", [], ""),
        ("full", ["code", "full"], "full"),
        ("schema", ["code", "full"], ""),
        ("nonsense", ["code"], ""),
    ],
)
def test_the_least_losing_or_what_was_asked_for(asked: str, possible: list[str], expected: str) -> None:
    """What was asked for and can't be is not replaced by something else."""
    ways = [RollbackOption(name, "" if name in possible else "no") for name in ("code", "schema", "full")]

    assert chosen(back(asks=asked), ways) == expected


def test_a_scope_that_does_not_exist_is_refused() -> None:
    """The known ones are in the hint."""
    assert why(back(RENAME, asks="all")) == (
        "there is no scope `all`",
        "one of `code`, `schema`, `tables`, `full`, `platform`",
        1,
    )


def test_a_scope_that_is_not_possible_is_refused_with_its_reason() -> None:
    """That one alone is listed."""
    reason, hint, _ = why(back(RENAME, asks="schema", data=DATA, keeps=KEEPS))

    assert reason == (
        "development can't go back with its data:"
        "\n  | schema: not possible: no rollback script for `2_b.sql`"
    )
    assert hint == "`invoke backup.list --env development`"


def test_where_no_way_is_possible_all_are_listed() -> None:
    """Each with its reason."""
    reason, _, _ = why(back(RENAME))

    assert reason.count("not possible") == 5


# ----------------------------------------------------------------------------------------- which backup


@pytest.mark.parametrize(
    ("held", "masked", "expected"),
    [
        (["1"], False, True),
        (["1", "2"], False, False),
        ([], False, False),
        (["1"], True, False),
        (["1", "9"], False, False),
    ],
    ids=["the release's", "too new", "too old", "masked", "unknown"],
)
def test_a_backup_fits_a_release_that_lives_with_its_schema(
    held: list[str], masked: bool, expected: bool
) -> None:
    """It holds all of the release's migrations, and none that the release can't live with."""
    facts = back(RENAME, scripts=(BACK,))
    comparison = compare(facts.committed, facts.applied or ())
    backup = manifest(*held, policy="digest" if masked else None)

    assert fits(backup, facts, comparison, going_back(facts, comparison)) == expected


def test_a_backup_may_hold_what_the_release_lives_with() -> None:
    """A migration that stays ahead does no harm in a backup, either."""
    facts = back(WIDEN)
    comparison = compare(facts.committed, facts.applied or ())

    assert fits(manifest("1", "3"), facts, comparison, going_back(facts, comparison))
