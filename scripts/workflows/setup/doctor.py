"""`doctor`: everything that a release will need, looked at before one needs it. Nothing is left changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace

from scripts.domain.outcome import Outcome
from scripts.domain.settings import Environment
from scripts.domain.setup.health import Finding, counted, error
from scripts.errors import DeskError
from scripts.shell.background import begin
from scripts.workflows.setup import here, shared, there
from scripts.workflows.toolbox import Toolbox

LIMIT = 25.0  # seconds for all of them: they run at the same time
OF_THE_DESK = {
    "programs": here.installed,
    "supabase-cli": here.supabase_cli,
    "files": here.files,
    "remote": shared.remote,
    "github": shared.on_github,
}
OF_AN_ENVIRONMENT = {
    "url": there.public,
    "ssh": there.replit,
    "publish": there.publish,
    "database": there.database,
    "variables": there.variables,
}


def run(tools: Toolbox, *, env: str | None) -> Outcome:
    """Look at all of it, or at one environment and what all share."""
    chosen = [tools.settings.environment(env)] if env else list(tools.settings)
    findings = list(_look(tools, chosen))
    for each in findings:
        tools.progress.note(_line(each))
    number = counted(findings)
    said = f"{number['ok']} ok, {number['warning']} warnings, {number['error']} errors"
    checks = [each.document() for each in findings]
    if number["error"]:
        return Outcome.failed(said, checks=checks, counts=number)
    return Outcome.done(said, checks=checks, counts=number)


def _look(tools: Toolbox, chosen: list[Environment]) -> Iterator[Finding]:
    """Every check at the same time; one that hangs is said, and holds up no other."""
    started: list[tuple[str, str | None, Future[list[Finding]]]] = [
        (name, None, begin(_safely, name, check, tools)) for name, check in OF_THE_DESK.items()
    ]
    for environment in chosen:
        for name, check in OF_AN_ENVIRONMENT.items():
            work = begin(_safely, name, check, tools, environment)
            started.append((name, environment.name, work))
    deadline = time.monotonic() + LIMIT
    for name, place, work in started:
        try:
            found = work.result(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            found = [error(name, f"no answer within {LIMIT:g} s", "try again; is the network slow?")]
        yield from (replace(each, environment=place) for each in found)


def _safely(
    name: str, check: Callable[..., Iterable[Finding]], *what: Toolbox | Environment
) -> list[Finding]:
    """What a check found, up to what it could not get over."""
    found: list[Finding] = []
    try:
        found.extend(check(*what))
    except DeskError as fault:
        found.append(error(name, fault.message, fault.hint or "see the message"))
    return found


def _line(finding: Finding) -> str:
    where = f"{finding.environment}: " if finding.environment else ""
    hint = f"\n      hint: {finding.hint}" if finding.hint else ""
    return f"{finding.state:<8} {finding.check:<13} {where}{finding.message}{hint}"
