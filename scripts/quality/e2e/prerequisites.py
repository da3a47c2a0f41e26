"""What the browser tests need before they begin: a test that can't run is no failure of the app."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.quality.e2e import pytest_run

# what the shipped journeys ask for: those of the sample app, which keeps its rows in Supabase
SHIPPED_NEED = ("VITE_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY", "WHATSAPP_VERIFY_TOKEN")
OWN = (
    "name the app's own tests: `[e2e] path` is a folder of pytest files in it, `[e2e] command` a"
    ' suite in any language (`docs/quality.md`, "Browser tests")'
)


def require_what_journeys_need(desk: Desk, environment: Environment) -> None:
    """Refuse what would fail, or be skipped, for a reason that says nothing of the app.

    Raises:
        Refused: a package is missing, or the shipped journeys don't fit this app.
    """
    e2e = desk.settings.e2e
    if e2e.path or e2e.command or e2e.smoke_command:
        return  # an app's own tests bring what they need
    values = desk.values(environment)
    given = {*desk.settings.app.build_variables, *e2e.variables}
    missing = [name for name in SHIPPED_NEED if name not in given or not values.get(name)]
    if missing:
        raise Refused(_unfit(missing, environment.name), OWN)
    package = pytest_run.missing_package()
    if package:
        raise Refused(
            f"the browser tests need the Python package `{package}`, which is not installed",
            "`scripts/bootstrap test-e2e ...` installs it (`requirements-e2e.txt`)",
        )


def _unfit(missing: Iterable[str], environment: str) -> str:
    listed = ", ".join(f"`{name}`" for name in missing)
    return (
        f"no tests of this app are named, and the shipped ones are the sample app's: they need {listed} of"
        f" `.env.{environment}`, in `[app] build_variables` or `[e2e] variables`"
    )
