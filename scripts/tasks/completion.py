"""What a shell offers: environments, releases and backups. Invoke completes tasks and options."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import DESK

if TYPE_CHECKING:
    from scripts.state.ledger import Ledger

ENVIRONMENT = ("--env", "-e", "--to", "-t", "--from")
RELEASE, BACKUP = "--release", "--backup"
BACK = ("--to", "-t")  # of `rollback` they name a release
TASKS_OF_RELEASES = ("rollback", "monitor.logs")
TASKS_OF_BACKUPS = ("db.restore", "backup.verify")
NEWEST = 20  # releases of an environment, and backups, that are offered


def offered(line: str) -> list[str]:
    """What can stand at the end of the line; [] where nothing of these is asked for.

    A shell runs this at each press of a key: what can't be read is nobody's error here.
    """
    try:
        words = shlex.split(line)[1:]
    except ValueError:  # within quotes
        return []
    if not words:
        return []
    task, last, before = words[0], words[-1], words[-2] if len(words) > 1 else ""
    flag, partial = (last, "") if last.startswith("-") else (before, last)
    if len(words) == 1:
        return []
    return [word for word in dict.fromkeys(_words(task, flag, words)) if word.startswith(partial)]


def _words(task: str, flag: str, words: list[str]) -> Iterable[str]:
    if flag == RELEASE or (task == "rollback" and flag in BACK):
        return _releases(words)
    if flag == BACKUP:
        return _backups(words)
    if flag in ENVIRONMENT:
        return _environments()
    if flag.startswith("-"):  # an option that was not understood here, or takes no value
        return ()
    if task in TASKS_OF_BACKUPS and flag == task:
        return [*_environments(), "newest", *_backups(words)]
    return [*_environments(), *(_releases(words) if task in TASKS_OF_RELEASES and flag != task else ())]


def _environments() -> list[str]:
    return [word for name, aliases in _chain() for word in (name, *aliases)]


def _chain() -> list[tuple[str, list[str]]]:
    import tomllib

    folder = Path(os.environ.get("AIRHOST_ENV_DIR") or DESK / "env")
    try:
        table = tomllib.loads((folder / "pipeline.toml").read_text(encoding="utf-8"))
        sections = table.get("environment", {})
        return [(each, list(sections.get(each, {}).get("aliases", ()))) for each in table["chain"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _named(words: list[str]) -> list[str]:
    """The environments that the line names; all if it names none."""
    named = [name for name, aliases in _chain() if {name, *aliases} & {*words}]
    return named or [name for name, _ in _chain()]


def _releases(words: list[str]) -> Iterator[str]:
    """Those that can be gone back to, the newest first."""
    ledger = _ledger()
    for name in _named(words) if ledger else ():
        yield from [event.release for event in ledger.good(name)][:NEWEST] if ledger else ()


def _backups(words: list[str]) -> list[str]:
    """Their ids, the newest first; those that were pruned are left out."""
    ledger = _ledger()
    if ledger is None:
        return []
    from scripts.database.backups.catalog import records

    kept = [each.id for name in _named(words) for each in records(ledger, name).values() if not each.pruned]
    return sorted(kept, reverse=True)[:NEWEST]


def _ledger() -> Ledger | None:
    """What this clone has seen of the ledger; the remote is not asked. None: it can't be read."""
    from scripts import app
    from scripts.console import Console
    from scripts.errors import DeskError
    from scripts.state.ledger import REF
    from scripts.state.remote import read_ledger

    try:
        with Path(os.devnull).open("w") as nowhere:
            desk = app.opened(Console(stream=nowhere, out=nowhere, quiet=True))
            return read_ledger(desk, desk.git.trusted(REF))
    except (DeskError, OSError, ValueError):
        return None
