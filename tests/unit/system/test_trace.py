"""What `--verbose` tells of the programs that are run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.errors import CommandFailed
from scripts.system import trace
from scripts.system.command import Command
from scripts.system.process import attempt
from scripts.system.secret import MASK, remember
from tests.support.processes import PYTHON


@pytest.fixture
def told() -> Iterator[list[str]]:
    """The lines; nobody is told of the programs of other tests."""
    lines: list[str] = []
    trace.to(lines.append)
    yield lines
    trace.end()


def test_a_program_is_told_as_it_starts_and_as_it_ends(told: list[str]) -> None:
    """With its exit code and seconds."""
    attempt(Command((PYTHON, "-c", "raise SystemExit(3)")))

    assert told[0] == f"+ {PYTHON} -c 'raise SystemExit(3)'"
    assert told[1].startswith(f"  `{Command((PYTHON,)).program}` ended with 3 after ")
    assert len(told) == 2


def test_a_program_that_does_not_start_is_told_as_well(told: list[str]) -> None:
    """The error says why."""
    with pytest.raises(CommandFailed):
        attempt(Command(("/nowhere/at-all",)))

    assert told[1].startswith("  `at-all` did not start after ")


def test_no_secret_is_told_also_where_the_line_is_cut(told: list[str]) -> None:
    """No secret belongs on a command line; an address may hold one all the same."""
    remember("hunter2hunter2")
    padding = "x" * (trace.WIDEST - len(PYTHON) - 16)
    attempt(Command((PYTHON, "-c", "pass", padding, "hunter2hunter2")))

    assert "hunter2" not in told[0]
    assert len(told[0]) <= trace.WIDEST + 2
    attempt(Command((PYTHON, "-c", "pass", "hunter2hunter2")))
    assert told[2].endswith(f" {MASK}") or told[2].endswith(f" '{MASK}'")


def test_nobody_is_told_unless_somebody_asked() -> None:
    """A run without `--verbose` has no words to spare."""
    assert trace.begin(Command((PYTHON,)))(0) is None
