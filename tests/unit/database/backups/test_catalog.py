"""Which tables shrank suspiciously, and by which backup that is judged."""

from __future__ import annotations

from datetime import UTC, datetime

from scripts.database.backups import catalog
from scripts.database.backups.catalog import BackupRecord
from scripts.database.backups.manifest import File, Manifest, Table


def held(rows: dict[str, int], *versions: str) -> Manifest:
    """A manifest of these tables."""
    return Manifest(
        id="20300101T000000Z-00000000-daily-0001", environment="production", kind="daily", project="app",
        host="", database="", started="", finished="", release="", commit="", server="17.0", client="17.0",
        migrations=dict.fromkeys(versions, ""), wal="", sequences={}, extensions={}, schema_hash="",
        tables={name: Table(count, "", 0) for name, count in rows.items()},
        files={"db.dump": File(1, "0" * 64)}, left_out=(),
    )  # fmt: skip


def shrank(before: int, now: int | None, *versions: str) -> bool:
    """Whether that is worth a look; None for a table that is gone."""
    found = catalog.shrunken_tables(
        held({} if now is None else {"a.b": now}, *versions), held({"a.b": before}, "1")
    )
    return bool(found)


def test_more_than_a_fifth_of_many_rows() -> None:
    assert [shrank(100, now, "1") for now in (0, 79, 80, 200)] == [True, True, False, False]
    assert [shrank(before, 0, "1") for before in (49, 50)] == [False, True]


def test_what_a_migration_dropped_is_not_lost() -> None:
    """But rows that are gone while a migration went through are."""
    assert [shrank(100, None, "1"), shrank(100, None, "1", "2"), shrank(100, 0, "1", "2")] == [
        True, False, True,
    ]  # fmt: skip


def test_it_is_judged_by_earlier_regular_proven_ones() -> None:
    def known(day: int, kind: str, proven: str = "2030") -> BackupRecord:
        name = f"203001{day:02}T000000Z-00000000-{kind}-0001"
        return BackupRecord(name, "", proven, "", datetime(2030, 1, day, tzinfo=UTC), 0, 0, 0.0)

    all_of_them = [
        known(1, "daily"), known(2, "manual"), known(3, "daily", ""), known(4, "predeploy"),
        known(5, "presafety"), known(7, "daily"),
    ]  # fmt: skip
    judges = catalog.earlier_proven(known(6, "manual").id, {each.id: each for each in all_of_them})
    assert judges == (all_of_them[1].id, all_of_them[0].id)
