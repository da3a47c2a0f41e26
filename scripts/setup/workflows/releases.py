# pure
"""`deploy.yml`, `promote.yml`, `rollback.yml`: a job an environment, each with that one's secrets alone."""

from __future__ import annotations

import shlex

from scripts.config.settings import Environment
from scripts.setup.workflows.check import RUNNER, TOKEN, one_at_a_time
from scripts.setup.workflows.place import Place, Step, either, release_values, test_values

SSH = """\
umask 077
mkdir -p ~/.ssh
if [ -n "$SSH_KEY" ]; then printf '%s\\n' "$SSH_KEY" >~/.ssh/replit; fi
if [ -n "$SSH_CONFIG" ]; then printf '%s\\n' "$SSH_CONFIG" >~/.ssh/config; fi
if [ -n "$SSH_KNOWN_HOSTS" ]; then printf '%s\\n' "$SSH_KNOWN_HOSTS" >~/.ssh/known_hosts; fi
"""
TYPED = '${RELEASE:+--to="$RELEASE"} --reason="$REASON"'
DEMANDS = {
    "integration": "test-app --suite integration --env {env}",
    "e2e": "test-e2e --env {env} --suite {level}",
    "load": "load-test --env {env} --profile {level} --yes",
}


def deploy(place: Place) -> dict[str, object]:
    """A push makes the head of the branch live; what the next environment demands is tested then."""
    settings = place.settings
    jobs: dict[str, object] = {}
    for environment in settings:
        command = f"deploy --env {environment.name} --yes --wait"
        condition = f"github.ref_name == {_quoted(environment.branch)}"
        jobs[f"deploy-{environment.name}"] = _release(place, environment, "deploy", command, condition)
        if tests := _tests(place, environment, f"deploy-{environment.name}"):
            jobs[f"tests-{environment.name}"] = tests
    if settings.tests.unit and not settings.tests.unit_check:
        jobs["unit-tests"] = _unit(place)
    branches = [environment.branch for environment in settings]
    return _workflow("deploy", {"push": {"branches": branches}}, jobs)


def promote(place: Place) -> dict[str, object]:
    """By hand: what passed in the environment before goes live; then it is tested for the next one."""
    names = [environment.name for environment in place.settings][1:]
    jobs: dict[str, object] = {}
    for environment in list(place.settings)[1:]:
        command = f"promote --to {environment.name} --yes --wait"
        condition = f"inputs.to == {_quoted(environment.name)}"
        jobs[f"promote-{environment.name}"] = _release(place, environment, "promote", command, condition)
        if tests := _tests(place, environment, f"promote-{environment.name}"):
            jobs[f"tests-{environment.name}"] = tests
    asked = {"to": {"description": "where to", "type": "choice", "required": True, "options": names}}
    return _workflow("promote", {"workflow_dispatch": {"inputs": asked}}, jobs)


def rollback(place: Place) -> dict[str, object]:
    """By hand: an earlier release goes live again. What people type reaches the shell by variables."""
    jobs: dict[str, object] = {
        f"rollback-{environment.name}": _release(
            place,
            environment,
            "rollback",
            f"rollback --env {environment.name} {TYPED} --yes --wait",
            f"inputs.environment == {_quoted(environment.name)}",
            RELEASE="${{ inputs.release }}",
            REASON="${{ inputs.reason }}",
        )
        for environment in place.settings
    }
    names = [environment.name for environment in place.settings]
    asked = {
        "environment": {"description": "where", "type": "choice", "required": True, "options": names},
        "reason": {"description": "why; it goes to the ledger", "type": "string", "required": True},
        "release": {
            "description": "a release such as v3; empty for the last good one",
            "type": "string",
            "required": False,
            "default": "",
        },
    }
    return _workflow("rollback", {"workflow_dispatch": {"inputs": asked}}, jobs)


