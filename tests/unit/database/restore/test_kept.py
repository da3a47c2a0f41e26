"""Old schemas: their names, and the record that is kept with them."""

from __future__ import annotations

import json
from dataclasses import asdict

from scripts.database.restore import kept
from scripts.database.restore.kept import Kept


def test_an_old_name_fits_into_63_bytes_and_keeps_the_run() -> None:
    """PostgreSQL would cut it silently; a character is never cut."""
    name = kept.old_schema_name("run1", "é" * 60)

    assert name.startswith("desk_aside_run1_éé")
    assert len(name.encode()) <= 63
    assert kept.old_schema_name("run1", "") == "desk_aside_run1_"


def test_two_long_names_are_kept_under_two_names() -> None:
    """Even where they differ in their last letters alone."""
    one, other = (kept.old_schema_name("run1", "x" * 59 + last) for last in "ab")

    assert one != other


def test_a_record_is_read_as_it_was_written() -> None:
    """By way of JSON."""
    written = Kept(
        run="r1",
        what="until the restore of b",
        schemas={"public": "desk_aside_r1_public"},
        comments={"public": "the app"},
        triggers=("create trigger ...",),
        attached=("create policy ...",),
        lines=("table public.t: r p",),
        sums={"public.t": (3, "12")},
        outcome={"lost": 2},
    )

    assert kept._kept(json.loads(json.dumps(asdict(written)))) == written
