"""What children inherit."""

from __future__ import annotations

import os

import pytest

from scripts.system.command import BASE, CREDENTIALS, child_env, inherited

SECRET_NAMES = ("DATABASE_PASSWORD", "REPLIT_MCP_TOKEN", "SUPABASE_ACCESS_TOKEN", "AWS_SECRET_ACCESS_KEY")


def test_only_listed_names_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is on no list stays with us."""
    for name in (*SECRET_NAMES, "GIT_DIR", "GIT_INDEX_FILE", "LD_PRELOAD", "BASH_ENV", "GIT_EXTERNAL_DIFF"):
        monkeypatch.setenv(name, "x")

    assert set() == set(inherited(CREDENTIALS)) - {*BASE, *CREDENTIALS}


def test_credentials_pass_only_when_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ssh agent is for git and ssh alone."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")

    assert "SSH_AUTH_SOCK" not in inherited()
    assert inherited(CREDENTIALS)["SSH_AUTH_SOCK"] == "/agent"


def test_unset_names_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What we don't have is not made up."""
    monkeypatch.delenv("TZ", raising=False)

    assert "TZ" not in inherited(["TZ"])


def test_extra_lies_on_top_and_nothing_reaches_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """`merged` makes a new table; our own environment stays as it was."""
    before = dict(os.environ)

    assert child_env({"PATH": "elsewhere"})["PATH"] == "elsewhere"
    assert before == dict(os.environ)
