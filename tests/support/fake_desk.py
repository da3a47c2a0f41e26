"""A desk for unit tests: real settings, values that a test writes, a progress that records."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.git.client import Git
from tests.support.tables import settings

NOW = "2030-01-02T03:04:05+00:00"


@dataclass
class Recorder:
    """A progress that records what it is given; `yes` is its answer to every question."""

    yes: bool = False
    notes: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    steps: list[tuple[str, str]] = field(default_factory=list)

    def show(self, lines: Iterable[str]) -> None:
        self.lines.extend(lines)

    def begin(self, step: str, detail: str) -> None:
        self.steps.append((step, detail))

    def end(self, step: str, ending: str, seconds: float) -> None:
        self.steps.append((step, ending))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def output(self, text: str) -> None:
        self.lines.append(text)

    def confirm(self, environment: str) -> bool:
        return self.yes

    def ask(self, question: str, default: str) -> str:
        return default

    def agree(self, question: str) -> bool:
        return self.yes


def fake_desk(
    folder: Path,
    values: Mapping[str, Mapping[str, str] | Exception] | None = None,
    git: Git | None = None,
    **more: Any,
) -> Desk:
    """A desk whose state lies below `folder`.

    Args:
        values: the variables of each environment, by its name; an exception is raised.
        git: by default one in `folder`, which is no repository.
        more: fields of `Desk` to set.
    """
    ids = itertools.count(1)

    def values_of(environment: Environment) -> Mapping[str, str]:
        found = (values or {}).get(environment.name, {})
        if isinstance(found, Exception):
            raise found
        return found

    fields: dict[str, Any] = {
        "settings": settings(),
        "git": git or Git(folder, "origin"),
        "progress": Recorder(),
        "values": values_of,
        "config_folder": folder / "env",
        "state_folder": folder / "state",
        "actor": "Ada",
        "host": "laptop",
        "now": lambda: NOW,
        "new_id": lambda: f"r{next(ids)}",
    }
    return Desk(**{**fields, **more})
