"""`doctor`: check everything that a release will need. Nothing is left changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import DeskError
from scripts.preview.places import Place, place_of
from scripts.setup import environment_checks, machine_checks, preview_checks, remote_checks
from scripts.setup.health import Finding, count_by_state, error
from scripts.setup.request import DoctorRequest
from scripts.system.background import submit

TIMEOUT = 25.0  # seconds for all checks, which run concurrently
DESK_CHECKS = {
    "programs": machine_checks.check_programs,
    "supabase-cli": machine_checks.check_supabase_cli,
    "migrations": machine_checks.check_migrations,
    "files": machine_checks.check_files,
    "history": machine_checks.check_history,
    "network": machine_checks.check_network,
    "confinement": machine_checks.check_confinement,
    "leftovers": machine_checks.check_leftovers,
    "remote": remote_checks.check_remote,
    "ledger": remote_checks.check_ledger,
    "github": remote_checks.check_github,
}
ENVIRONMENT_CHECKS = {
    "url": environment_checks.check_url,
    "ssh": environment_checks.check_workspace,
    "publish": environment_checks.check_publish,
    "database": environment_checks.check_database,
    "functions": environment_checks.check_functions,
    "variables": environment_checks.check_variables,
    "scratch": environment_checks.check_scratch,
    "proof": environment_checks.check_proof,
}
SLOT_CHECKS = {
    "ssh": environment_checks.check_workspace,
    "publish": environment_checks.check_publish,
    "variables": preview_checks.check_variables,
    "database": preview_checks.check_database,
}


def doctor(desk: Desk, request: DoctorRequest) -> Outcome:
    """Check what all environments share, and every environment and slot, or the one that is named."""
    environments = [desk.settings.environment(request.env)] if request.env else list(desk.settings)
    slots = [place_of(desk, slot) for slot in desk.settings.preview.slots] if not request.env else []
    findings = list(_run_checks(desk, environments, slots))
    desk.progress.show([_line(finding) for finding in findings])
    counts = count_by_state(findings)
    message = f"{counts['ok']} ok, {counts['warning']} warnings, {counts['error']} errors"
    ended = Outcome.failed if counts["error"] else Outcome.done
    return ended(message, checks=[finding.document() for finding in findings], counts=counts)


def _run_checks(desk: Desk, environments: list[Environment], slots: list[Place]) -> Iterator[Finding]:
    """Run all checks concurrently; one that hangs becomes an error and delays no other."""
    started: list[tuple[str, str | None, Future[list[Finding]]]] = [
        (name, None, submit(_run_check, name, check, desk)) for name, check in DESK_CHECKS.items()
    ]
    for environment in environments:
        for name, check in ENVIRONMENT_CHECKS.items():
            work = submit(_run_check, name, check, desk, environment)
            started.append((name, environment.name, work))
    started += [("slot", place.environment.name, submit(_check_slot, place)) for place in slots]
    deadline = time.monotonic() + TIMEOUT
    for name, environment_name, work in started:
        try:
            findings = work.result(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            findings = [error(name, f"no answer within {TIMEOUT:g} s", "try again; is the network slow?")]
        yield from (replace(finding, environment=environment_name) for finding in findings)


def _check_slot(place: Place) -> list[Finding]:
    """The checks of a slot, one after another: `ssh` may wake what the others need."""
    calls = (_run_check(name, each, place.desk, place.environment) for name, each in SLOT_CHECKS.items())
    return [finding for findings in calls for finding in findings]


def _run_check(
    name: str, check: Callable[..., Iterable[Finding]], *arguments: Desk | Environment
) -> list[Finding]:
    """The findings of one check; an error that ends it becomes the last finding."""
    findings: list[Finding] = []
    try:
        findings.extend(check(*arguments))
    except DeskError as fault:
        findings.append(error(name, fault.message, fault.hint or "see the message"))
    return findings


def _line(finding: Finding) -> str:
    where = f"{finding.environment}: " if finding.environment else ""
    hint = f"\n      hint: {finding.hint}" if finding.hint else ""
    return f"{finding.state:<8} {finding.check:<13} {where}{finding.message}{hint}"
