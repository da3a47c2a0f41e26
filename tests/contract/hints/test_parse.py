"""Every command in the texts of the desk is one that can be typed as it stands."""

from __future__ import annotations

import re

from invoke.exceptions import ParseError

import tasks
from tests.contract.hints.collect import BLANK, Command, commands
from tests.contract.hints.typist import WORDS, parse

PLACEHOLDERS = {*WORDS, "NAME", "hotfix/NAME"}  # words in capitals, which a person replaces
GIVEN = {"100MB", "https://..."}  # and those that can be typed as they are
# Tasks that are refused where no environment is named.
NEED_ENVIRONMENT = set(
    "approve backup backup.verify db.adopt db.drop-aside db.rehearse db.restore deploy env.push freeze"
    " lock.steal release-hold resume rollback unfreeze".split()
)
# Where even the task is put in: these put one of them.
RELEASES = ("deploy", "promote", "hotfix", "rollback")


def fault_of(command: Command, name: str = "") -> str | None:
    """What is wrong with it, with `x` for what is put in when it is printed; `name`: for the task."""
    first, _, rest = command.words.partition(" ")
    line = f"{name or first} {rest}".replace(BLANK, "x")
    try:
        parse(line.split())
    except ParseError as fault:
        return f"{command.place}: `invoke {line}`: {fault}"
    if not name and first in NEED_ENVIRONMENT and "--env" not in line:
        return f"{command.place}: `invoke {line}`: no `--env`"
    return None


def test_it_can_be_typed() -> None:
    """The task exists, and so does each option; what has to be named is named."""
    faults = [
        fault for each in commands() if not each.words.startswith(BLANK) and (fault := fault_of(each))
    ]

    assert not faults, "\n" + "\n".join(faults)


def test_an_option_more_is_one_of_a_release() -> None:
    """What was typed is put in as a whole, and one of the tasks that release takes the option."""
    composed = [each for each in commands() if re.match(rf"{BLANK} --(?!remote)", each.words)]

    assert [each for each in composed if all(fault_of(each, name) for name in RELEASES)] == []
    assert {"--retry", "--allow-bad", "--out-of-order"} <= {
        word for each in composed for word in each.words.split()
    }


def test_placeholders_are_known() -> None:
    """A word in capitals is one that people know to replace."""
    words = {
        word.strip('"')
        for command in commands()
        for word in command.words.split()
        if BLANK not in word and "$" not in word
    }
    used = {word for word in words if re.search(r"[A-Z]{2}|\.\.\.", word)}

    assert used - PLACEHOLDERS == GIVEN


def test_the_texts_are_found() -> None:
    """In backticks, alone, and put together; the tasks exist."""
    found = {command.shape.partition(" ")[0] for command in commands()}

    assert {"resume", "backmerge", "ledger.repair", "drill"} <= found
    assert found - {BLANK} <= {*tasks.namespace.task_names, "backup"}
