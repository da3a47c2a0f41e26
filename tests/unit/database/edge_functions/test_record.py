"""What the ledger knows of deployed functions, and whether a project still runs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.database.edge_functions.record import (
    Deployed,
    Record,
    document,
    record_of,
    recorded,
    recorded_at,
    records_in,
    row_of,
)
from scripts.state.event_rules import fault_of
from tests.unit.release.samples import A, B, event, ledger

ROW = Deployed("a", 3, 1000, True, "f" * 64)
RECORD = record_of("d" * 64, None, ROW)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"version": 4, "updated": 2000}, True),  # other settings of the project count it up, too
        ({"sha256": "0" * 64}, False),
        ({"verify_jwt": False}, False),
        ({"sha256": ""}, True),
        ({"sha256": "", "updated": 2000}, False),
    ],
)
def test_the_bundle_tells_and_else_the_version(changes: dict[str, Any], *, same: bool) -> None:
    """Who may call it counts as well."""
    assert RECORD.is_of(replace(ROW, **changes)) == same


def test_the_newest_event_counts_and_that_of_a_release_for_going_back() -> None:
    """However it ended; events without functions change nothing."""
    old, new = {"a": RECORD}, {"a": replace(RECORD, version=9), "b": RECORD}
    first = event("staging", "v1", A, functions=document(old))
    second = event("staging", "v2", B)
    third = event("staging", "v3", B, "failed", functions=document(new))
    known = ledger(first, event("production", "v1", A, functions={}), second, third)

    assert recorded(known, "staging") == new
    assert recorded_at(known, second) == old
    assert recorded(known, "development") == {}
    assert not fault_of({**third.document(), "at": "2024-01-01T00:00:00+00:00"})


@pytest.mark.parametrize(
    "value",
    [None, [], {"a": 1}, {"a": {"digest": 1}}, {"a": {**document({"a": RECORD})["a"], "version": "x"}}],
)
def test_what_is_malformed_is_no_record(value: object) -> None:
    """So the function is deployed again."""
    assert records_in(event("staging", "v1", A, functions=value)) == {}


def test_a_row_in_the_lock_is_read_again() -> None:
    """Null where there was none."""
    assert row_of("a", vars(ROW)) == ROW
    assert row_of("a", None) is None
    assert isinstance(RECORD, Record)
