"""Whether a backup can be proven as a whole, told before it is taken."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups import scratch_server, toc
from scripts.database.backups.unproven import Foreseen
from scripts.database.postgres import extension_use, programs, scratch
from scripts.database.postgres.client import Postgres, configured_database
from scripts.database.postgres.extension_use import Use
from scripts.errors import CommandFailed, CommandTimedOut, Refused


def foresee(desk: Desk, environment: Environment, scratch_of: Environment | None = None) -> Foreseen | None:
    """What the proof of a backup would lack now; None where it is whole, or that can't be told.

    Args:
        scratch_of: whose variables may name the scratch server, if not the environment's.
    """
    try:
        database = configured_database(desk, environment)
        if database is None:
            return None
        with Postgres(database).session() as connection:
            connection.execute("set search_path = ''")
            major = connection.info.server_version // 10_000
            rows = connection.execute(extension_use.QUERY).fetchall()
        uses = extension_use.of_the_app(rows, toc.is_app_schema)
        available = (
            _available(desk, scratch_of or environment, major, {use.extension for use in uses})
            if uses
            else ()
        )
    except (CommandFailed, CommandTimedOut, Refused):  # the backup itself says so
        return None
    return _foreseen(uses, available, major, accepted=desk.settings.backup.partial_proof)


def _foreseen(
    uses: Sequence[Use], available: Collection[str], major: int, *, accepted: bool
) -> Foreseen | None:
    lacking = [use for use in uses if use.extension not in available]
    if not lacking:
        return None
    names = tuple(dict.fromkeys(use.extension for use in lacking))
    return Foreseen(names, tuple(dict.fromkeys(use.thing for use in lacking)), major, accepted)


def _available(
    desk: Desk, environment: Environment, major: int, wanted: Collection[str]
) -> Collection[str]:
    """The extensions of the server that a backup would be proven on."""
    named = scratch_server.configured(desk, environment)
    if named is not None:
        return scratch.available_extensions(named)
    folder = scratch_server.programs_with(desk, major, wanted) or programs.packaged(desk)
    return programs.extensions_in(folder, major)
