"""squawk, the migration linter: only those of its rules that say that older code breaks.

Facts (measured with 2.70.0): exit code 1 means findings; its lines count from 0; a syntax error hides
every other finding of the file; `ban-drop-index` and a few more are off until they are asked for; a path
is read as a pattern, so the names of the files never go there; it looks for `.squawk.toml` upwards.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.database.migrations.files import Migration
from scripts.database.migrations.verdict import Lint
from scripts.errors import CommandFailed, CommandTimedOut
from scripts.system import temporary
from scripts.system.command import Command
from scripts.system.process import run

LIMIT = 30.0
BREAKING = frozenset(
    """changing-column-type adding-not-nullable-field adding-required-field ban-truncate-cascade
    ban-set-schema ban-alter-identity ban-revoke ban-disable-trigger""".split()
)
FAMILIES = ("ban-drop-", "renaming-")
ASKED_FOR = ("ban-drop-index", "ban-drop-policy", "ban-revoke", "ban-disable-trigger")


class Finding(NamedTuple):
    """One breach of a rule; the line counts from 1."""

    file: str
    rule: str
    line: int
    message: str


def find() -> Path | None:
    """The program: beside our interpreter (a venv need not be on PATH), or on PATH."""
    beside = Path(sys.executable).with_name("squawk")
    found = str(beside) if beside.is_file() else shutil.which("squawk")
    return Path(found) if found else None


def check(binary: Path, files: Mapping[str, str]) -> tuple[Finding, ...]:
    """What squawk says of these files (name -> text) that means breaking; one start for all of them.

    Raises:
        CommandFailed: it could not work.
        CommandTimedOut: it took too long.
    """
    if not files:
        return ()
    asked = [word for rule in ASKED_FOR for word in ("--include", rule)]
    with temporary.folder() as folder:
        names = {f"{number}.sql": file for number, file in enumerate(files)}
        for name, file in names.items():  # it takes nothing but UTF-8
            (folder / name).write_bytes(files[file].encode("utf-8", "replace"))
        argv = (str(binary), "--reporter", "json", "--assume-in-transaction", *asked, *names)
        good = frozenset({0, 1})
        done = run(Command(argv, cwd=folder, timeout=LIMIT, success=good))
    try:
        return tuple(_breaking(json.loads(done.text or "[]"), names))
    except (ValueError, TypeError, KeyError):
        raise CommandFailed("`squawk` gave no JSON that can be read") from None


def _breaking(findings: list[dict[str, object]], names: Mapping[str, str]) -> Iterator[Finding]:
    for each in findings:
        rule = str(each["rule_name"])
        if rule in BREAKING or rule.startswith(FAMILIES):
            message = str(each["message"]).splitlines()[0]
            yield Finding(names[str(each["file"])], rule, int(str(each["line"])) + 1, message)


def lints(migrations: Sequence[Migration]) -> dict[str, tuple[Lint, ...]] | None:
    """By file, what squawk found that means breaking; None where there is no squawk that works."""
    binary = find()
    if binary is None:
        return None
    try:
        found = check(binary, {each.file: each.sql for each in migrations})
    except (CommandFailed, CommandTimedOut):
        return None
    by_file: dict[str, tuple[Lint, ...]] = {}
    for each in found:
        by_file[each.file] = (*by_file.get(each.file, ()), Lint(each.rule, each.line, each.message))
    return by_file
