"""A desk for unit tests that need no remote: real settings, and values that a test writes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.git.client import Git
from tests.fakes.world import Notes
from tests.support.tables import settings

NOW = "2030-01-02T03:04:05+00:00"


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
        known = (values or {}).get(environment.name, {})
        if isinstance(known, Exception):
            raise known
        return known

    fields: dict[str, Any] = {
        "settings": settings(),
        "git": git or Git(folder, "origin"),
        "progress": Notes(),
        "values": values_of,
        "config_folder": folder / "env",
        "state_folder": folder / "state",
        "actor": "Ada",
        "host": "laptop",
        "now": lambda: NOW,
        "new_id": lambda: f"r{next(ids)}",
    }
    return Desk(**{**fields, **more})
