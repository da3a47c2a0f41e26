"""What is typed after `invoke`: an environment without its flag, near misses, the tasks in groups.

Invoke reads the line. What it does not know it answers with a bare sentence and exit code 1, and it lists
tasks by the alphabet; this stands around its program, and changes nothing of what it understands.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from scripts import VERSION
from scripts.language import translate
from scripts.tasks import interpreter
from scripts.tasks.completion import environments_for
from scripts.tasks.help_text import help_text
from scripts.tasks.options import RequestTask

if TYPE_CHECKING:
    from invoke.exceptions import ParseError

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
INTO = ("promote", "db.refresh")  # whose environment is `--to`
# what other tools call it -> what it is here
ELSEWHERE = {"--dry-run": "--plan", "--dryrun": "--plan", "-d": "--plan", "--environment": "--env"}
ENVIRONMENT = ("--env", "--to")
FIRST_WORD = {"db.restore": "`invoke backup.list` shows them; `newest` is the newest proven one"}
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

    def print_task_help(name: str) -> None:
        task = program.collection[name]
        if not isinstance(task, RequestTask):
            helped(name)
            return
        columns, typed = shutil.get_terminal_size().columns, name.removesuffix(DEFAULT)
        _write(help_text(typed, task.__doc__ or "", task.request.options(), columns))

    parse_tasks.desk = True  # type: ignore[attr-defined]
    own = {"parse_tasks": parse_tasks, "list_tasks": list_tasks, "no_tasks_given": list_tasks}
    vars(program).update(own, print_task_help=print_task_help, parse_cleanup=_completing(program))


def _completing(program: Any) -> Callable[[], None]:
    """Its last look at the line, in which environments are completed."""
    cleaned = program.parse_cleanup

    def parse_cleanup() -> None:
        names = environments_for(program.core.remainder) if program.args.complete.value else []
        if not names:
            cleaned()
            return
        from invoke.exceptions import Exit

        _write(iter(names))
        raise Exit

    return parse_cleanup


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
    except ValueError as fault:  # of a number that is none
        from scripts.errors import UsageError

        _refuse(UsageError(no_number(words, contexts) or str(fault), _help_of(words, contexts)), words)


def no_number(words: Sequence[str], contexts: Mapping[str, Any]) -> str:
    """Which option wants a number and got another word: Invoke's error does not name it."""
    task = next((contexts[word] for word in words if word in contexts), None)
    for place, word in enumerate(words):
        flag, sign, value = word.partition("=")
        argument = task.flags[flag] if task and flag in task.flags else None
        value = value if sign else next(iter(words[place + 1 :]), "")
        if argument is None or argument.kind not in {int, float}:
            continue
        try:
            argument.kind(value)
        except ValueError:
            return f"`{flag}` takes a number, not `{value}`"
    return ""


def _help_of(words: Sequence[str], contexts: Mapping[str, Any]) -> str:
    task = next((word for word in words if word in contexts), "")
    return f"`invoke {task} --help`" if task else "`invoke --list`"


def problem(fault: ParseError, contexts: Mapping[str, Any], words: Sequence[str]) -> UsageError:
    """Invoke's own words in ours; where something is near, the hint is the line as it was meant."""
    from scripts.errors import UsageError

    said = str(fault)
    word = said.removeprefix("No idea what ").removesuffix(" is!").strip("'\"")
    task = fault.context.name if fault.context and fault.context.name else ""
    options = f"`invoke {task} --help`" if task else "`invoke --list`"
    if not said.startswith("No idea what "):
        return _incomplete(said, task or next((each for each in words if each in contexts), ""))
    if word.startswith("-"):
        known = [*contexts[task].flags] if task in contexts else []
        lacking = f"`{task}` has no option `{word}`" if task else f"there is no option `{word}`"
        return UsageError(lacking, _corrected(words, word, _meant(word, known)) or options)
    if task:
        return UsageError(f"`{task}` takes no `{word}`", _with_two_dashes(words, word) or options)
    joined = _joined(words, word, contexts)
    near = _near(word, [*contexts])
    return UsageError(f"there is no task `{word}`", joined or _corrected(words, word, near) or options)


def _incomplete(said: str, task: str) -> UsageError:
    """A value or a word that is missing."""
    from scripts.errors import UsageError

    lacking = said.rpartition("required positional arguments: ")[2].strip("'")
    bare = re.fullmatch(r"Flag <\w+: ([\w-]+).*", said)
    if bare:
        said = f"`--{bare[1]}` needs a value"
    elif "required positional" in said:
        said = f"`{task}` needs a word after it: {lacking}"
    hint = FIRST_WORD.get(task) or (f"`invoke {task} --help`" if task else "`invoke --list`")
    return UsageError(f"{said[:1].lower()}{said[1:].rstrip('!.')}", hint)


def _meant(word: str, known: Sequence[str]) -> str:
    """The option that is near, or that has another name in other tools."""
    other = ELSEWHERE.get(word, "")
    if other:
        return other if other in known else ""
    if word in ENVIRONMENT:  # the one is never a slip for something else
        return next((each for each in ENVIRONMENT if each in known), "")
    meant = ELSEWHERE.get(_near(word, [*ELSEWHERE]), "")
    return _near(word, known) or (meant if meant in known else "")


def _with_two_dashes(words: Sequence[str], word: str) -> str:
    """`-env dev` is read as `-e nv dev`: the line with `--env dev`."""
    before = words[words.index(word) - 1] if word in words[1:] else ""
    if not (before.startswith("-") and not before.startswith("--") and len(before) > 2):
        return ""
    return f"`invoke {shlex.join(f'-{each}' if each == before else each for each in words)}`"


def _joined(words: Sequence[str], word: str, contexts: Mapping[str, Any]) -> str:
    """`db restore x` is `db.restore x`; `load_test` and `loadtest` are `load-test`; `help` is the list."""
    if word == "help":
        return "`invoke --list`"
    place = words.index(word) if word in words else -1
    following = words[place + 1] if 0 <= place < len(words) - 1 else ""
    if f"{word}.{following}" in contexts:
        return f"`invoke {shlex.join([*words[:place], f'{word}.{following}', *words[place + 2 :]])}`"
    plain = {name.replace("-", "").replace(".", ""): name for name in contexts}
    found = plain.get(word.replace("-", "").replace("_", "").replace(".", "").lower(), "")
    return _corrected(words, word, found)


def _corrected(words: Sequence[str], word: str, near: str) -> str:
    """The line with `near` in place of the word; "" where nothing is near."""
    line = shlex.join(near if each == word else each for each in words)
    return f"`invoke {line}`" if near else ""


def _near(word: str, known: Sequence[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, n=1)), "")


def _refuse(fault: UsageError, words: Sequence[str]) -> NoReturn:
    from scripts.config.request import Request

    with interpreter.complete():
        from scripts import app

    app.refuse(Request(json="--json" in words or "-j" in words), fault)


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


def _names(context: Any) -> tuple[str, ...]:
    return (context.name, *context.aliases)


def _write(lines: Iterator[str]) -> None:
    """Without the console, whose imports take longer than the list. Who closes the pipe has seen enough."""
    try:
        sys.stdout.write("\n".join(lines).lstrip("\n") + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(0)
