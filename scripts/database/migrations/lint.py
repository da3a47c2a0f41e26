"""squawk, the migration linter: only its rules that say that older code breaks.

Facts (measured with 2.70.0): exit code 1 means findings; its lines count from 0; a syntax error hides
every other finding of the file; `ban-drop-index` and a few more are off until they are asked for; a path
is read as a pattern, so file names are never passed to it; it looks for `.squawk.toml` upwards.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.database.migrations.files import Migration
from scripts.database.migrations.verdict import Lint
from scripts.errors import CommandFailed, CommandTimedOut
from scripts.system import temporary
from scripts.system.command import Command
from scripts.system.process import run

TIMEOUT = 30.0  # seconds
BREAKING = frozenset(
    """changing-column-type adding-not-nullable-field adding-required-field ban-truncate-cascade
    ban-set-schema ban-alter-identity ban-revoke ban-disable-trigger""".split()
)
BREAKING_FAMILIES = ("ban-drop-", "renaming-")
OFF_BY_DEFAULT = ("ban-drop-index", "ban-drop-policy", "ban-revoke", "ban-disable-trigger")


def lints(migrations: Sequence[Migration]) -> dict[str, tuple[Lint, ...]] | None:
    """By file, squawk's findings that mean breaking; None where squawk is missing or fails."""
    binary = find()
    if binary is None:
        return None
    try:
        return check(binary, {migration.file: migration.sql for migration in migrations})
    except (CommandFailed, CommandTimedOut):
        return None


def find() -> Path | None:
    """The program: beside our interpreter (a venv need not be on PATH), or on PATH."""
    beside = Path(sys.executable).with_name("squawk")
    program = str(beside) if beside.is_file() else shutil.which("squawk")
    return Path(program) if program else None


def check(binary: Path, files: Mapping[str, str]) -> dict[str, tuple[Lint, ...]]:
    """By file, squawk's findings in these files (name -> text) that mean breaking; it is started once.

    Raises:
        CommandFailed: it failed, or printed no JSON.
        CommandTimedOut: it took too long.
    """
    if not files:
        return {}
    includes = [word for rule in OFF_BY_DEFAULT for word in ("--include", rule)]
    with temporary.folder() as folder:
        names = {f"{number}.sql": file for number, file in enumerate(files)}
        for name, file in names.items():  # squawk reads nothing but UTF-8
            (folder / name).write_bytes(files[file].encode("utf-8", "replace"))
        argv = (str(binary), "--reporter", "json", "--assume-in-transaction", *includes, *names)
        result = run(Command(argv, cwd=folder, timeout=TIMEOUT, success=frozenset({0, 1})))
    try:
        return _breaking(json.loads(result.text or "[]"), names)
    except (ValueError, TypeError, KeyError):
        raise CommandFailed("`squawk` printed no JSON that can be read") from None


def _breaking(findings: list[dict[str, Any]], names: Mapping[str, str]) -> dict[str, tuple[Lint, ...]]:
    by_file: dict[str, tuple[Lint, ...]] = {}
    for finding in findings:
        rule, file = str(finding["rule_name"]), names[str(finding["file"])]
        if rule in BREAKING or rule.startswith(BREAKING_FAMILIES):
            lint = Lint(rule, int(str(finding["line"])) + 1, str(finding["message"]).splitlines()[0])
            by_file[file] = (*by_file.get(file, ()), lint)
    return by_file
