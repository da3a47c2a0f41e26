"""`db.status`: every database's history against the migrations of the commit that is live there."""

from __future__ import annotations

from typing import Any

from scripts.domain.database.migrations import newest
from scripts.domain.outcome import Outcome
from scripts.domain.settings import Environment
from scripts.errors import DeskError
from scripts.workflows.database.standing import standing
from scripts.workflows.release.observe import Remote, observe_remote
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str | None) -> Outcome:
    """Look at each database; what merely waits to be applied is no fault."""
    remote = observe_remote(tools)
    asked = [tools.settings.environment(env)] if env else list(tools.settings)
    found = [_look(tools, remote, each) for each in asked]
    faults = [f"{each['name']}: {problem}" for each in found for problem in each["problems"]]
    for each in found:
        tools.progress.note(_line(each))
    if not faults:
        known = f"{len(found)} database{'s' if len(found) != 1 else ''}"
        return Outcome.done(f"{known}: histories and files agree", environments=found)
    listed = "".join(f"\n  | {fault}" for fault in faults)
    return Outcome.failed(
        f"histories and files disagree:{listed}",
        "what the schemas themselves are: `invoke db.drift --from ENV --against migrations`",
        environments=found,
    )


def _look(tools: Toolbox, remote: Remote, environment: Environment) -> dict[str, Any]:
    try:
        return standing(tools, remote, environment).document()
    except DeskError as fault:
        why = fault.message.splitlines()[0]
        return {"name": environment.name, "state": "unknown", "schema": newest(()), "problems": [why]}


def _line(each: dict[str, Any]) -> str:
    pending = len(each.get("pending", ()))
    more = f", {pending} pending" if pending else ""
    return f"{each['name']:<12} {each['state']:<8} at {each['schema'] or 'nothing'}{more}"
