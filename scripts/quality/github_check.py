"""A named check of a commit on GitHub as the proof of the app's own tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from scripts.config.settings import AppTests, Gates
from scripts.errors import Unreachable
from scripts.github.client import PAGE, Github
from scripts.quality.gates import Check
from scripts.quality.twins import Twins

ASKED = 3  # commits with the same files; each costs two requests


def read(
    hub: Github | None, tests: AppTests, demands: Gates, twins: Twins, commit: str
) -> Mapping[str, Check]:
    """What GitHub says of the checks that `[tests]` names, by suite; only what a gate demands is asked.

    Args:
        hub: None where GitHub can't be asked.
    """
    commits = [commit, *sorted(twins.equal - {commit})][:ASKED]
    found = {}
    for suite in ("unit", "integration"):
        name = getattr(tests, f"{suite}_check")
        if name and getattr(demands, suite):
            found[suite] = _check(hub, name, commits)
    return found


def _check(hub: Github | None, name: str, commits: list[str]) -> Check:
    """The check of the first commit that has it."""
    if hub is None:
        return Check(False, f"missing; no `GITHUB_TOKEN` to ask GitHub for the check `{name}`")
    try:
        for commit in commits:
            endings = list(_endings(hub, name, commit))
            if endings:
                bad = next((each for each in endings if each != "success"), None)
                state = f"the check `{name}` on GitHub: {bad or 'passed'}"
                return Check(bad is None, state)
    except Unreachable as fault:
        return Check(False, f"missing; GitHub can't be asked: {fault.message}")
    return Check(False, f"missing; GitHub has no check `{name}` of `{commits[0][:12]}`")


def _endings(hub: Github, name: str, commit: str) -> Iterator[str]:
    """How every check run and commit status of that name ended; one that was skipped proves nothing.

    Raises:
        Unreachable: no answer, or the token may not read it.
    """
    runs = hub.get(f"/commits/{commit}/check-runs?check_name={quote(name, safe='')}&per_page={PAGE}")
    statuses = hub.get(f"/commits/{commit}/status?per_page={PAGE}")
    for (status, document, _), key in ((runs, "check_runs"), (statuses, "statuses")):
        if status in (404, 422):  # GitHub does not know the commit
            continue
        if status != 200:
            raise Unreachable(f"it answered {status}", "give the token the right `Checks: read`")
        yield from (
            _ending(row) for row in _rows(document, key) if name in (row.get("name"), row.get("context"))
        )


def _ending(row: Mapping[str, Any]) -> str:
    return str(row.get("conclusion") or row.get("state") or row.get("status") or "unknown")


def _rows(document: object, key: str) -> list[Mapping[str, Any]]:
    rows = document.get(key) if isinstance(document, Mapping) else None
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
