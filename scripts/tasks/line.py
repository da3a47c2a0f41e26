"""What stands on the line: bare words get their flags, and what Invoke would ignore or guess at is refused.

Invoke drops what it does not need: the first of two values, what stands behind `--`, its own options that
mean something else here. A release must not begin with a line that was read differently than it was meant.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.errors import UsageError
LONGEST = 4000  # characters of a word
# The options of words that are typed right after the task; "" for the task's own first word.
WORDS: Mapping[str, tuple[str, ...]] = {
    "deploy": ("--env", "--sha"),
    "promote": ("--to", "--sha"),
    "rollback": ("--env", "--to"),
    "approve": ("--env", "--commit"),
    "freeze": ("--env", "--until"),
    "test-app": ("--suite", "--sha"),
    "test-e2e": ("--env", "--suite"),
    "load-test": ("--env", "--profile"),
    "history": ("--env", "--limit"),
    "monitor.logs": ("--env", "--since"),
    "monitor.check": ("--env", "--gate"),
    "hotfix": ("--branch",),
    "preview.up": ("--branch",),
    "preview.down": ("--branch",),
    "backmerge": ("--from", "--to"),
    "env.diff": ("--from", "--to"),
    "db.drift": ("--from", "--against"),
    "db.refresh": ("--to",),
    "db.restore": ("", "--env"),
    "backup.verify": ("", "--env"),
    "env.scan": ("", "--env"),
    "init": ("--app",),
    "upgrade": ("--app",),
    "ledger.repair": ("--event",),
    "ledger.accept": ("--keep",),
    "sandbox.down": ("--dir",),
}
# What can't be an environment: such a word belongs to its option, wherever it stands.
SHAPES: Mapping[str, str] = {
    "--limit": r"\d+",
    "--to": r"v\d+",
    "--until": r"\d+[a-z]+|\d{4}-.*",
    "--since": r"\d+[a-z]+",
    "--gate": r"\d+[a-z]+",
    "--sha": r"[0-9a-f]{7,40}",
    "--commit": r"[0-9a-f]{7,40}",
    "--suite": r"smoke|full|unit|integration",
    "--profile": r"smoke|steady|spike|soak|stress",
}
COUNTS = ("--users", "--rate", "--seconds", "--processes", "--workers-expected", "--port")  # above 0
STRICT = ("--limit", "--sha", "--commit")  # after the first word, only words of their shape
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"  # and what editors make of them
# Invoke's own options that change nothing here, as it names them
IDLE = ("hide", "no-dedupe", "prompt-for-sudo-password", "echo", "pty", "command-timeout", "warn-only")
# those that count before the task alone
EARLY = ("version", "collection", "config", "search-root", "list-format", "list-depth", "write-pyc")


def with_flags(words: Sequence[str], contexts: Mapping[str, Any]) -> list[str]:
    """The line with the flags of the bare words after its task: `promote staging`, `rollback prod v3`."""
    made: list[str] = []
    left: list[str] = []
    task: Any = None
    for word in words:
        if word in contexts:
            task, left = contexts[word], flags_of(contexts[word])
            made.append(word)
            continue
        flag = _flag_for(word, left, task) if left and word else None
        if flag is None:
            left = []
        else:
            left.remove(flag)
            made += [flag] if flag else []
        made.append(word)
    return made


def flags_of(context: Any) -> list[str]:
    """The options of bare words after a task, in their order; empty for a task that takes none."""
    positional = any(context.args[name].positional for name in context.args)
    usual = ("--env",) if "--env" in context.flags and not positional else ()
    return [flag for flag in WORDS.get(context.name, usual) if not flag or flag in context.flags]


def _flag_for(word: str, left: Sequence[str], task: Any) -> str | None:
    """The option that a bare word belongs to; None for one that belongs to none."""
    if word[0] in DASHES or word == "help" or f"--{word.partition('=')[0]}" in task.flags:
        return None
    first = flags_of(task)[0]
    shaped = [flag for flag in left if re.fullmatch(SHAPES.get(flag, "(?!)"), word)]
    return next(iter(shaped or [flag for flag in left if flag == first or flag not in STRICT]), None)


def fault(words: Sequence[str], contexts: Mapping[str, Any]) -> UsageError | None:
    """What is wrong with the words themselves, before Invoke reads them."""
    for word in words:
        if len(word) > LONGEST:
            return _refusal(f"a word of {len(word)} characters: `{word[:20]}...`", "`invoke --list`")
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            return _refusal("a word on the line is not in UTF-8", "set the terminal to UTF-8")
    task = task_of(words, contexts)
    if not task:
        return None
    seen: list[Any] = []
    for flag, argument, value in _given(words, contexts, task):
        said = _odd_value(flag, argument, value)
        if not said and argument.takes_value and argument in seen:
            said = f"`{flag}` stands twice on the line"
        if said:
            return _refusal(said, f"`invoke {task} --help`")
        seen.append(argument)
    return None


def _odd_value(flag: str, argument: Any, value: str | None) -> str:
    """What is wrong with an option's value; "" for nothing."""
    if value is None:
        return ""
    if not argument.takes_value:
        return f"`{flag}` takes no value: it is on where it stands"
    if not value.strip() and argument.kind is str:
        return f"`{flag}` has an empty value: give it one, or leave it out"
    return f"`{flag}` takes a number above 0, not `{value}`" if _is_no_count(flag, value) else ""


