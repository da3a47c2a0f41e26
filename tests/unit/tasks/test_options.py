"""Invoke's tasks are made from requests: arguments, flags, help, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.main import program
from invoke.parser import Parser

import tasks
from scripts import app
from scripts.config.request import Request, env, option, plan
from scripts.errors import UsageError
from scripts.tasks import options
from scripts.tasks.options import RequestTask, usage_problem

SHORT_FLAGS = {"e": "env", "t": "to", "p": "plan", "y": "yes", "j": "json", "n": "limit"}
TASKS: dict[str, RequestTask] = {name: tasks.namespace[name] for name in tasks.namespace.task_names}


class SampleRequest(Request):
    """A request with an option of each kind."""

    env: str = env()
    from_: str = option("where from")
    proof: bool = option("prove it", default=True)
    limit: int = option("how many", default=7)
    target: str = option("what", positional=True)
    resumes: str = ""


class PlannedRequest(Request):
    """A request with `--plan`."""

    plan: bool = plan()


def about() -> None:
    """Do it: `invoke sample TARGET`."""


@pytest.fixture
def made() -> list[SampleRequest]:
    """The requests that the task of `parsed` was run with."""
    return []


@pytest.fixture
def task(made: list[SampleRequest], monkeypatch: pytest.MonkeyPatch) -> RequestTask:
    """A task of that request, which leaves signals and the garbage collector of the tests alone."""
    monkeypatch.setattr(options, "_start_quickly", lambda: None)
    monkeypatch.setattr(program, "tasks", [], raising=False)
    return RequestTask(about, SampleRequest, made.append)


def typed(task: RequestTask, *words: str) -> dict[str, Any]:
    """What Invoke's own parser makes of the words after the task's name."""
    (context,) = Parser([_context(task)]).parse_argv(["about", *words])
    return context.as_kwargs


def _context(task: RequestTask) -> Any:
    from invoke.collection import Collection

    (context,) = Collection(task).to_contexts()
    return context


def run(task: RequestTask, *words: str) -> None:
    """Run the task as Invoke does."""
    task(Context(Config()), **typed(task, *words))


def test_each_option_becomes_a_field(task: RequestTask, made: list[SampleRequest]) -> None:
    """Flags, values and numbers arrive typed; what is left out has its default."""
    run(task, "x", "--from", "prod", "-e", "dev", "--limit", "3", "--json")

    (request,) = made
    assert (request.target, request.from_, request.env) == ("x", "prod", "dev")
    assert (request.limit, request.json, request.proof, request.resumes) == (3, True, True, "")


def test_a_flag_that_is_on_can_be_turned_off(task: RequestTask, made: list[SampleRequest]) -> None:
    """A flag whose default is True gets `--no-x`."""
    run(task, "x", "--no-proof")

    assert made[0].proof is False


def test_a_field_without_help_is_not_offered(task: RequestTask) -> None:
    """It is the desk's own."""
    names = {name for argument in task.get_arguments() for name in argument.names}

    assert names == {"target", "env", "e", "from", "proof", "limit", "json", "j", "quiet", "verbose"}


def test_the_positional_option_comes_first(task: RequestTask) -> None:
    """Invoke fills positional arguments in order."""
    first, *others = task.get_arguments()

    assert (first.name, first.positional) == ("target", True)
    assert not any(argument.positional for argument in others)


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_is_no_value(
    task: RequestTask, made: list[SampleRequest], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invoke takes `--help` for a positional value; the task shows its help instead of running."""
    shown: list[list[str]] = []
    monkeypatch.setattr(program, "run", lambda argv, **_: shown.append(argv))

    with pytest.raises(SystemExit, match="0"):
        run(task, word)

    assert (made, shown) == ([], [["invoke", "--help", "test_options.about"]])


def test_every_option_of_every_task_is_an_argument() -> None:
    """Name, default, type and help of an option are those of its field."""
    for name, task in TASKS.items():
        arguments = {argument.names[0]: argument for argument in task.get_arguments()}
        declared = list(task.request.options())

        assert set(arguments) == {each.flag for each in declared}
        for each in declared:
            argument = arguments[each.flag]
            assert (name, argument.name, argument.help) == (name, each.name, each.help)
            assert (argument.kind, argument.default) == (
                type(each.default),
                None if each.positional else each.default,
            )


def test_short_flags_are_the_same_everywhere() -> None:
    """`-e -t -p -y -j -n`, each for one option, and that option always has it."""
    for name, task in TASKS.items():
        for each in task.request.options():
            expected = next((letter for letter, long in SHORT_FLAGS.items() if long == each.name), "")

            assert (name, each.name, each.short) == (name, each.name, expected)


def test_one_word_means_one_type() -> None:
    """An option that several tasks have is of one type everywhere."""
    types: dict[str, set[type]] = {}
    for task in TASKS.values():
        for each in task.request.options():
            types.setdefault(each.flag, set()).add(type(each.default))

    assert {flag: kinds for flag, kinds in types.items() if len(kinds) > 1} == {}


def test_a_copy_of_an_option_has_a_value_of_its_own(task: RequestTask) -> None:
    """Two parses of one task don't share values: Invoke parses a copy."""
    assert typed(task, "x", "--limit", "3")["limit"] == 3
    assert typed(task, "y")["limit"] == 7


def test_one_task_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual call."""
    monkeypatch.setattr(program, "tasks", [SimpleNamespace(name="status")], raising=False)

    assert usage_problem("check", unplanned=False) is None


def test_a_second_task_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task ends the process, so another one in the same call would silently not run."""
    names = [SimpleNamespace(name="env.check"), SimpleNamespace(name="status")]
    monkeypatch.setattr(program, "tasks", names, raising=False)

    problem = usage_problem("check", unplanned=False)

    assert isinstance(problem, UsageError)
    assert (problem.code, problem.hint) == (2, "`invoke env.check ... && invoke status ...`")


def test_a_dry_run_is_a_plan(task: RequestTask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invoke would ignore `--dry`, and the release happen."""
    dry = Context(Config(overrides={"run": {"dry": True}}))
    refused: list[UsageError] = []
    monkeypatch.setattr(app, "refuse", lambda _request, fault: refused.append(fault))
    task(dry, **typed(task, "x"))

    assert "`--dry` means `--plan`" in refused[0].message

    planned: list[PlannedRequest] = []
    RequestTask(about, PlannedRequest, planned.append)(dry)
    RequestTask(about, PlannedRequest, planned.append)(Context(Config()))

    assert [each.plan for each in planned] == [True, False]
