"""A whole and faultless `pipeline.toml`, as the table that `tomllib` gives."""

from __future__ import annotations

import copy
from typing import Any

from scripts.config.parse import parse
from scripts.config.settings import Environment, Settings


class Gone:
    """Stands for a key that is taken out."""

    def __repr__(self) -> str:
        return "GONE"


GONE = Gone()
VALID: dict[str, Any] = {
    "chain": ["development", "staging", "production"],
    "app": {"name": "app", "repository": "."},
    "environment": {
        "development": {
            "branch": "develop",
            "url": "https://dev.example.org",
            "aliases": ["dev"],
            "ssh_host": "dev",
            "repl_id": "id-1",
        },
        "staging": {
            "branch": "staging",
            "url": "https://staging.example.org",
            "ssh_host": "staging",
            "repl_id": "id-2",
        },
        "production": {
            "branch": "main",
            "url": "https://example.org",
            "aliases": ["prod"],
            "guarded": True,
            "ssh_host": "prod",
            "repl_id": "id-3",
        },
    },
}


def table(**changes: object) -> dict[str, Any]:
    """The valid table, changed by path: `table(environment__staging__url="x")`; `GONE` takes out."""
    made = copy.deepcopy(VALID)
    for path, value in changes.items():
        *folders, key = path.split("__")
        place = made
        for folder in folders:
            place = place.setdefault(folder, {})
        if value is GONE:
            del place[key]
        else:
            place[key] = value
    return made


def settings(**changes: object) -> Settings:
    """The settings of such a table."""
    return parse(table(**changes))


def environment(name: str) -> Environment:
    """One environment of the valid table."""
    return settings().environment(name)
