"""YAML that others read as it was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from scripts.setup.workflows.yaml import Comment, Pin, dump

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12)
SCALAR = st.one_of(TEXT, st.integers(0, 99), st.booleans(), st.none())


def _inner(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    items = st.dictionaries(st.sampled_from("xy"), values, min_size=1, max_size=2)
    return st.one_of(
        st.dictionaries(st.sampled_from("abc"), values, max_size=3), st.lists(items, min_size=1, max_size=2)
    )


VALUE = st.recursive(st.one_of(SCALAR, st.lists(TEXT, max_size=3)), _inner, max_leaves=8)


@given(VALUE)
def test_what_is_written_is_what_is_read(value: object) -> None:
    """Texts that look like numbers, comments or keys, too."""
    assert YAML(typ="safe").load(dump({"k": value})) == {"k": value}


@pytest.mark.parametrize("text", ["a\nb\n", "if [ -n \"$X\" ]; then\n  echo '${{ x }}' # y\nfi\n"])
def test_a_script_is_a_block(text: str) -> None:
    """Line by line, as it is typed."""
    assert YAML(typ="safe").load(dump({"run": text})) == {"run": text}
    assert "run: |\n" in dump({"run": text})


def test_comments_and_versions_are_for_people() -> None:
    """They change nothing that is read."""
    text = dump({"#1": Comment("why"), "uses": Pin("a/b", "c" * 40, "v1.2.3"), "name": "on: x"})

    assert text == f'# why\nuses: a/b@{"c" * 40} # v1.2.3\nname: "on: x"\n'
    assert YAML(typ="safe").load(text) == {"uses": f"a/b@{'c' * 40}", "name": "on: x"}
