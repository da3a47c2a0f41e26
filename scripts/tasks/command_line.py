"""What is typed after `invoke`: an environment without its flag, near misses, the tasks in groups.

Invoke reads the line. What it does not know it answers with a bare sentence and exit code 1, and it lists
tasks by the alphabet; this stands around its program, and changes nothing of what it understands.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from scripts import VERSION
from scripts.language import translate
from scripts.tasks import interpreter, line
from scripts.tasks.completion import offered
from scripts.tasks.contexts import by_name, make_late
from scripts.tasks.help_text import help_text
from scripts.tasks.options import RequestTask

if TYPE_CHECKING:
    from scripts.errors import UsageError

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Release": ("deploy", "promote", "rollback", "backup.take", "test-e2e", "load-test"),
    "Look": (
        "status",
        "history",
        "open",
        "monitor.check",
        "monitor.watch",
        "monitor.logs",
        "monitor.page",
        "doctor",
        "config.show",
        "lock.show",
    ),
    "When something is wrong": (
        *("resume", "hotfix", "backmerge", "lock.steal", "freeze", "unfreeze", "release-hold"),
        *("ledger.check", "ledger.repair", "ledger.accept"),
    ),
    "Previews of features": ("preview.up", "preview.list", "preview.down", "preview.sweep"),
    "Proofs": ("test-app", "approve", "drill"),
    "Database": (
        *("db.status", "db.drift", "db.adopt", "db.rehearse", "db.refresh", "db.restore", "db.drop-aside"),
        *("backup.list", "backup.verify", "backup.prune"),
    ),
    "Secrets": ("env.check", "env.scan", "env.diff", "env.push"),
    "Set-up": ("init", "upgrade", "github.workflows", "github.protect", "replit.login", "replit.logout"),
    "The desk itself": ("demo", "sandbox.up", "sandbox.down", "test", "check", "bench"),
}
MORE = "More"  # the group of what is in no other
DEFAULT = ".take"  # `invoke backup` is `backup.take`
COLUMN = 18


def install() -> None:
    """Put it around Invoke's program, once."""
    from invoke.main import program

    if getattr(program.parse_tasks, "desk", False):
        return
    read, listed, helped = program.parse_tasks, program.list_tasks, program.print_task_help

    def parse_tasks() -> None:
        make_late(program.collection)
        if program.args.complete.value:
            read()
            return
        contexts = by_name(program.collection)
        program.core.unparsed = line.with_flags(program.core.unparsed, contexts)
        _reading(read, contexts, program)

    def list_tasks() -> None:
        if program.list_format != "flat":
            listed()
            return
        root = f"{program.list_root}." if program.list_root else ""
        names = program.collection.task_names
        first = {name: _summary(program.collection[name]) for name in names if name.startswith(root)}
        _write(grouped(first, shutil.get_terminal_size().columns))

    def print_task_help(name: str) -> None:
        task = program.collection[name]
        if not isinstance(task, RequestTask):
            helped(name)
            return
        columns, typed = shutil.get_terminal_size().columns, name.removesuffix(DEFAULT)
        _write(help_text(typed, task.__doc__ or "", task.request.options(), columns))

    parse_tasks.desk = True  # type: ignore[attr-defined]
    own = {"parse_tasks": parse_tasks, "list_tasks": list_tasks, "no_tasks_given": list_tasks}
    vars(program).update(own, print_task_help=print_task_help, parse_cleanup=_cleaning_up(program))


def _cleaning_up(program: Any) -> Callable[[], None]:
    """Its last look at the line: environments are completed, `--help X` and `--list X` know what X is."""
    from invoke.exceptions import Exit

    cleaned = program.parse_cleanup

    def parse_cleanup() -> None:
        names = offered(program.core.remainder) if program.args.complete.value else []
        if names:
            _write(iter(names))
            raise Exit
        contexts = by_name(program.collection)
        asked, root = program.args.help.value, program.args.list.value
        if isinstance(asked, str) and asked not in contexts:
            _unknown(asked, [asked, "--help"], contexts, program.argv)
        if isinstance(root, str) and not any(name.startswith(f"{root}.") for name in contexts):
            _unknown(root, [root, "--help"], contexts, program.argv)
        cleaned()

    return parse_cleanup


def _unknown(word: str, words: Sequence[str], contexts: Mapping[str, Any], argv: Sequence[str]) -> NoReturn:
    from scripts.tasks import mistyped

    _refuse(mistyped.no_task(word, words, contexts), argv)


def _reading(read: Callable[[], None], contexts: Mapping[str, Any], program: Any) -> None:
    from invoke.exceptions import ParseError

    words = program.core.unparsed
    if problem := line.fault(words, contexts):
        _refuse(problem, words)
    try:
        read()
    except ParseError as fault:
        from scripts.tasks import mistyped

        _refuse(mistyped.problem(fault, contexts, words), words)
    except ValueError as fault:  # of a number that is none
        from scripts.errors import UsageError
        from scripts.tasks import mistyped

        task = line.task_of(words, contexts)
        help_of = f"`invoke {task} --help`" if task else "`invoke --list`"
        _refuse(UsageError(mistyped.no_number(words, contexts) or str(fault), help_of), words)
    if problem := line.ignored(program, line.task_of(words, contexts)):
        _refuse(problem, program.argv)


def _refuse(fault: UsageError, words: Sequence[str]) -> NoReturn:
    from scripts.config.request import Request

    with interpreter.complete():
        from scripts import app

    app.refuse(Request(json=line.wants_json(words)), fault)


def grouped(tasks: Mapping[str, str], columns: int) -> Iterator[str]:
    """One line a task, the six that are used most first. `tasks`: name and summary."""
    known = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, MORE: tuple(name for name in tasks if name not in known)}
    for group, names in groups.items():
        present = [name for name in names if name in tasks]
        if present:
            yield f"\n{translate(group)}"
        for name in present:
            summary = textwrap.shorten(
                translate(tasks[name]), max(20, columns - COLUMN - 2), placeholder=" ..."
            )
            yield f"  {name.removesuffix(DEFAULT):<{COLUMN}}{summary}"
    yield translate(f"\nRelease desk {VERSION}. An example: `invoke deploy --help`.")


def _summary(task: Any) -> str:
    """The first sentence of its docstring, without the example."""
    line = (task.__doc__ or "").strip().partition("\n")[0]
    return str(line).partition(": `")[0].rstrip(".")


def _write(lines: Iterator[str]) -> None:
    """Without the console, whose imports take longer than the list. Who closes the pipe has seen enough."""
    try:
        sys.stdout.write("\n".join(lines).lstrip("\n") + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(0)
