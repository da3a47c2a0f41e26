"""The lock's content."""

from __future__ import annotations

import json
from dataclasses import replace

from scripts.state.lock import Lock, candidate_ref, lock_of, lock_ref

LOCK = Lock("r1", "n1", "Ada", "laptop", "promote", "staging", "a" * 40, "2024-01-01T00:00:00+00:00")


def test_it_survives_json() -> None:
    """What was written is what another machine reads."""
    assert lock_of(json.loads(json.dumps(LOCK.document()))) == LOCK


def test_a_lock_of_another_desk_can_be_read() -> None:
    """Unknown keys are passed over; keys that are missing or null are empty."""
    assert replace(LOCK, nonce="", host="") == lock_of(
        {**LOCK.document(), "nonce": None, "host": None, "colour": 60}
    )
    assert Lock("", "", "", "", "", "", "", "") == lock_of({})


def test_its_text_says_who_what_and_since_when() -> None:
    """People learn whom to ask."""
    expected = (
        "Ada on `laptop` since 2024-01-01T00:00:00+00:00 (`promote` of `aaaaaaaaaaaa`, run r1, at `lock`)"
    )

    assert expected == str(LOCK)
    assert str(replace(LOCK, actor="")).startswith("somebody on ")


def test_each_environment_has_its_refs() -> None:
    """Locks and candidates stand under `refs/deploy`, where no branch filter of a CI sees them."""
    assert "refs/deploy/lock/staging" == lock_ref("staging")
    assert "refs/deploy/candidate/staging/r1" == candidate_ref("staging", "r1")
