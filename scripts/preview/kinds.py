"""Which kind of database previews have."""

from __future__ import annotations

from scripts.config.desk import Desk
from scripts.config.preview_settings import FAMILY
from scripts.config.settings import Environment
from scripts.preview.databases import Databases, NoDatabases, server_databases
from scripts.preview.places import Place


def databases_of(desk: Desk, place: Place | None) -> Databases:
    """The kind that `[preview] database` names, with the values of a slot, or those of all slots.

    Raises:
        Refused: what it needs is missing, or is another environment's.
    """
    kind = desk.settings.preview.database
    if kind == "none" or not desk.settings.app.migrations:
        return NoDatabases()
    values = place.values if place else desk.values(Environment(FAMILY, "", ""))
    return server_databases(desk, values)
