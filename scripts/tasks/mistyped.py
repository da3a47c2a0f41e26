"""What Invoke could not read, in our words; the hint is the line as it was meant, where that can be told.

A hint is tried before it is given: one that Invoke could not read either helps nobody.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scripts.errors import UsageError
from scripts.tasks import line

if TYPE_CHECKING:
    from invoke.exceptions import ParseError

# what other tools call it -> what it is here; of options, the first that the task has
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "--dry-run": ("--plan",),
    "--dryrun": ("--plan",),
    "--check": ("--plan",),
    "-d": ("--plan",),
    "--environment": ("--env", "--to"),
    "--env": ("--env", "--to"),
    "--to": ("--to", "--env"),
    "--target": ("--to", "--env"),
    "--commit": ("--commit", "--sha"),
    "--sha": ("--sha", "--commit"),
    "--message": ("--reason",),
    "-m": ("--reason",),
    "--last": ("--limit",),
    "--count": ("--limit",),
    "--version": ("--to",),
    "--confirm": ("--yes",),
    "--debug": ("--verbose",),
}
TASKS: Mapping[str, str] = {
    "e2e": "test-e2e",
    "backups": "backup.list",
    "releases": "history",
    "log": "history",
    "ps": "status",
    "info": "status",
    "undo": "rollback",
    "revert": "rollback",
    "publish": "deploy",
    "ship": "deploy",
    "unlock": "lock.show",
    "locks": "lock.show",
    "unit": "test-app",
    "config": "config.show",
}
LISTS = ("help", "list", "ls", "tasks", "version", "commands")  # what is answered by the list
FIRST_WORD = {
    "db.restore": "`invoke backup.list` shows them; `newest` is the newest proven one",
    "backup.verify": "`invoke backup.list` shows them",
    "env.scan": "`invoke env.scan dist`, with the folder that the build fills, or an address",
}
ENVIRONMENT = ("--env", "--to")
LONG_DASH = re.compile(rf"^(?!--?\w)[{line.DASHES}]+(?=\w)")


def problem(fault: ParseError, contexts: Mapping[str, Any], words: Sequence[str]) -> UsageError:
    """Invoke's own words in ours; `words` is the line after `invoke`."""
    said = str(fault)
    word = said.removeprefix("No idea what ").removesuffix(" is!").strip("'\"")
    task = str(fault.context.name or "") if fault.context else ""
    typed = _Typed(words, contexts)
    if dashed := typed.with_plain_dashes():
        return UsageError(f"`{dashed[0]}` begins with a long dash, not with `--`", dashed[1])
    if not said.startswith("No idea what "):
        return _incomplete(said, typed, task or line.task_of(words, contexts))
    if word.startswith("-"):
        return _no_option(typed, word, task)
    if task:
        return UsageError(
            f"`{task}` takes no `{word}`", typed.without_stray(word, task) or typed.help(task)
        )
    return no_task(word, words, contexts)


def no_task(word: str, words: Sequence[str], contexts: Mapping[str, Any]) -> UsageError:
    """A word where a task is expected; also one that is a task, and was looked for as a collection."""
    if word in contexts:
        return UsageError(f"`{word}` is a task, no group of tasks", f"`invoke {word} --help`")
    if word.startswith("-"):
        return UsageError(f"`{word}` is no group of tasks", "`invoke --list`")
    hint = _Typed(words, contexts).as_a_task(word)
    return UsageError(f"there is no task `{word}`", hint or "`invoke --list`")


def _no_option(typed: _Typed, word: str, task: str) -> UsageError:
    if task:
        return UsageError(f"`{task}` has no option `{word}`", typed.meant(word, task) or typed.help(task))
    behind = line.task_of(typed.words, typed.contexts)
    said = f"there is no option `{word}` before the task" if behind else f"there is no option `{word}`"
    return UsageError(said, typed.behind(word, behind) or typed.help(behind))


def _incomplete(said: str, typed: _Typed, task: str) -> UsageError:
    """A value or a word that is missing."""
    lacking = said.rpartition("required positional arguments: ")[2].strip("'")
    bare = re.fullmatch(r"Flag <\w+: ([\w-]+).*", said)
    hint = typed.help(task)
    if bare:
        flag = f"--{bare[1]}" if len(bare[1]) > 1 else f"-{bare[1]}"
        said = f"`{flag}` needs a value"
        if task and flag not in typed.contexts[task].flags:  # Invoke's own, behind the task
            odd = (
                each for each in typed.words if each[:1] == "-" and each not in typed.contexts[task].flags
            )
            return _no_option(typed, next(odd, flag), task)
    elif "required positional" in said:
        said = f"`{task}` needs a word after it: {lacking}"
        hint = FIRST_WORD.get(task, hint)
    return UsageError(f"{said[:1].lower()}{said[1:].rstrip('!.')}", hint)


def no_number(words: Sequence[str], contexts: Mapping[str, Any]) -> str:
    """Which option wants a number and got another word: Invoke's error does not name it."""
    task = contexts.get(line.task_of(words, contexts))
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


