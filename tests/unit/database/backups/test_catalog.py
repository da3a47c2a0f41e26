"""What the ledger's events say about backups."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from scripts.database.backups import catalog
from scripts.database.backups.catalog import BackupRecord
from scripts.database.backups.manifest import Manifest, Table
from scripts.state.ledger import Event, Ledger
from tests.unit.database.backups.test_manifest import ONE

FIRST, SECOND = "20300101T000000Z-00000000-daily-0001", "20300102T000000Z-00000000-predeploy-0002"


def event(kind: str = "backup", ending: str = "done", *, run: str = "r", **detail: Any) -> Event:
    return Event("production", kind, ending, "", "", "Ada", "2030-01-03T00:00:00Z", run, detail)


def records(*events: Event) -> dict[str, BackupRecord]:
    return catalog.records(Ledger(None, events), "production")


def test_the_newest_event_counts_and_the_first_digest() -> None:
    record = records(
        event(backup=FIRST, manifest="first", proven=False, bytes=10, rows=2, seconds=4.5),
        event(backup=FIRST, manifest="later", proven=True, bytes=10, rows=2),
    )[FIRST]

    assert record == BackupRecord(
        *(FIRST, "first", "2030-01-03T00:00:00Z", ""),
        *(datetime(2030, 1, 1, tzinfo=UTC), 10, 2, 4.5),
    )
    assert record.kind == "daily"


def test_a_later_failed_proof_takes_the_proof_away() -> None:
    record = records(
        event(backup=FIRST, proven=True), event(ending="failed", backup=FIRST, reason="it differs")
    )[FIRST]
    assert (record.proven, record.fault) == ("", "it differs")


def test_other_events_environments_and_odd_ids_are_no_backups() -> None:
    others = [
        event(kind="release", backup=FIRST),
        event(backup="../../etc"),
        event(),
        replace(event(backup=FIRST), environment="staging"),
    ]
    assert records(*others) == {}


@pytest.mark.parametrize("odd", [True, "12", None, [1]])
def test_odd_numbers_count_as_zero(odd: object) -> None:
    assert records(event(backup=FIRST, bytes=odd, rows=odd, seconds=odd))[FIRST].bytes == 0


def test_retention_is_given_kind_time_and_proof() -> None:
    by_id = records(event(backup=FIRST, proven=True))
    first, second = catalog.for_retention([FIRST, SECOND], by_id)

    assert (first.id, first.kind, first.proven) == (FIRST, "daily", True)
    assert (second.kind, second.taken, second.proven) == (
        "predeploy",
        datetime(2030, 1, 2, tzinfo=UTC),
        False,
    )


def test_backups_of_the_last_releases_are_needed() -> None:
    window = catalog.ROLLBACK_WINDOW
    events = [event(backup=FIRST, **{"for": "run-0"}), event(backup=SECOND, **{"for": "run-1"})]
    releases = [event(kind="release", run=f"run-{number}") for number in range(window + 1)]

    assert catalog.needed_by_releases(Ledger(None, (*events, *releases)), "production") == {SECOND}


@pytest.mark.parametrize(
    ("now", "stored", "why"),
    [
        ("2030-01-01T12:00:00+00:00", [FIRST], None),
        (
            "2030-01-03T00:00:00+00:00",
            [FIRST],
            f"the newest proven backup, `{FIRST}`, is 48 h old; 26 h are allowed",
        ),
        ("2030-01-01T12:00:00+00:00", [SECOND], "no intact backup is proven"),
        ("2030-01-01T12:00:00+00:00", [], "there is no backup that can be read here"),
    ],
)
def test_a_young_proven_stored_backup_is_needed(now: str, stored: list[str], why: str | None) -> None:
    by_id = records(event(backup=FIRST, proven=True), event(backup=SECOND, proven=False))
    assert catalog.why_stale(by_id, now, 26, stored) == why


def manifest(rows: dict[str, int], *versions: str) -> Manifest:
    tables = {name: Table(count, "", 0) for name, count in rows.items()}
    return replace(ONE, tables=tables, migrations=dict.fromkeys(versions, ""))


def shrank(before: int, now: int | None, *versions: str) -> bool:
    """Whether a table with `before` rows is reported; `now` None: it is gone."""
    current = manifest({} if now is None else {"a.b": now}, *versions)
    return bool(catalog.shrunken_tables(current, manifest({"a.b": before}, "1")))


def test_more_than_a_fifth_of_many_rows_is_reported() -> None:
    assert [shrank(100, now, "1") for now in (0, 79, 80, 200)] == [True, True, False, False]
    assert [shrank(before, 0, "1") for before in (49, 50)] == [False, True]


def test_what_a_migration_dropped_is_not_reported() -> None:
    """But rows that vanished while a migration was applied are."""
    assert [shrank(100, None, "1"), shrank(100, None, "1", "2"), shrank(100, 0, "1", "2")] == [
        *(True, False, True)
    ]


def test_a_backup_is_compared_with_earlier_regular_proven_ones() -> None:
    def record(day: int, kind: str, proven: str = "2030") -> BackupRecord:
        name = f"203001{day:02}T000000Z-00000000-{kind}-0001"
        return BackupRecord(name, "", proven, "", datetime(2030, 1, day, tzinfo=UTC), 0, 0, 0.0)

    all_of_them = [
        *(record(1, "daily"), record(2, "manual"), record(3, "daily", ""), record(4, "predeploy")),
        *(record(5, "presafety"), record(7, "daily")),
    ]
    earlier = catalog.earlier_proven(record(6, "manual").id, {each.id: each for each in all_of_them})
    assert earlier == (all_of_them[1].id, all_of_them[0].id)


def test_where_a_backup_is_is_what_all_events_say_together() -> None:
    """Each event knows of the places that it looked at; older ones name a path alone."""
    record = records(
        event(backup=FIRST, place="/old/desk", proven=True),
        event(backup=FIRST, place="/home/a", machine="laptop", bucket="s3://kept/production/"),
        event(backup=FIRST, place="/srv", machine="server"),
    )[FIRST]

    assert record.machines == {"laptop": "/home/a", "server": "/srv"}
    assert (record.bucket, record.place) == ("s3://kept/production/", "/srv")
    assert record.elsewhere("laptop", "/home/a") == {"server": "/srv"}
    assert record.elsewhere("laptop", "/another/checkout") == {"laptop": "/home/a", "server": "/srv"}


def test_a_pruned_backup_is_nowhere_until_it_is_found_again() -> None:
    taken = event(backup=FIRST, place="/a", machine="laptop", manifest="d", proven=True)
    pruned = event(kind="prune", removed=[FIRST, "unknown", 3])

    assert records(taken, pruned)[FIRST].pruned
    assert records(taken, pruned)[FIRST].machines == {}
    again = records(taken, pruned, event(backup=FIRST, place="/b", machine="server", proven=True))[FIRST]
    assert (again.pruned, again.machines, again.digest) == (False, {"server": "/b"}, "d")


def test_a_loss_keeps_what_is_known() -> None:
    taken = event(backup=FIRST, manifest="d", proven=True, bytes=10, rows=2)
    record = records(taken, event(ending="failed", backup=FIRST, reason="lost"))[FIRST]

    assert (record.digest, record.bytes, record.rows) == ("d", 10, 2)
    assert (record.proven, record.fault) == ("", "lost")
