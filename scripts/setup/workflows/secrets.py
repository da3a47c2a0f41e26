# pure
"""What a team has to set on GitHub: the secrets and variables of each environment, as commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

USED = re.compile(r"\$\{\{[^}]*?\b(secrets|vars)\.([A-Z0-9_]+)")
OWN = ("DESK_GITHUB_TOKEN", "DESK_REPOSITORY_TOKEN")


def commands(documents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line for each name that the jobs use, environment by environment."""
    used = {found for document in documents.values() for job in _jobs(document) for found in _names(job)}
    return [
        f"gh {kind} set {name} --env {environment} < file"
        for environment, kind, name in sorted(used)
        if name not in OWN
    ]


def _jobs(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    jobs = document["jobs"]
    yield from jobs.values()


def _names(job: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    environment = job.get("environment")
    name = environment["name"] if isinstance(environment, Mapping) else environment
    for step in job["steps"] if name else ():
        for value in step.get("env", {}).values():
            for kind, found in USED.findall(value):
                yield str(name), "secret" if kind == "secrets" else "variable", found
