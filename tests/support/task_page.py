"""`docs/tasks.md`, made from the requests, and the benches in `docs/speed.md`; a test holds them equal.

`python -m tests.support.task_page` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import tasks
from scripts.config.request import Option
from scripts.tasks.command_line import GROUPS, MORE
from scripts.tasks.help_text import metavar
from tests.bench import report
from tests.bench.benches import BENCHES
from tests.support.desks import ROOT

PAGE = ROOT / "docs" / "tasks.md"
SPEED = ROOT / "docs" / "speed.md"
HEAD = """\
# Tasks and options

Every task with every option. This page is made from the code (`python -m tests.support.task_page`);
`invoke TASK --help` shows the same in a terminal.

* The six to start with are [the first group](#release).
* One call runs one task. An environment can be typed without its flag, right after the task:
  `invoke promote staging`.
* `--env` takes `development`, `staging`, `production`, or an alias (`dev`, `stage`, `prod`).
* Every task takes `--json` (`-j`): one JSON document on standard output, text for people on standard
  error. `--quiet` leaves progress out: results, warnings and errors stay. `--verbose` shows each program
  as it is started, without secrets, and how many seconds it took.
* A flag that is on by default is switched off with `no-` before its name: `--no-proof`.
* Only the short options below exist. They mean the same in every task.
* What a task's exit code means is in [troubleshooting.md](troubleshooting.md#by-exit-code).
"""
SHARED = ("json", "quiet", "verbose")


def page() -> str:
    """The whole page, from the tasks that are declared."""
    return "\n".join([HEAD, *_groups()])


def _groups() -> Iterator[str]:
    every = {str(name): tasks.namespace[name] for name in tasks.namespace.task_names}
    known = {name for names in GROUPS.values() for name in names}
    for group, names in {**GROUPS, MORE: tuple(sorted(set(every) - known))}.items():
        if names:
            yield f"## {group}\n"
        for name in names:
            yield from _task(name, every[name])


def _task(name: str, task: Any) -> Iterator[str]:
    typed = name.removesuffix(".take")
    other = sorted({*task.aliases, *({name} - {typed})})
    also = f" Also: {', '.join(f'`{each}`' for each in other)}." if other else ""
    yield f"### {typed}\n"
    yield f"{_prose(task.__doc__ or '')}{also}\n"
    options = [each for each in task.request.options() if each.name not in SHARED]
    if options:
        yield "| option | default | what it does |\n|---|---|---|"
        first = sorted(options, key=lambda each: (not each.positional, not each.required, each.name))
        yield "\n".join(map(_row, first)) + "\n"


def _prose(text: str) -> str:
    """A docstring as paragraphs, without the indentation of the code."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _row(option: Option) -> str:
    value = "" if isinstance(option.default, bool) else f" {metavar(option)}"
    flag = metavar(option) if option.positional else option.dashed + value
    short = f", `-{option.short}`" if option.short else ""
    default = "on" if option.default is True else f"`{option.default}`" if option.default else ""
    return f"| `{flag}`{short} | {'required' if option.required else default} | {_cell(option.help)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def speed() -> str:
    """`docs/speed.md` with the benches that there are, in the place of its table."""
    table = report.limits(BENCHES, here=False)
    return re.sub(r"(?m)^\| bench .*\n(?:\|.*\n)*", lambda _old: f"{table}\n", SPEED.read_text())


if __name__ == "__main__":
    PAGE.write_text(page())
    SPEED.write_text(speed())
