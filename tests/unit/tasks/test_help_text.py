"""`--help`: required options first and in the call, types, defaults, no line wider than the terminal."""

from __future__ import annotations

import pytest

import tasks
from scripts.config.request import Request, env, option, plan, reason
from scripts.tasks.help_text import help_text
from scripts.tasks.options import RequestTask


class SampleRequest(Request):
    """One option of each kind."""

    sha: str = option("commit to show")
    env: str = env(required=True)
    path: str = option("folder", positional=True)
    users: int = option("how many", default=3)
    proof: bool = option("prove it", default=True)
    plan: bool = plan()
    reason: str = reason()


def shown(columns: int = 80) -> list[str]:
    """The help of the sample."""
    about = "Show a thing: `invoke show dist --env dev`."
    return list(help_text("show", about, SampleRequest.options(), columns))


def test_the_call_names_what_is_required_and_the_example_stands_alone() -> None:
    """Words without a flag come first."""
    assert shown()[:4] == [
        "Usage: invoke show PATH --env ENV [options]",
        "",
        "Show a thing.",
        "Example: `invoke show dist --env dev`",
    ]


def test_options_stand_in_groups_the_required_ones_first() -> None:
    """What it works on, how it does that, how it answers."""
    lines = [line[:28].strip() for line in shown()[4:]]

    assert [line for line in lines if line] == [
        *("What", "-e, --env ENV", "PATH", "--sha TEXT"),
        *("How", "--users NUMBER", "--[no-]proof", "-p, --plan", "--reason TEXT"),
        *("Output", "-j, --json", "--quiet", "--verbose"),
    ]


def test_defaults_are_named_where_there_is_one() -> None:
    """An empty text and a switch that is off are no news."""
    told = {line.rpartition("(")[2].rstrip(")") for line in shown() if line.endswith(")")}

    assert told == {"required", "default: 3", "default: on"}


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_line_of_any_task_is_wider_than_the_terminal(columns: int) -> None:
    """And none is wider than can be read."""
    for name in tasks.namespace.task_names:
        task = tasks.namespace[name]
        assert isinstance(task, RequestTask)
        lines = "\n".join(help_text(name, task.__doc__ or "", task.request.options(), columns)).splitlines()
        told = [line for line in lines if not line.startswith("Example: ")]

        assert (name, [line for line in told if len(line) > min(columns, 100)]) == (name, [])


def test_what_is_lacking_is_named_as_it_is_typed() -> None:
    """An empty word is none."""
    assert SampleRequest(env=" ").lacking == ("--env", "PATH")
    assert SampleRequest(env="dev", path="dist").lacking == ()
