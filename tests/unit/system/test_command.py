"""A command as a value, and the environment that children get."""

from __future__ import annotations

import dataclasses
import os
import shlex

import pytest

from scripts.system.command import (
    BASE,
    CREDENTIALS,
    Command,
    Result,
    child_env,
    full_env,
    inherited,
    with_prefix,
)
from scripts.system.network import CERTIFICATES

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
SECRET_NAMES = ("DATABASE_PASSWORD", "REPLIT_MCP_TOKEN", "SUPABASE_ACCESS_TOKEN", "AWS_SECRET_ACCESS_KEY")
COMMAND = Command(("/usr/bin/git", "log", "a b", "$(id)"), env={"PGPASSWORD": "hidden"}, stdin=b"hidden")


def test_it_shows_neither_environment_nor_input() -> None:
    """Secrets travel in `env` and `stdin`, so neither is ever shown."""
    assert "hidden" not in f"{COMMAND!r} {COMMAND}"


def test_its_text_can_be_pasted() -> None:
    """The line that people see is the line that a shell would read back."""
    assert str(COMMAND) == "/usr/bin/git log 'a b' '$(id)'"
    assert COMMAND.argv == tuple(shlex.split(str(COMMAND)))


def test_the_program_has_its_bare_name() -> None:
    """Messages name a program, not its folder."""
    assert COMMAND.program == "git"


def test_it_can_not_be_changed() -> None:
    """What was built is what is run."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        COMMAND.timeout = 1  # type: ignore[misc]


def test_output_that_is_no_utf8_is_replaced() -> None:
    """Both streams can be shown, whatever a program wrote."""
    result = Result(0, b"caf\xe9", b"\xff!", 0.1)

    assert (result.text, result.errors) == ("caf\ufffd", "\ufffd!")


def test_only_listed_names_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is on no list is not inherited."""
    for name in (*SECRET_NAMES, "GIT_DIR", "GIT_INDEX_FILE", "LD_PRELOAD", "BASH_ENV", "GIT_EXTERNAL_DIFF"):
        monkeypatch.setenv(name, "x")

    known = {*BASE, *CREDENTIALS, *CERTIFICATES, *PROXIES}
    assert set(inherited(CREDENTIALS)) - known == set()


def test_credentials_pass_only_when_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ssh agent is for git and ssh only."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")

    assert "SSH_AUTH_SOCK" not in inherited()
    assert inherited(CREDENTIALS)["SSH_AUTH_SOCK"] == "/agent"


def test_unset_names_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set is not made up."""
    monkeypatch.delenv("TZ", raising=False)

    assert "TZ" not in inherited(["TZ"])


def test_given_variables_win_and_our_own_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child's environment is a new table."""
    before = dict(os.environ)

    assert child_env({"PATH": "elsewhere"})["PATH"] == "elsewhere"
    assert dict(os.environ) == before


def test_variables_are_found_by_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each prefix counts; a name that only contains one does not."""
    for name in ("STAGING_URL", "PROD_URL", "MY_STAGING_URL"):
        monkeypatch.setenv(name, "x")

    assert with_prefix(["STAGING_", "PROD_"]) == {"STAGING_URL": "x", "PROD_URL": "x"}


def test_the_whole_environment_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing it changes nothing here."""
    monkeypatch.setenv("SOME_NAME", "x")

    full_env().pop("SOME_NAME")

    assert os.environ["SOME_NAME"] == "x"
