"""A program that is asked several times."""

from __future__ import annotations

import pytest

from scripts.errors import CommandFailed
from scripts.system.command import Command
from scripts.system.dialogue import Dialogue
from scripts.system.process import _children
from tests.support.processes import PYTHON

ECHO = "import sys\nfor line in sys.stdin: print(line.strip() * 2, flush=True)"


def python(code: str, **options: int) -> Command:
    """A command that runs Python code."""
    return Command((PYTHON, "-c", code), most=options.get("most", 1_000))


def whole(answer: bytes) -> bool:
    """It ends with the line."""
    return answer.endswith(b"\n")


def test_each_question_gets_its_answer() -> None:
    """In one process, which ends with the dialogue."""
    before = set(_children)
    dialogue = Dialogue(python(ECHO))
    answers = [dialogue.ask(question, whole, 20) for question in (b"a\n", b"bc\n")]
    dialogue.end()

    assert answers == [b"aa\n", b"bcbc\n"]
    assert set(_children) == before


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import time; time.sleep(60)", "no answer came in time"),
        ("input(); print('half', end='')", "its answer broke off"),
        (
            "print('x' * 10_000, end=''); import time; time.sleep(60)",
            "its answer broke off, or is too long",
        ),
    ],
)
def test_without_a_whole_answer_the_dialogue_is_over(code: str, why: str) -> None:
    """The program has ended by then."""
    before = set(_children)
    dialogue = Dialogue(python(code))

    with pytest.raises(CommandFailed, match=why):
        dialogue.ask(b"hello\n", whole, 1.0 if "sleep(60)" in code and "x" not in code else 20)
    assert set(_children) == before


def test_a_program_that_is_missing_is_a_failed_command() -> None:
    """As everywhere."""
    with pytest.raises(CommandFailed, match="can't run"):
        Dialogue(Command(("no-such-program",)))


def test_a_program_that_complains_at_length_goes_on() -> None:
    """What it says on its error stream holds it up nowhere."""
    dialogue = Dialogue(python(f"import sys; sys.stderr.write('x' * 10**6)\n{ECHO}"))

    assert dialogue.ask(b"a\n", whole, 20) == b"aa\n"
    dialogue.end()
