"""JSON web tokens of the sandbox: ours are believed, others never."""

from __future__ import annotations

import pytest

from scripts.sandbox import tokens

TOKEN = tokens.key("anon", "a secret")


def test_our_own_token_says_its_role() -> None:
    """The key of a project."""
    claims = tokens.claims_of(TOKEN, "a secret")

    assert claims is not None
    assert "anon" == claims["role"]


@pytest.mark.parametrize(
    "token",
    [
        "", "x", "a.b.c", TOKEN[:-1], TOKEN.replace("eyJ", "eyK", 1), tokens.key("anon", "another"),
        tokens.signed({"role": "service_role", "exp": 1}, "a secret"),
    ],
)  # fmt: skip
def test_any_other_is_none(token: str) -> None:
    """Cut, changed, of another project, or over."""
    assert tokens.claims_of(token, "a secret") is None
