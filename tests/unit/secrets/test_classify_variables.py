"""What is hidden, and what is not."""

from __future__ import annotations

import pytest

from scripts.secrets.classify import hidden


@pytest.mark.parametrize(
    "name",
    "DATABASE_PASSWORD GH_TOKEN OPENAI_API_KEY SLACK_WEBHOOK_URL VITE_SERVICE_ROLE_KEY a_secret".split(),
)
def test_a_secret_by_its_name(name: str) -> None:
    """Passwords, tokens and keys, in whatever case."""
    assert ["the-value"] == list(hidden({name: "the-value"}))


@pytest.mark.parametrize(
    "name", "VITE_SUPABASE_ANON_KEY SUPABASE_PUBLISHABLE_KEY SSH_KEY_PATH PASSWORD_STORE_DIR HOME".split()
)
def test_what_everybody_may_see(name: str) -> None:
    """Keys that every browser has, and paths."""
    assert [] == list(hidden({name: "the-value"}))


def test_a_password_inside_an_address() -> None:
    """Whatever the variable is called, as it stands and decoded."""
    found = set(hidden({"DATABASE_URL": "postgresql://me:p%40ss-word@db.example.org:5432/postgres"}))

    assert {"p%40ss-word", "p@ss-word"} == found
    assert [] == list(hidden({"SITE": "https://example.org:8080/a:b@c"}))
