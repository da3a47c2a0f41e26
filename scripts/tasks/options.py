"""Make an Invoke task from a request: its fields become the options, and its workflow is called typed.

    @command(PromoteRequest)
    def promote() -> Workflow[PromoteRequest]:
        '''What `--help` says, with an example.'''
        from scripts.release.commands import promote
        return promote

The workflow is imported when the task runs, so `invoke --list` stays as quick as bare Invoke.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from invoke.context import Context
from invoke.parser.argument import Argument
from invoke.tasks import Task

from scripts.config.request import Option, Request
from scripts.tasks import interpreter, line

if TYPE_CHECKING:
    from scripts.config.desk import Desk, Progress
    from scripts.config.outcome import Outcome
    from scripts.errors import UsageError

R = TypeVar("R", bound=Request)
PLAN = "plan"


class RequestTask(Task[Any]):
    """An Invoke task whose options are the fields of a request."""

    def __init__(
        self, about: Callable[[], Any], request: type[R], run: Callable[[R], None], **names: Any
    ) -> None:
        self.request = request

        def body(context: Context, **values: Any) -> None:
            self._show_help(values)
            _start_quickly()
            dry = bool(
                context.config.run.dry
            )  # `--dry`, `INVOKE_RUN_DRY` or a file of Invoke's configuration
            plans = any(option.name == PLAN for option in request.options())
            made = request(**(values | ({PLAN: True} if dry and plans else {})))
            with interpreter.complete():
                problem = (
                    usage_problem(self.name, unplanned=dry and not plans)
                    or _lacks(made, self.name)
                    or _contradicts(made)
                )
                if problem:
                    from scripts import app

                    app.refuse(Request(json=made.json or line.wants_json(sys.argv)), problem)
                run(made)

        body.__name__, body.__doc__, body.__module__ = about.__name__, about.__doc__, about.__module__
        super().__init__(body, positional=(), auto_shortflags=False, **names)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:  # noqa: ARG002
        """The options as Invoke's parser wants them: positional ones first."""
        options = sorted(self.request.options(), key=lambda option: not option.positional)
        return [_argument(option) for option in options]

    def _show_help(self, values: dict[str, Any]) -> None:
        """Show the help that was asked for: Invoke takes `--help` for the value of a positional option."""
        positional = {values[option.name] for option in self.request.options() if option.positional}
        if positional & {"-h", "--help"}:
            from invoke.main import program

            collection = self.__module__.rpartition(".")[2]
            program.run(["invoke", "--help", f"{collection}.{self.name}"], exit=False)
            raise SystemExit(0)


def command(
    request: type[R], **names: Any
) -> Callable[[Callable[[], Callable[[Desk, R], Outcome]]], RequestTask]:
    """Make a task of a function that imports and returns its workflow; `names` are Invoke's keywords."""

    def make(load: Callable[[], Callable[[Desk, R], Outcome]]) -> RequestTask:
        def run(made: R) -> None:
            from scripts import app

            app.run(load, made)

        return RequestTask(load, request, run, **names)

    return make


def plain_command(
    request: type[R], **names: Any
) -> Callable[[Callable[[], Callable[[Progress, R], Outcome]]], RequestTask]:
    """As `command`, for a workflow that needs no configuration: it gets the console alone."""

    def make(load: Callable[[], Callable[[Progress, R], Outcome]]) -> RequestTask:
        def run(made: R) -> None:
            from scripts import app

            app.run_plain(load, made)

        return RequestTask(load, request, run, **names)

    return make


def _argument(option: Option) -> Argument:
    """The option for Invoke's parser, which adds `--no-x` to a flag that is on by default."""
    return Argument(
        names=(option.flag, option.short) if option.short else (option.flag,),
        kind=type(option.default),
        default=None if option.positional else option.default,
        help=option.help,
        positional=option.positional,
        attr_name=option.name if option.name != option.flag else None,
    )


def usage_problem(name: str, *, unplanned: bool) -> UsageError | None:
    """What Invoke would accept and the desk can't do: several tasks in one call, `--dry` without a plan.

    Args:
        name: of the task, without its collection.
        unplanned: `--dry` was given to a task that has no `--plan`.
    """
    from invoke.main import program

    from scripts.errors import UsageError

    names = [task.name for task in getattr(program, "tasks", ())] or [name]
    if len(names) > 1:
        commands = " && ".join(f"invoke {name} ..." for name in names)
        return UsageError(
            "one call runs one task, and several were named: nothing was run", f"`{commands}`"
        )
    if unplanned:
        return UsageError(
            f"`--dry` means `--plan`, and `{names[0]}` has none: nothing was run",
            f"`invoke {names[0]} --help`",
        )
    return None


def _lacks(request: Request, name: str) -> UsageError | None:
    """What the task can't do without, and did not get; an empty value is none.

    `name`: of the task, without its collection; Invoke's program knows it as it was typed.
    """
    lacking = request.lacking
    if not lacking:
        return None
    from invoke.main import program

    from scripts.errors import UsageError

    typed = getattr(program, "tasks", ())
    listed, task = " and ".join(f"`{each}`" for each in lacking), typed[0].name if typed else name
    return UsageError(f"`{task}` needs {listed}", f"`invoke {task} --help`")


def _contradicts(request: Request) -> UsageError | None:
    if not (request.quiet and request.verbose):
        return None
    from scripts.errors import UsageError

    return UsageError("`--quiet` and `--verbose` contradict each other", "leave one out")


def _start_quickly() -> None:
    """End at once on a signal until the wiring handles them: nothing has begun yet.

    A run is short: collecting the garbage of its imports costs more than it frees.
    """
    gc.disable()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(130))
