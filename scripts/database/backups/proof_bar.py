"""How far the proof of a backup is: bytes in the scratch database, then bytes of tables compared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager, suppress

from scripts.config.desk import Progress
from scripts.database.backups.dumping import LOOK, STEPS, readable_size
from scripts.database.backups.manifest import Manifest
from scripts.database.counting import counting
from scripts.database.postgres.client import session
from scripts.database.postgres.url import Database
from scripts.errors import DeskError
from scripts.system.background import submit

PROOF_STEPS = (*STEPS, "verify")
ENDS_WITHIN = 5.0  # seconds that are given to a look that is under way
# takes no lock of a table, as `pg_table_size` would: the restore makes constraints meanwhile
GROWN = "select pg_database_size(current_database()) - pg_database_size('template0')"


@contextmanager
def restoring(progress: Progress, manifest: Manifest, database: Database) -> Iterator[None]:
    """Show how much of the backup is in the scratch database, while the block restores it.

    Whatever goes wrong with a look is no fault of the restore: then nothing more is shown.
    """
    over = threading.Event()
    looks = submit(_show, progress, manifest, database, over)
    try:
        yield
    finally:
        over.set()
        with suppress(NotYet):
            looks.exception(timeout=ENDS_WITHIN)


def _show(progress: Progress, manifest: Manifest, database: Database, over: threading.Event) -> None:
    total = sum(table.bytes for table in manifest.tables.values())
    of = readable_size(total)
    with suppress(DeskError):
        if over.wait(LOOK):
            return
        with session(database) as connection:
            while not over.wait(LOOK):
                row = connection.execute(GROWN).fetchone()
                size = int(row[0]) if row else 0
                if size < total:
                    said = f"{readable_size(max(0, size))} of about {of} restored"
                    progress.advance(size, total, said, *PROOF_STEPS)
                else:  # the server does not tell how far an index is
                    progress.advance(0, 0, "restored; indexes and constraints are made", *PROOF_STEPS)


def comparing(progress: Progress, manifest: Manifest) -> Callable[[str], None]:
    """What is told each table whose rows were read of the copy; several threads may call it."""
    sizes = {name: table.bytes for name, table in manifest.tables.items()}
    total = sum(sizes.values())
    of = readable_size(total)
    tell = counting(progress, total, lambda done: f"{readable_size(done)} of {of} compared", *PROOF_STEPS)
    return lambda name: tell(sizes.get(name, 0))
