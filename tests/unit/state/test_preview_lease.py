"""Leases: what a remote holds may have been written by anybody."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from scripts.state.preview_lease import PreviewLease, checked_lease

GOOD = PreviewLease(
    slot="one",
    branch="feature/x",
    commit="a" * 40,
    base="b" * 40,
    owner="Ada",
    host="laptop",
    since="2030-01-01T00:00:00+00:00",
    until="2030-01-02T00:00:00+00:00",
    run="0" * 12,
    state="up",
    database={"kind": "server", "name": "preview_app_one"},
    pull=7,
)


def test_what_is_written_is_read() -> None:
    """All of it."""
    assert checked_lease(asdict(GOOD), "one") == GOOD
    assert str(GOOD) == "one: `feature/x` by Ada on `laptop` until 2030-01-02T00:00:00+00:00"


@pytest.mark.parametrize(
    "changes",
    [
        {"slot": "two"},
        {"commit": "main"},
        {"branch": ""},
        {"branch": "feature/$(rm -rf ~)"},
        {"until": "tomorrow"},
        {"until": 7},
        {"state": "better"},
        {"state": None},
    ],
)
def test_what_no_desk_wrote_is_named(changes: dict[str, Any]) -> None:
    """It has no state, and says why."""
    found = checked_lease({**asdict(GOOD), **changes}, "one")

    assert (found.state, found.settled, bool(found.said)) == ("", False, True)
    assert "a lease that can't be read" in str(found)


def test_values_of_another_kind_are_left_out() -> None:
    """And no text has a control character, or is endless."""
    odd = {**asdict(GOOD), "pull": True, "database": ["x"], "owner": "\x1b[31m" + "x" * 900}
    found = checked_lease(odd, "one")

    assert (found.pull, found.database) == (0, {})
    assert found.owner.startswith("\ufffd[31m")
    assert len(found.owner) == 500
