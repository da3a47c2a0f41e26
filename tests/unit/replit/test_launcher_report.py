"""What a launcher says of itself: read as what anybody may have written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.replit.launcher_report import LOG, LONGEST, read_report

A, B, C = "a" * 40, "b" * 40, "c" * 40


def report(**says: Any) -> Any:
    """What is read of an answer with these keys."""
    return read_report(
        json.dumps({"launcher": "1", "instance": "i", "environment": "staging", **says}).encode()
    )


def test_what_can_go_live_without_a_build() -> None:
    """What is live, warm, kept or prepared; not what is still being built."""
    found = report(live=A, warm=[B], kept=[C], prepared={"d" * 40: "ready", "e" * 40: "building"})

    assert [found.has(each * 40) for each in "abcdef"] == [True, True, True, True, False, False]


def test_a_failure_is_of_one_commit() -> None:
    """Another release's failure says nothing of this one."""
    found = report(failed={"commit": A, "step": "build", "reason": "exit 1", "log": "x" * 2 * LOG})

    assert found.failure_of(B) is None
    assert (found.failure_of(A).step, len(found.failure_of(A).log)) == ("build", LOG)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"launcher": "x"}', b'{"launcher": null}']
)
def test_anything_else_is_no_report(body: bytes) -> None:
    """A page of the app, or of a proxy."""
    with pytest.raises(ValueError, match=r"."):
        read_report(body)


@pytest.mark.parametrize("junk", [None, 7, "x", [[]], {"a": 1}, ["\x1b[2J"], "f" * 41])
def test_values_of_another_kind_are_none(junk: object) -> None:
    """No answer of a stranger makes the desk fall over, or reaches the terminal as it is."""
    found = report(
        wanted=junk, live=junk, prepared=junk, failed=junk, warm=junk, kept=junk, remote=junk, state=junk
    )

    assert (found.wanted, found.live, found.failed, found.kept) == (None, None, None, frozenset())
    assert found.prepared == {}


def test_a_text_is_short_and_printable() -> None:
    """It is shown to people."""
    found = report(state="x\x1b[2J\n" + "y" * 999)

    assert found.state.isprintable()
    assert len(found.state) == LONGEST
