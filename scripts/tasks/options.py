"""From a request to an Invoke task: its fields are the options, and its workflow is called typed.

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
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from invoke.context import Context
from invoke.parser.argument import Argument
from invoke.tasks import Task

from scripts.config.request import Option, Request

if TYPE_CHECKING:
    from scripts.config.desk import Desk, Progress
    from scripts.config.outcome import Outcome

R = TypeVar("R", bound=Request)


class RequestTask(Task[Any]):
    """An Invoke task whose options are the fields of a request."""

    def __init__(
        self, about: Callable[[], Any], request: type[R], run: Callable[[R], None], **names: Any
    ) -> None:
        self.request = request

        def body(_context: Context, **values: Any) -> None:
            self._show_help(values)
            _start_quickly()
            run(request(**values))

        body.__name__, body.__doc__, body.__module__ = about.__name__, about.__doc__, about.__module__
        super().__init__(body, positional=(), auto_shortflags=False, **names)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:  # noqa: ARG002
        """The options, those without a flag first, as Invoke's parser wants them."""
        options = sorted(self.request.options(), key=lambda each: not each.positional)
        return [_argument(each) for each in options]

    def _show_help(self, values: dict[str, Any]) -> None:
        """Invoke takes `--help` for the value of an option that has no flag."""
        if {"-h", "--help"} & {values[each.name] for each in self.request.options() if each.positional}:
            from invoke.main import program

            program.run(
                ["invoke", "--help", f"{self.__module__.rpartition('.')[2]}.{self.name}"], exit=False
            )
            raise SystemExit(0)


def command(
    request: type[R], **names: Any
) -> Callable[[Callable[[], Callable[[Desk, R], Outcome]]], RequestTask]:
    """A task of a function that imports and returns its workflow; `names` are Invoke's own keywords."""

    def make(load: Callable[[], Callable[[Desk, R], Outcome]]) -> RequestTask:
        def run(asked: R) -> None:
            from scripts import app

            app.run(load, asked)

        return RequestTask(load, request, run, **names)

    return make


def plain_command(
    request: type[R], **names: Any
) -> Callable[[Callable[[], Callable[[Progress, R], Outcome]]], RequestTask]:
    """The same for a workflow that needs no configuration: it gets the console alone."""

    def make(load: Callable[[], Callable[[Progress, R], Outcome]]) -> RequestTask:
        def run(asked: R) -> None:
            from scripts import app

            app.run_plain(load, asked)

        return RequestTask(load, request, run, **names)

    return make


def _argument(option: Option) -> Argument:
    typed = option.name.strip("_").replace("_", "-")
    return Argument(
        names=(typed, option.short) if option.short else (typed,),
        kind=type(option.default),
        default=None if option.positional else option.default,
        help=option.help,
        positional=option.positional,
        attr_name=option.name if option.name != typed else None,
    )


def _start_quickly() -> None:
    """Until the wiring listens nothing has begun: an interruption just ends, with the code for it.

    A run is short: collecting the garbage of its imports costs more than it frees.
    """
    gc.disable()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(130))
