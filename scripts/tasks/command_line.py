"""What is typed after `invoke`: an environment without its flag, near misses, the tasks in groups.

Invoke reads the line. What it does not know it answers with a bare sentence and exit code 1, and it lists
tasks by the alphabet; this stands around its program, and changes nothing of what it understands.
"""

from __future__ import annotations

import difflib
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from invoke.exceptions import ParseError

    from scripts.errors import UsageError

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Release": ("deploy", "promote", "rollback", "backup.take", "test-e2e", "load-test"),
    "Look": (
        "status",
        "history",
        "monitor.check",
        "monitor.watch",
        "monitor.logs",
        "monitor.page",
        "doctor",
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
    "The desk itself": ("demo", "sandbox.up", "sandbox.down", "test", "check"),
}
INTO = ("promote", "db.refresh")  # whose environment is `--to`
MORE = "More"  # the group of what is in no other
COLUMN = 18


def install() -> None:
    """Put it around Invoke's program, once."""
    from invoke.main import program

    if getattr(program.parse_tasks, "desk", False):
        return
    read, listed = program.parse_tasks, program.list_tasks

    def parse_tasks() -> None:
        contexts = {name: each for each in program.collection.to_contexts() for name in _names(each)}
        program.core.unparsed = with_flags(program.core.unparsed, contexts)
        _reading(read, contexts, program.core.unparsed)

    def list_tasks() -> None:
        if program.list_format != "flat" or program.list_root:
            listed()
            return
        contexts = {each.name: each for each in program.collection.to_contexts()}
        first = {str(name): _summary(program.collection[name]) for name in contexts}
        _write(grouped(first, shutil.get_terminal_size().columns))

    parse_tasks.desk = True  # type: ignore[attr-defined]
    vars(program).update(parse_tasks=parse_tasks, list_tasks=list_tasks)


def with_flags(words: Sequence[str], contexts: Mapping[str, Any]) -> list[str]:
    """The line with the flag of an environment that was typed right after its task: `promote staging`."""
    made: list[str] = []
    for number, word in enumerate(words):
        task = contexts.get(words[number - 1]) if number else None
        flag = _flag_of(task) if task and not word.startswith("-") and word not in contexts else ""
        made += [flag, word] if flag else [word]
    return made


def _flag_of(context: Any) -> str:
    """The option of the task's environment; "" for a task that takes something else, or two."""
    options = context.args
    if any(options[name].positional for name in options):
        return ""
    return "--env" if "env" in options else "--to" if context.name in INTO else ""


def _reading(read: Callable[[], None], contexts: Mapping[str, Any], words: Sequence[str]) -> None:
    from invoke.exceptions import ParseError

    try:
        read()
    except ParseError as fault:
        _refuse(problem(fault, contexts, words), words)


def problem(fault: ParseError, contexts: Mapping[str, Any], words: Sequence[str]) -> UsageError:
    """Invoke's own words in ours; where something is near, the hint is the line as it was meant."""
    from scripts.errors import UsageError

    said = str(fault)
    word = said.removeprefix("No idea what ").removesuffix(" is!").strip("'\"")
    if not said.startswith("No idea what "):
        return UsageError(f"{said[:1].lower()}{said[1:].rstrip('!.')}", "`invoke --list`")
    task = fault.context.name if fault.context and fault.context.name else ""
    options = f"`invoke {task} --help`" if task else "`invoke --list`"
    if word.startswith("-"):
        near = _near(word, [*contexts[task].flags] if task in contexts else [])
        lacking = f"`{task}` has no option `{word}`" if task else f"there is no option `{word}`"
        return UsageError(lacking, _corrected(words, word, near) or options)
    if task:
        return UsageError(f"`{task}` takes no `{word}`", options)
    near = _near(word, [*contexts])
    return UsageError(f"there is no task `{word}`", _corrected(words, word, near) or options)


def _corrected(words: Sequence[str], word: str, near: str) -> str:
    """The line with `near` in place of the word; "" where nothing is near."""
    line = shlex.join(near if each == word else each for each in words)
    return f"`invoke {line}`" if near else ""


def _near(word: str, known: Sequence[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, n=1)), "")


def _refuse(fault: UsageError, words: Sequence[str]) -> NoReturn:
    from scripts import app
    from scripts.config.request import Request

    app.refuse(Request(json="--json" in words or "-j" in words), fault)


def grouped(tasks: Mapping[str, str], columns: int) -> Iterator[str]:
    """One line a task, the six that are used most first. `tasks`: name and summary."""
    known = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, MORE: tuple(name for name in tasks if name not in known)}
    for group, names in groups.items():
        present = [name for name in names if name in tasks]
        if present:
            yield f"\n{group}"
        for name in present:
            summary = textwrap.shorten(tasks[name], max(20, columns - COLUMN - 2), placeholder=" ...")
            yield f"  {name.removesuffix('.take'):<{COLUMN}}{summary}"
    yield "\nOptions and an example: `invoke deploy --help`."


def _summary(task: Any) -> str:
    """The first sentence of its docstring, without the example."""
    line = (task.__doc__ or "").strip().partition("\n")[0]
    return str(line).partition(": `")[0].rstrip(".")


def _names(context: Any) -> tuple[str, ...]:
    return (context.name, *context.aliases)


def _write(lines: Iterator[str]) -> None:
    """Without the console, whose imports take longer than the list. Who closes the pipe has seen enough."""
    try:
        sys.stdout.write("\n".join(lines).lstrip("\n") + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(0)
