"""JSON from outside has a limit of depth."""

from __future__ import annotations

import pytest

from scripts.system.documents import DEEPEST, parse_json


@pytest.mark.parametrize(
    "text", ["null", '"a"', "[]", '{"a": [1, {"b": null}]}', "[" * DEEPEST + "]" * DEEPEST]
)
def test_a_document_is_what_json_gives(text: str) -> None:
    """Up to the limit."""
    import json

    assert parse_json(text) == json.loads(text)
    assert parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", b"\xff", "[" * 65 + "]" * 65, "[" * 500 + "]" * 500),
        *('{"a":' * 200 + "1" + "}" * 200, "[" * 10_000, '[{"a":' * 100_000),
    ],
)
def test_anything_else_is_no_document(text: str | bytes) -> None:
    """One kind of fault, however deep it is."""
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
