"""Under a rate limit a table is read in slices that cover all of it."""

from __future__ import annotations

import re

import pytest

from scripts.database.postgres.content import TableSize, slices
from scripts.database.postgres.throttle import RateLimit

BLOCK = 8192


def table(blocks: int, size: int) -> TableSize:
    return TableSize(1, "public", "t", size, blocks)


def test_without_a_limit_a_table_is_read_at_once() -> None:
    assert list(slices(table(10, 10 * BLOCK), None)) == [("", 10 * BLOCK)]
    assert list(slices(table(0, 0), RateLimit(1000))) == [("", 0)]


@pytest.mark.parametrize("blocks", [1, 7, 100, 1001])
def test_slices_cover_every_block_once(blocks: int) -> None:
    """The last one has no upper bound: the table may have grown."""
    parts = list(slices(table(blocks, blocks * BLOCK), RateLimit(1_000_000)))
    bounds = [[int(number) for number in re.findall(r"\((\d+),0\)", condition)] for condition, _ in parts]

    assert bounds[0][0] == 0
    assert [lower for lower, *_ in bounds[1:]] == [upper for _, upper in bounds[:-1]]
    assert len(bounds[-1]) == 1


def test_rows_stored_in_toast_make_slices_shorter() -> None:
    limit = RateLimit(10_000_000)
    small = list(slices(table(100, 100 * BLOCK), limit))
    large = list(slices(table(100, 10_000 * BLOCK), limit))

    assert len(large) > len(small)
    assert all(size <= max(limit.rate * limit.BURST, 100 * BLOCK) for _, size in large)


def test_the_key_is_that_of_a_manifest() -> None:
    assert table(1, 1).key == "public.t"
