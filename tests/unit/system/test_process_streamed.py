"""A program's output as it comes, and how it ended."""

from __future__ import annotations

import pytest

from scripts.errors import CommandFailed
from scripts.system.process import stream_stdout
from tests.unit.system.test_process import python


def test_a_stream_is_read_as_it_comes() -> None:
    """Whoever reads all of it learns that the program ended well."""
    with stream_stdout(python("print('one'); print('two')")) as stream:
        assert stream.readlines() == [b"one\n", b"two\n"]


@pytest.mark.parametrize(
    "end", ["sys.exit(3)", "print('warning: lost', file=sys.stderr)"], ids=["code", "word"]
)
def test_a_stream_with_a_bad_end_fails(end: str) -> None:
    """What was read before may be half of it: an exit code and a warning both count."""
    command = python(f"import sys; print('one'); {end}")

    with pytest.raises(CommandFailed, match="ended with"), stream_stdout(command) as stream:
        stream.read()


def test_a_stream_that_nobody_reads_on_ends_its_program() -> None:
    """A reader that has enough leaves no child behind."""
    with stream_stdout(python("while True: print('x' * 999)")) as stream:
        stream.readline()

    assert stream.closed
