"""A key tells the schema from the name, whatever both are called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scripts.database.postgres.names import key_of, split_key

NAMES = st.text('ab. "', min_size=1, max_size=6)


@given(NAMES, NAMES)
def test_a_key_can_be_split(schema: str, name: str) -> None:
    assert split_key(key_of(schema, name)) == (schema, name)


@given(NAMES, NAMES, NAMES, NAMES)
def test_two_tables_have_two_keys(schema: str, name: str, other_schema: str, other_name: str) -> None:
    same = (schema, name) == (other_schema, other_name)
    assert (key_of(schema, name) == key_of(other_schema, other_name)) == same


def test_a_plain_name_has_no_quotes() -> None:
    """As in the manifests of older backups."""
    assert key_of("my schema", "a.b") == "my schema.a.b"
    assert key_of("a.b", "c") == '"a.b".c'
