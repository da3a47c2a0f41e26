"""Backups for a restore: the one that is to come, and the one that keeps what goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.domain.database import backups
from scripts.domain.database.manifest import Manifest
from scripts.domain.release.ledger import Ledger
from scripts.domain.settings import Environment
from scripts.errors import Refused
from scripts.workflows.database import places
from scripts.workflows.database.proving import prove_taken
from scripts.workflows.database.taking import taken
from scripts.workflows.release.observe import observe_remote
from scripts.workflows.toolbox import Toolbox


@contextmanager
def fetched(
    tools: Toolbox, environment: Environment, backup: str, ledger: Ledger
) -> Iterator[tuple[Path, Manifest]]:
    """A backup that the ledger does not know to be bad, plain and checked.

    Raises:
        Refused: there is none of that id, it is damaged, or its proof failed.
    """
    known = backups.known(ledger, environment.name)
    found = known.get(backup)
    if found and found.fault:
        raise Refused(
            f"`{backup}` was tried, and does not bring back what it was taken of: {found.fault}",
            f"`invoke backup.list --env {environment.name}` shows the proven ones",
        )
    with places.fetched(tools, environment, backup, known) as (folder, manifest):
        yield folder, manifest


def safety_backup(tools: Toolbox, environment: Environment) -> str:
    """The present state, proven; returns its id.

    Raises:
        DeskError: it could not be taken, or not be proven.
    """
    ledger = observe_remote(tools).ledger
    with taken(tools, environment, "presafety", ledger.live(environment.name)) as backup:
        prove_taken(tools, environment, backup, ledger.tip)
    return backup.manifest.id
