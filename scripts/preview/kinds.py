"""Which kind of database previews have."""

from __future__ import annotations

from scripts.config.desk import Desk
from scripts.config.preview_settings import FAMILY
from scripts.config.settings import Environment
from scripts.preview.databases import Databases, NoDatabases, server_databases
from scripts.preview.places import Place
from scripts.preview.supabase_branches import supabase_branches


def databases_of(desk: Desk, place: Place | None) -> Databases:
    """The kind that `[preview] database` names, with the values of a slot, or those of all slots.

    Raises:
        Refused: what it needs is missing, or is another environment's.
    """
    kind = desk.settings.preview.database
    if kind == "none" or not desk.settings.app.migrations:
        return NoDatabases()
    environment = place.environment if place else Environment(FAMILY, "", "")
    if kind == "supabase":
        return supabase_branches(place.desk if place else desk, environment)
    return server_databases(desk, (place.desk if place else desk).values(environment))
