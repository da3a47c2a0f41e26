"""How tasks end."""

from __future__ import annotations

from typing import Any

import pytest

from scripts import errors
from scripts.config.outcome import Outcome

DONE = Outcome.done("it is", "next: `invoke x`", release="v1")


def test_done_and_nothing_are_code_zero_and_yet_apart() -> None:
    """A pipeline goes on after both, and can tell them apart."""
    nothing = Outcome.nothing("it was")

    assert (DONE.ending, DONE.code, nothing.ending, nothing.code) == ("done", 0, "nothing", 0)


def test_failed_is_code_one() -> None:
    """A report with findings stops a pipeline."""
    assert ((outcome := Outcome.failed("no")).ending, outcome.code) == ("failed", 1)


def test_the_document_holds_the_shared_keys_and_its_own() -> None:
    """Every task's document has the same four keys beside its own part."""
    expected = {
        "ending": "done",
        "code": 0,
        "message": "it is",
        "hint": "next: `invoke x`",
        "release": "v1",
    }

    assert expected == DONE.document()


def test_data_never_hides_the_ending() -> None:
    """A task's own `code` or `message` does not replace the shared ones."""
    data: dict[str, Any] = {"code": 9, "ending": "odd", "message": "?", "hint": "?"}
    document = Outcome("nothing", "as it was", data=data).document()

    assert tuple(document[key] for key in ("ending", "code", "message", "hint")) == (
        "nothing",
        0,
        "as it was",
        None,
    )


@pytest.mark.parametrize(
    ("error", "ending", "code"),
    [
        (errors.Refused("x", "y"), "failed", 1),
        (errors.CommandTimedOut("x", "y"), "failed", 4),
        (errors.Locked("x", "y"), "failed", 5),
        (errors.Declined("x", "y"), "declined", 6),
        (errors.LiveUnknown("x", "y"), "unknown", 7),
        (errors.Interrupted("x", "y"), "failed", 130),
    ],
)
def test_an_error_becomes_its_ending(error: errors.DeskError, ending: str, code: int) -> None:
    """The error's code, words and data are the outcome's."""
    error.data = {"release": "v3"}

    expected = {"release": "v3", "ending": ending, "code": code, "message": "x", "hint": "y"}

    assert expected == Outcome.of(error).document()
