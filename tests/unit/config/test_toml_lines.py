"""The line of each key of a TOML file."""

from __future__ import annotations

import tomllib

import pytest

from scripts.config.toml_lines import line_of, lines_of

TEXT = """\
chain = ["a"] # comment
app.name = "x"

[load.mix]
browse = 5
"with dots.inside" = 1
inline = { book = 2 }
text = '''
browse_not = 3
'''
list = [
  "url = 1",
]
[environment.staging]
url = "u"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("chain", 1),
        ("app name", 2),
        ("load mix browse", 5),
        ("load mix inline", 7),
        ("load mix inline book", 7),
        ("load mix text", 8),
        ("load mix browse_not", None),
        ("load mix list", 11),
        ("load mix url", None),
        ("environment staging url", 15),
        ("environment staging branch", None),
        ("verify timeout", None),
    ],
)
def test_the_line_of_a_key_is_where_it_gets_its_value(path: str, line: int | None) -> None:
    """What a text of several lines holds is no key; of an inline table it is the table's line."""
    table = tomllib.loads(TEXT)

    assert line_of(tuple(path.split()), lines_of(TEXT, table), table) == line


def test_a_key_in_quotes_is_one_part() -> None:
    """A dot within it separates nothing."""
    table = tomllib.loads(TEXT)

    assert line_of(("load", "mix", "with dots.inside"), lines_of(TEXT, table), table) == 6