def _workflow(name: str, on: dict[str, object], jobs: dict[str, object]) -> dict[str, object]:
    return {"name": name, "on": on, "permissions": {}, "jobs": jobs}


def _release(
    place: Place,
    environment: Environment,
    task: str,
    command: str,
    condition: str,
    **typed: str,
) -> dict[str, object]:
    """A job that changes an environment. It runs no code of the app: that is built on Replit."""
    values = {**release_values(place.settings, environment), **typed}
    return {
        "if": condition,
        "runs-on": RUNNER,
        "timeout-minutes": 120,
        "environment": {"name": environment.name, "url": environment.url},
        "concurrency": one_at_a_time(f"{task}-{environment.name}"),
        "permissions": _rights(place),
        "steps": [
            *place.checkout(),
            *place.supabase(),
            ssh_step(),
            place.desk_step(f"{task} {environment.name}", command, values),
        ],
    }


def _rights(place: Place) -> dict[str, str]:
    """Branches and ledger are pushed, checks are read, pull requests are opened, GitHub is told."""
    opens = {"pull-requests": "write"} if place.settings.app.land == "pull-request" else {}
    tells = {"deployments": "write"} if place.settings.github.tell else {}
    return {"checks": "read", "statuses": "read", **_of_proofs(place), **opens, **tells}


def _of_proofs(place: Place) -> dict[str, str]:
    """Proofs go to the ledger, and are statuses of the commit."""
    return {"contents": "write", **({"statuses": "write"} if place.settings.github.tell else {})}


def ssh_step() -> Step:
    """The ssh key and configuration of the workspaces on Replit."""
    return {
        "name": "ssh to the workspace on Replit",
        "env": {
            "SSH_KEY": "${{ secrets.REPLIT_SSH_KEY }}",
            "SSH_CONFIG": either("REPLIT_SSH_CONFIG"),
            "SSH_KNOWN_HOSTS": either("REPLIT_SSH_KNOWN_HOSTS"),
        },
        "run": SSH,
    }


def _tests(place: Place, environment: Environment, after: str) -> dict[str, object] | None:
    """The proofs that the next environment demands of what is live here; never where customers are."""
    following = place.settings.after(environment)
    if following is None or environment.guarded:
        return None
    gates = following.gates
    levels = {
        "integration": "integration" if gates.integration else "",
        "e2e": gates.e2e,
        "load": gates.load,
    }
    if place.settings.tests.integration_check:  # that check is the proof
        levels["integration"] = ""
    steps = [
        place.desk_step(
            f"{kind} {level}".replace("integration integration", "integration tests"),
            DEMANDS[kind].format(env=environment.name, level=shlex.quote(level)),
            test_values(place.settings, environment),
            **{"if": "${{ !cancelled() }}"},
        )
        for kind, level in levels.items()
        if level
    ]
    if not steps:
        return None
    return {
        "needs": [after],
        "runs-on": RUNNER,
        "timeout-minutes": 120,
        "environment": environment.name,
        "concurrency": one_at_a_time(f"tests-{environment.name}"),
        "permissions": _of_proofs(place),
        "steps": [*place.checkout(), *place.packages(scripts=False)[:1], *steps, place.reports()],
    }


def _unit(place: Place) -> dict[str, object]:
    """The app's unit tests as a proof in the ledger, in a job without any secret of an environment."""
    first = next(iter(place.settings))
    command = 'test-app --suite unit --sha "$GITHUB_SHA"'
    return {
        "if": f"github.ref_name == {_quoted(first.branch)}",
        "runs-on": RUNNER,
        "timeout-minutes": 60,
        "permissions": _of_proofs(place),
        "steps": [
            *place.checkout(),
            *place.packages(scripts=False)[:1],
            place.desk_step("unit tests", command, TOKEN),
            place.reports(),
        ],
    }


def _quoted(text: str) -> str:
    """A text in an expression."""
    return "'" + text.replace("'", "''") + "'"
