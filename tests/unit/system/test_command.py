"""A command as a value."""

from __future__ import annotations

import dataclasses
import shlex

import pytest

from scripts.system.command import Command

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
