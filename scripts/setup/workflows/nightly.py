# pure
"""`nightly.yml`: proven backups, old ones removed, drift, a restore; `monitor.yml`: a look now and then."""

from __future__ import annotations

from scripts.config.settings import Environment
from scripts.setup.workflows.check import RUNNER, one_at_a_time
from scripts.setup.workflows.place import NIGHTLY, Place, Step, monitor_values, nightly_values

LOOKS = "7,22,37,52 * * * *"
NIGHT, WEEK = "17 2 * * *", "47 3 * * 0"


def nightly(place: Place) -> dict[str, object] | None:
    """The jobs of every guarded environment with a database; None where there is none."""
    jobs: dict[str, object] = {}
    for environment in place.settings:
        if environment.guarded and environment.database and place.settings.app.migrations:
            jobs[f"night-{environment.name}"] = _night(place, environment)
            if place.settings.backup.bucket:
                jobs[f"week-{environment.name}"] = _week(place, environment)
    if not jobs:
        return None
    on = {"schedule": [{"cron": NIGHT}, {"cron": WEEK}], "workflow_dispatch": None}
    return {"name": "nightly", "on": on, "permissions": {}, "jobs": jobs}


def monitor(place: Place) -> dict[str, object] | None:
    """A look at guarded environments: a job that fails, with no memory of the look before."""
    jobs: dict[str, object] = {}
    for environment in filter(lambda each: each.guarded, place.settings):
        values = monitor_values(place.settings, environment)
        name = environment.name
        step = place.desk_step(f"look at {name}", f"monitor.check --env {name}", values)
        jobs[f"monitor-{environment.name}"] = {
            "runs-on": RUNNER,
            "timeout-minutes": 10,
            "environment": f"{environment.name}{NIGHTLY}",
            "concurrency": one_at_a_time(f"monitor-{environment.name}"),
            "permissions": {"contents": "read"},
            "steps": [*place.checkout(), step],
        }
    on = {"schedule": [{"cron": LOOKS}], "workflow_dispatch": None}
    return {"name": "monitor", "on": on, "permissions": {}, "jobs": jobs} if jobs else None


def _night(place: Place, environment: Environment) -> dict[str, object]:
    name = environment.name
    calls = {"drift": f"db.drift --from {name} --against migrations"}
    if place.settings.backup.bucket:  # else a backup would be lost with the machine
        calls = {
            "backup": f"backup --env {name} --kind daily",
            "prune": f"backup.prune --env {name} --yes",
            "every backup is there": "backup.list --check",
            **calls,
        }
    values = nightly_values(place.settings, environment, opens=False)
    return _job(place, environment, f"github.event.schedule != '{WEEK}'", values, calls)


def _week(place: Place, environment: Environment) -> dict[str, object]:
    calls = {
        "restore the newest backup, and compare": f"backup.verify newest --env {environment.name}",
        "read every copy": "backup.list --deep",
    }
    values = nightly_values(place.settings, environment, opens=True)
    return _job(place, environment, f"github.event.schedule != '{NIGHT}'", values, calls)


def _job(
    place: Place, environment: Environment, condition: str, values: dict[str, str], calls: dict[str, str]
) -> dict[str, object]:
    steps: list[Step] = [
        place.desk_step(name, command, values, **{"if": "${{ !cancelled() }}"})
        for name, command in calls.items()
    ]
    return {
        "if": condition,
        "runs-on": RUNNER,
        "timeout-minutes": 180,
        "environment": f"{environment.name}{NIGHTLY}",
        "concurrency": one_at_a_time(f"nightly-{environment.name}"),
        "permissions": {"contents": "write"},
        "steps": [*place.checkout(), *place.supabase(), *steps],
    }
