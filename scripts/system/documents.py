# pure
"""JSON from outside: what is nested deeper than any real document is no JSON to us."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

DEEPEST = 64  # lists and objects in each other; a real answer has about ten


def parse_json(text: str | bytes) -> Any:
    """The document in a text.

    Raises:
        ValueError: it is none, or deeper than `DEEPEST`: what reads it may call itself that often.
    """
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        level = [child for node in level for child in _children(node)]
        if not level:
            return document
    raise ValueError("it is nested too deep")


def _children(node: Any) -> Iterable[Any]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return (child for child in inner if isinstance(child, dict | list))