def _is_no_count(flag: str, value: str) -> bool:
    try:
        return flag in COUNTS and not 0 < float(value) < float("inf")
    except ValueError:
        return True


def _given(
    words: Sequence[str], contexts: Mapping[str, Any], task: str
) -> Iterator[tuple[str, Any, str | None]]:
    """Each option of the task, alone or with `=`: as it was typed, Invoke's argument, its value."""
    flags = contexts[task].flags
    behind = words[words.index(task) + 1 :]
    for place, word in enumerate(behind):
        flag, sign, value = word.partition("=")
        if word in contexts:  # another one
            return
        if flag not in flags:
            continue
        argument, following = flags[flag], next(iter(behind[place + 1 :]), None)
        if sign:
            yield flag, argument, value
        else:
            known = following is None or following in flags
            yield flag, argument, None if known or not argument.takes_value else following


def _refusal(message: str, hint: str) -> UsageError:
    from scripts.errors import UsageError  # a good line needs none of this

    return UsageError(message, hint)


def task_of(words: Iterable[str], contexts: Mapping[str, Any]) -> str:
    """The first task on the line; "" for none."""
    return next((word for word in words if word in contexts), "")


def ignored(program: Any, task: str) -> UsageError | None:
    """What Invoke read and would do nothing with: its own options, and words behind `--`."""
    if program.core.remainder and not program.args.complete.value:
        return _refusal("what stands behind `--` is not used", "leave `--` out")
    late = [name for name in EARLY if _is_set(program.core_via_tasks.args, name)]
    for name in (*(name for name in IDLE if _is_set(program.args, name)), *late):
        argument = program.args[name]
        flags = {f"--{each}" if len(each) > 1 else f"-{each}" for each in argument.names}
        words = program.argv[1:]
        typed = next((word for word in words if word.partition("=")[0] in flags), f"--{name}")
        own = "" if typed == f"--{name}" else f" `--{name}`"
        said = f"`{typed}` is Invoke's own option{own}, which changes nothing here: nothing was run"
        rest = [word for word in words if word != typed]
        hint = f"`invoke {task} --help`" if task else "`invoke --list`"
        return _refusal(said, _behind(rest, typed, program.collection, task) or hint)
    return None


def _behind(rest: Sequence[str], typed: str, collection: Any, task: str) -> str:
    """`-p deploy` was meant as `deploy -p`."""
    options = collection[task].get_arguments() if task else ()
    meant = any(typed.lstrip("-") in option.names and option.kind is bool for option in options)
    return f"`invoke {shlex.join([*rest, typed])}`" if meant else ""


def _is_set(arguments: Any, name: str) -> bool:
    argument = arguments.get(name)
    return argument is not None and argument.value not in (None, False, argument.default)


def wants_json(words: Iterable[str]) -> bool:
    """Whether a document is to come out, whatever else is wrong with the line."""
    return any(word == "--json" or re.fullmatch(r"-[a-z]*j[a-z]*", word) for word in words)
