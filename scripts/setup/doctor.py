"""`doctor`: everything that a release will need, looked at before one needs it. Nothing is left changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import DeskError
from scripts.setup import environment_checks, machine_checks, remote_checks
from scripts.setup.health import Finding, counted, error
from scripts.setup.request import DoctorRequest
from scripts.system.background import submit

LIMIT = 25.0  # seconds for all of them: they run at the same time
OF_THE_DESK = {
    "programs": machine_checks.installed,
    "supabase-cli": machine_checks.supabase_cli,
    "files": machine_checks.files,
    "remote": remote_checks.remote,
    "github": remote_checks.on_github,
}
OF_AN_ENVIRONMENT = {
    "url": environment_checks.public,
    "ssh": environment_checks.replit,
    "publish": environment_checks.publish,
    "database": environment_checks.database,
    "variables": environment_checks.variables,
}


def doctor(desk: Desk, request: DoctorRequest) -> Outcome:
    """Look at all of it, or at one environment and what all share."""
    chosen = [desk.settings.environment(request.env)] if request.env else list(desk.settings)
    findings = list(_look(desk, chosen))
    for each in findings:
        desk.progress.note(_line(each))
    number = counted(findings)
    said = f"{number['ok']} ok, {number['warning']} warnings, {number['error']} errors"
    checks = [each.document() for each in findings]
    if number["error"]:
        return Outcome.failed(said, checks=checks, counts=number)
    return Outcome.done(said, checks=checks, counts=number)


def _look(desk: Desk, chosen: list[Environment]) -> Iterator[Finding]:
    """Every check at the same time; one that hangs is said, and holds up no other."""
    started: list[tuple[str, str | None, Future[list[Finding]]]] = [
        (name, None, submit(_safely, name, check, desk)) for name, check in OF_THE_DESK.items()
    ]
    for environment in chosen:
        for name, check in OF_AN_ENVIRONMENT.items():
            work = submit(_safely, name, check, desk, environment)
            started.append((name, environment.name, work))
    deadline = time.monotonic() + LIMIT
    for name, place, work in started:
        try:
            found = work.result(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            found = [error(name, f"no answer within {LIMIT:g} s", "try again; is the network slow?")]
        yield from (replace(each, environment=place) for each in found)


def _safely(name: str, check: Callable[..., Iterable[Finding]], *what: Desk | Environment) -> list[Finding]:
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
