"""Rows written since a backup are counted by comparing COPY text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.database.restore import losses
from scripts.database.restore.columns import Column
from scripts.database.restore.plan import Change

ROWS = st.dictionaries(st.integers(0, 20), st.integers(0, 3), max_size=8)
ID = Column("id", 23, "integer", key=True, generated=False)
N = Column("n", 23, "integer", key=False, generated=False)


class Archive:
    """An archive of one table."""

    def __init__(self, head: bytes, *blocks: bytes) -> None:
        self.head, self.blocks = head, blocks

    @contextlib.contextmanager
    def data(self, _chosen: str) -> Iterator[Iterator[tuple[bytes, Iterator[bytes]]]]:
        yield iter([(b"SELECT pg_catalog.setval('x', 1);\n", iter(())), (self.head, iter(self.blocks))])


def compared(
    monkeypatch: pytest.MonkeyPatch, columns: list[Column], before: bytes, now: bytes, listed: str = "id, n"
) -> Change:
    """The change between the archive's rows and the live ones."""
    monkeypatch.setattr(losses, "columns", lambda *_: {column.name: column for column in columns})
    monkeypatch.setattr(losses, "_live_rows", lambda *_: iter([now]))
    archive: Any = Archive(f"COPY public.t ({listed}) FROM stdin;\n".encode(), before)
    connection: Any = None
    (change,) = losses.changes_since(connection, archive, "")
    return change


def text(rows: dict[int, int]) -> bytes:
    return b"".join(b"%d\t%d\n" % row for row in rows.items())


@given(ROWS, ROWS)
def test_with_a_key_each_row_is_counted_once(before: dict[int, int], now: dict[int, int]) -> None:
    """Inserted, updated and deleted by key."""
    with pytest.MonkeyPatch.context() as patch:
        change = compared(patch, [ID, N], text(before), text(now))

    updated = sum(before[key] != now[key] for key in before.keys() & now.keys())
    assert change == Change(
        "public.t", len(before), len(now), len(now.keys() - before), updated, len(before.keys() - now)
    )


def test_without_a_key_a_changed_row_is_one_deleted_and_one_inserted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Equal rows are counted as often as they occur."""
    id_ = ID._replace(key=False)
    change = compared(monkeypatch, [id_, N], b"1\t1\n1\t1\n2\t2\n", b"1\t1\n2\t3\n")

    assert (change.inserted, change.updated, change.deleted) == (1, None, 2)


def test_only_common_columns_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that the live table lacks is no change of its rows."""
    change = compared(monkeypatch, [ID], b"1\t7\n2\t8\n", b"1\n2\n")

    assert not change.any


def test_a_key_with_a_generated_column_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive has no generated columns, so the rest of the key does not identify a row."""
    generated = Column("g", 23, "integer", key=True, generated=True)
    change = compared(monkeypatch, [ID, N, generated], b"1\t1\n", b"1\t2\n")

    assert (change.inserted, change.updated, change.deleted) == (1, None, 1)


def test_all_rows_of_a_dropped_table_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live database has no such table."""
    assert compared(monkeypatch, [], b"1\t1\n2\t2\n", b"") == Change("public.t", 2, 0, 0, 0, 2)
