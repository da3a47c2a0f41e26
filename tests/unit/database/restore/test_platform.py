"""What a new project lacks: the statement that makes a bucket again. The rest needs a server."""

from __future__ import annotations

import pytest

from scripts.database.restore import platform


@pytest.mark.parametrize(
    ("row", "statement"),
    [
        (
            {"id": "a'b", "name": "a'b", "owner": None, "public": "t"},
            "insert into storage.buckets (id, name, public) values ('a''b', 'a''b', 't')",
        ),
        ({"id": "x", "name": None}, "insert into storage.buckets (id, name) values ('x', null)"),
    ],
)
def test_a_bucket_is_made_again_by_a_statement(row: dict[str, str | None], statement: str) -> None:
    """Quoted, and only of the columns that every version of Storage has."""
    assert platform._bucket_statement(row) == statement
