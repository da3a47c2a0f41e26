"""How far a long step is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from scripts.database import counting
from tests.support.databases import Quiet


def test_threads_count_together() -> None:
    """Nothing is lost, and the last figure is the whole."""
    progress = Quiet()
    tell = counting.rows(progress, 4000, "loaded")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: tell(1), range(4000)))

    assert max(progress.reached) == (4000, 4000, "4,000 of 4,000 rows loaded")


def test_a_block_has_a_row_a_line() -> None:
    """`COPY` writes a line feed within a value as two characters."""
    assert counting.rows_in(b"1\tone\\nline\n2\ttwo\n") == 2


def test_a_block_may_know_its_rows() -> None:
    assert counting.rows_in(counting.Counted.of(b"\n\n", 5)) == 5