class _Typed:
    """The line, and the lines that it may have been meant as; each is a hint, or "" for none."""

    def __init__(self, words: Sequence[str], contexts: Mapping[str, Any]) -> None:
        self.words, self.contexts = list(words), contexts

    def help(self, task: str) -> str:
        return f"`invoke {task} --help`" if task else "`invoke --list`"

    def good(self, words: Sequence[str]) -> str:
        """The line as a hint, if Invoke can read it and it is complete."""
        from invoke.exceptions import ParseError
        from invoke.parser import Parser
        from invoke.parser.context import ParserContext

        full = line.with_flags(words, self.contexts)
        if "--help" not in full:
            if line.fault(full, self.contexts):
                return ""
            try:
                Parser(
                    [*{id(each): each for each in self.contexts.values()}.values()], ParserContext()
                ).parse_argv(full)
            except (ParseError, ValueError):
                return ""
        return f"`invoke {shlex.join(words)}`"

    def behind(self, word: str, task: str) -> str:
        """The line with an option, and its value, behind the task."""
        if not task or word not in self.contexts[task].flags:
            return ""
        place, many = self.words.index(word), 1 + self.contexts[task].flags[word].takes_value
        moved = self.words[place : place + many]
        return self.good([*self.words[:place], *self.words[place + many :], *moved])

    def with_(self, word: str, near: str) -> str:
        """The line with `near` in place of the word."""
        return self.good([near if each == word else each for each in self.words]) if near else ""

    def with_plain_dashes(self) -> tuple[str, str] | None:
        """The word that begins with a dash of an editor, and the line with `--` instead."""
        plain = [LONG_DASH.sub("--", word) for word in self.words]
        odd = next((word for word, other in zip(self.words, plain, strict=True) if word != other), "")
        return (odd, self.good(plain) or "write two hyphens: `--`") if odd else None

    def meant(self, word: str, task: str) -> str:
        """The option that is near, or that has another name in other tools."""
        context = self.contexts[task]
        known = [*context.flags, *context.inverse_flags]
        if word.removeprefix("--no-") != word and f"--{word.removeprefix('--no-')}" in known:
            return self.good([each for each in self.words if each != word])  # it is off by default
        if re.fullmatch(r"-\d+", word) and "--limit" in known:
            return self.good(
                [part for each in self.words for part in (("-n", each[1:]) if each == word else (each,))]
            )
        others = OPTIONS.get(word) or OPTIONS.get(_near(word, [*OPTIONS]), ())
        found = [each for each in others if each in known]
        near = _near(word, [each for each in known if each.startswith("--")])
        first = found if word in OPTIONS else [near, *found]
        return next(filter(None, (self.with_(word, each) for each in first)), "")

    def without_stray(self, word: str, task: str) -> str:
        """`-env dev`, `env dev`, `env=dev`, `deploy help` as they were meant."""
        place = self.words.index(word) if word in self.words else 0
        before = self.words[place - 1] if place else ""
        context = self.contexts[task]
        if before.startswith("-") and not before.startswith("--") and len(before) > 2:
            return self.with_(before, f"-{before}")
        if f"--{word.partition('=')[0]}" in context.flags:
            return self.with_(word, f"--{word}")
        if word == "help":
            return self.good([task, "--help"])
        first = next((flag for flag in line.flags_of(context) if flag and flag not in self.words), "")
        flagged = [*self.words[:place], first, *self.words[place:]]
        return self.good(flagged) if first in ENVIRONMENT else ""

    def as_a_task(self, word: str) -> str:
        """The task that is near, or has another name in other tools; `db restore` is `db.restore`."""
        place = self.words.index(word) if word in self.words else -1
        rest = self.words[place + 1 :]
        following = rest[0] if rest else ""
        if word in ("invoke", "inv"):
            return self.good(rest) if rest else ""
        if word in LISTS:
            return self.good([following, "--help"]) if following in self.contexts else "`invoke --list`"
        joined = f"{word}.{following}"
        if joined in self.contexts:
            return self.good([*self.words[:place], joined, *rest[1:]])
        if any(name.startswith(f"{word}.") for name in self.contexts):
            return f"`invoke --list {word}`"
        return next(
            filter(None, (self.with_(word, each) or self.help_instead(each) for each in self._tasks(word))),
            "",
        )

    def help_instead(self, task: str) -> str:
        """Where the line with the right task is still none: the help of that task."""
        return self.help(task) if task else ""

    def _tasks(self, word: str) -> Iterator[str]:
        low = word.lower()
        plain = {re.sub("[-.]", "", name): name for name in self.contexts}
        ends: dict[str, list[str]] = {}
        for name in {each.name for each in self.contexts.values()}:
            ends.setdefault(name.rpartition(".")[2], []).append(name)
        yield TASKS.get(low, "")
        yield plain.get(re.sub("[-._]", "", low), "")
        if len(ends.get(low, ())) == 1:
            yield ends[low][0]
        yield _near(low, [*self.contexts])


def _near(word: str, known: Sequence[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.7)), "")
