"""Whether an answer of a public URL proves a release."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.replit.live import Answer, Expected, fault

A, B = "a" * 40, "b" * 40
GOOD = Answer(200, A, "staging", "9", (("/", 200), ("/login", 204)))
EXPECTED = Expected(A, "staging", "9")


def test_a_good_answer_has_no_fault() -> None:
    """The commit, the environment, the schema and every page: then it is proven."""
    assert fault(GOOD, EXPECTED) is None


CASES: list[tuple[dict[str, Any], str]] = [
    ({"status": None, "commit": None, "error": "timed out"}, "nobody answers: timed out"),
    (
        {"status": 500, "commit": None, "error": "it answers 500"},
        "the version stamp can't be read: it answers 500",
    ),
    ({"commit": B}, f"`{B[:12]}` answers, not `{A[:12]}`"),
    ({"commit": A[:12]}, f"`{A[:12]}` answers, not `{A[:12]}`"),
    ({"commit": A.upper()}, f"`{A[:12].upper()}` answers, not `{A[:12]}`"),
    ({"environment": "production"}, "it says that it is `production`, not `staging`"),
    ({"environment": ""}, "it says that it is ``, not `staging`"),
    ({"schema": "8"}, "it was built for schema `8`, not `9`"),
    ({"pages": (("/", 500),)}, "`/` gives 500"),
    ({"pages": (("/", None),)}, "`/` gives no answer"),
    ({"pages": (("/", 302), ("/a", 200), ("/b", 404))}, "`/` gives 302; `/b` gives 404"),
    ({"pages": (("/", 199),)}, "`/` gives 199"),
    ({"pages": (("/", 300),)}, "`/` gives 300"),
    (
        {"commit": B, "environment": "production", "pages": (("/", 500),)},
        f"`{B[:12]}` answers, not `{A[:12]}`",
    ),
]


@pytest.mark.parametrize(("changes", "why"), CASES)
def test_every_other_answer_has_its_reason(changes: dict[str, Any], why: str) -> None:
    """What does not prove the release says why not, the weightiest first."""
    assert why == fault(replace(GOOD, **changes), EXPECTED)


def test_what_the_stamp_does_not_say_is_not_held_against_it() -> None:
    """An app that stamps only its commit is proven by it."""
    assert fault(replace(GOOD, environment=None, schema=None, pages=()), EXPECTED) is None


def test_a_schema_that_nobody_expects_is_not_looked_at() -> None:
    """An environment whose schema is not known accepts any."""
    assert fault(GOOD, Expected(A, "staging")) is None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (GOOD, f"`{A[:12]}`"),
        (Answer(None, error="can't connect"), "no answer (can't connect)"),
        (Answer(503, error="it answers 503"), "HTTP 503 without a commit (it answers 503)"),
    ],
)
def test_an_answer_reads_well(answer: Answer, text: str) -> None:
    """Messages can name what was seen."""
    assert text == str(answer)


def test_silence_is_not_an_error_page() -> None:
    """Only no answer at all leaves open what is live."""
    assert (True, False) == (Answer(None).silent, Answer(500).silent)
