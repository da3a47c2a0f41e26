"""Before anything that matters changes, a person types a word, or CI has said `--yes`."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.config.consent import require_consent
from scripts.errors import Declined
from tests.fakes.world import Notes, ending


def asked(types: str, *, yes: bool = False, **more: Any) -> None:
    """Ask for the word `production`."""
    require_consent(Notes(types=types), "production", yes=yes, unchanged="nothing was dropped", **more)


def test_the_word_is_consent() -> None:
    """Typed by a person."""
    asked("production")


@pytest.mark.parametrize("types", ["", "yes", "y", "prod", "Production", "production "])
def test_no_other_word_is(types: str) -> None:
    """Code 6; what did not happen, and what to type, is told."""
    error = ending(lambda: asked(types))

    assert (type(error), error.code, error.ending) == (Declined, 6, "declined")
    assert error.message == "not confirmed: nothing was dropped"
    assert "`production`" in str(error.hint)
    assert "--yes" in str(error.hint)


def test_yes_is_consent_and_nobody_is_asked() -> None:
    """CI has no terminal."""

    class Deaf(Notes):
        def confirm(self, environment: str, *aliases: str) -> bool:
            raise AssertionError("it asked")

    require_consent(Deaf(), "production", yes=True, unchanged="x")


def test_the_document_of_a_refusal_is_the_callers() -> None:
    """A copy of it; {} without one."""
    data = {"commit": "a" * 40}
    error = ending(lambda: asked("", data=data))
    data.clear()

    assert error.data == {"commit": "a" * 40}
    assert ending(lambda: asked("")).data == {}
