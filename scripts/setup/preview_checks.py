"""`doctor` for a slot of previews: its variables, and the server of its database."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.preview.databases import NoDatabases
from scripts.preview.kinds import databases_of
from scripts.preview.places import Place
from scripts.preview.variables import borrowed, require_harmless
from scripts.setup import health
from scripts.setup.health import Finding


def check_variables(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Check that a preview's build has its variables, and that none is another environment's."""
    place = Place(environment.name, environment, desk)
    try:
        lent = borrowed(place)
        require_harmless(lent)
        branch = desk.settings.preview.database == "supabase"  # it brings some of them
        count = 0 if branch else len(lent.desk.build_variables(environment))
        yield health.ok(
            "variables", f"all {count} variables of a preview's build have a value of their own"
        )
    except Refused as fault:
        hint = (fault.hint or "").replace(f".env.{environment.name}", ".env.preview")
        yield health.error("variables", fault.message, hint)


def check_database(desk: Desk, environment: Environment) -> Iterator[Finding]:
    """Check that previews can have databases, and that they are not among those of an environment."""
    databases = databases_of(desk, Place(environment.name, environment, desk))
    if not isinstance(databases, NoDatabases):
        count = len(databases.slots())
        yield health.ok("database", f"the databases of previews can be reached; there are {count} now")
