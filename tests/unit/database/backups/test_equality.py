"""Every difference between a restored copy and its original is reported in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.database.backups.equality import differences
from scripts.database.postgres.catalogue import ALL_KINDS
from scripts.database.postgres.content import Content
from tests.unit.database.backups.test_manifest import ONE

SCHEMA = ("column public.guests.id: bigint", "grants on public.guests: a", "trigger t on auth.users: x")
COPY = Content(
    tables={"public.guests": (3, "-77", 8192)},
    sequences={"public.guests_id_seq": 3},
    descending=frozenset(),
    extensions={"pgcrypto": "1.3", "plpgsql": "1.0"},
    schema=SCHEMA,
)


def reported(**changes: object) -> list[str]:
    return list(differences(ONE, SCHEMA, replace(COPY, **changes)))  # type: ignore[arg-type]


def test_an_equal_copy_has_no_differences() -> None:
    assert reported() == []


def test_a_sequence_may_have_gone_on_during_the_dump() -> None:
    assert reported(sequences={"public.guests_id_seq": 4}) == []
    downwards = frozenset({"public.guests_id_seq"})
    assert reported(sequences={"public.guests_id_seq": 2}, descending=downwards) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tables": {}}, "table public.guests is missing (3 rows)"),
        ({"tables": {"public.guests": (2, "-77", 0)}}, "table public.guests has 2 rows, not 3"),
        ({"tables": {"public.guests": (3, "77", 0)}}, "table public.guests: its 3 rows are not the same"),
        ({"sequences": {}}, "sequence public.guests_id_seq is missing"),
        ({"sequences": {"public.guests_id_seq": 2}}, "sequence public.guests_id_seq stands at 2, not at 3"),
        ({"extensions": {}}, "extension pgcrypto is missing"),
        ({"schema": SCHEMA[:2]}, "missing: trigger t on auth.users: x"),
        ({"schema": (*SCHEMA, "view v: y")}, "not in the original: view v: y"),
    ],
)
def test_each_difference_is_reported(changes: dict[str, object], message: str) -> None:
    assert reported(**changes) == [message]


def test_a_changed_line_is_not_reported_as_missing() -> None:
    changed = ("column public.guests.id: integer", *SCHEMA[1:])
    assert reported(schema=changed) == [
        "changed: column public.guests.id: bigint",
        "it is now: column public.guests.id: integer",
    ]


def test_grants_and_event_triggers_are_compared_for_superusers_only() -> None:
    original = (*SCHEMA, "event trigger e: ddl_command_end public.f() O")
    copy = replace(COPY, schema=(SCHEMA[0], SCHEMA[2]))

    assert list(differences(ONE, original, copy)) == [
        "missing: event trigger e: ddl_command_end public.f() O",
        "missing: grants on public.guests: a",
    ]
    assert list(differences(ONE, original, copy, superuser=False)) == []


def test_kinds_that_an_older_backup_does_not_list_are_not_compared() -> None:
    """Before they were described, `schema.json` had no line of them."""
    event_trigger = "event trigger e: ddl_command_end public.f() O"
    assert list(differences(ONE, SCHEMA, replace(COPY, schema=(*SCHEMA, event_trigger)))) == []

    kinds = ("cast (text AS public.addr): e i", ALL_KINDS)
    assert list(differences(ONE, SCHEMA, replace(COPY, schema=(*SCHEMA, *kinds)))) == []
    assert list(differences(ONE, (*SCHEMA, ALL_KINDS), replace(COPY, schema=(*SCHEMA, *kinds)))) == [
        "not in the original: cast (text AS public.addr): e i"
    ]

    newer = (*SCHEMA, "event trigger other: ddl_command_end public.f() O")
    assert list(differences(ONE, newer, replace(COPY, schema=(*newer, event_trigger)))) == [
        f"not in the original: {event_trigger}"
    ]


def test_rows_of_a_materialized_view_are_not_compared() -> None:
    """A restore recomputes it; that it exists is compared."""
    schema = (*SCHEMA, "materialized view public.guests: m")
    stale = replace(COPY, schema=schema, tables={"public.guests": (2, "1", 0)})

    assert list(differences(ONE, schema, stale)) == []
    assert list(differences(ONE, schema, replace(stale, tables={}))) == [
        "table public.guests is missing (3 rows)"
    ]
