"""Every difference between a restored copy and its original is reported in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.database.backups.equality import differences, recomputed
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


VIEW = "public.guests"


@pytest.mark.parametrize(
    ("computed", "reported"),
    [
        ((2, "1"), []),  # the original was older than its tables
        (None, []),  # its query looks at the clock
        ((3, "-77"), ["materialized view public.guests: its 2 rows are not what its query gives"]),
    ],
)
def test_a_stale_materialized_view_is_compared_with_its_query(
    computed: tuple[int, str] | None, reported: list[str]
) -> None:
    """A restore computes it from its tables."""
    stale = replace(COPY, tables={VIEW: (2, "1", 0)}, computed={VIEW: computed})

    assert list(differences(ONE, SCHEMA, stale)) == reported
    assert recomputed(ONE, stale) == ("materialized view public.guests: 3 rows then, 2 computed",)
    assert recomputed(ONE, COPY) == ()


def test_an_older_server_knows_fewer_privileges() -> None:
    """`grant all` of PostgreSQL 15 includes MAINTAIN when it runs on 17."""
    fifteen = replace(ONE, server="15.18")
    before = ("grants on public.guests: anon=arwdDxt/postgres,postgres=arwdDxt/postgres",)
    after = ("grants on public.guests: anon=arwdDxtm/postgres,postgres=arwdDxt*m*/postgres",)
    copy = replace(COPY, schema=(after[0].replace("t*m*", "tm"),), major=17)

    assert list(differences(fifteen, before, copy)) == []
    assert len(list(differences(fifteen, before, replace(copy, schema=after)))) == 2
    assert len(list(differences(replace(ONE, server="17.1"), before, copy))) == 2


def test_another_version_may_leave_out_qualifiers() -> None:
    """Never the same version, and never a schema."""
    original = ("view public.v: v p SELECT t.a, t.*, 'x.y' FROM public.t;",)
    copy = replace(COPY, schema=("view public.v: v p SELECT a, *, 'x.y' FROM public.t;",), major=18)

    assert list(differences(ONE, original, copy)) == []
    assert len(list(differences(ONE, original, replace(copy, major=17)))) == 2
    elsewhere = (copy.schema[0].replace("public.t", "billing.t"),)
    assert len(list(differences(ONE, original, replace(copy, schema=elsewhere)))) == 2
