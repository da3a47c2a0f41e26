"""Rows as PostgreSQL's COPY text: lines, columns, names and values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scripts.database.restore import copy_text


@given(st.lists(st.text("ab\t", min_size=1, max_size=4)), st.integers(1, 5))
def test_lines_do_not_depend_on_the_blocks(lines: list[str], size: int) -> None:
    """A block may end inside a line."""
    whole = "".join(f"{line}\n" for line in lines).encode()
    blocks = [whole[place : place + size] for place in range(0, len(whole), size)]

    assert [line.decode() for line in copy_text.lines(blocks)] == lines


def test_names_are_read_with_and_without_quotes() -> None:
    """As pg_dump writes them."""
    assert copy_text.names(b'id, "The ""n""ame", n') == ["id", 'The "n"ame', "n"]
    assert copy_text.names(b'public."Odd name"') == ["public", "Odd name"]


def test_a_table_may_have_any_name() -> None:
    """Blanks, brackets, quotes and a line feed are part of it."""
    found = copy_text.COPY.fullmatch(b'COPY "my schema"."x (y) ""z""\n" (a, "b c") FROM stdin;\n')

    assert found
    assert copy_text.names(found["table"]) == ["my schema", 'x (y) "z"\n']
    assert found["columns"] == b'a, "b c"'


def test_values_are_read_as_they_were_written() -> None:
    """Null is no text; a backslash stands before what COPY would misread."""
    line = rb"a\tb\\c" + b"\t" + rb"\N" + b"\t\t" + rb"\\N"

    assert copy_text.values(line) == ["a\tb\\c", None, "", "\\N"]
