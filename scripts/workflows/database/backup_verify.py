"""`backup.verify ID`: a backup that lies there is fetched, restored beside and compared."""

from __future__ import annotations

from pathlib import Path

from scripts.domain.database import backups
from scripts.domain.outcome import Outcome
from scripts.domain.release.ledger import Ledger
from scripts.domain.settings import Environment
from scripts.errors import DeskError, Refused
from scripts.workflows.database import places
from scripts.workflows.database.backup import document, said, summary
from scripts.workflows.database.proving import demand_no_loss, prove_taken
from scripts.workflows.database.taking import Taken
from scripts.workflows.notices import tell
from scripts.workflows.release.observe import observe_remote
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, backup: str, env: str | None, accept_shrink: bool = False) -> Outcome:
    """Prove it; the ledger knows the answer afterwards."""
    remote = observe_remote(tools)
    environment = _owner(tools, remote.ledger, backup, env)
    try:
        with said(tools, "verify", backup):
            taken = _proven(tools, environment, backup, remote.ledger, accept_shrink=accept_shrink)
    except DeskError as fault:
        tell.backup_failed(tools, environment, fault)
        raise
    return Outcome.done(
        f"`{backup}` is proven: {summary(taken.manifest)}; restored beside, it is the same",
        **document(taken, proven=True),
    )


def _proven(
    tools: Toolbox, environment: Environment, backup: str, ledger: Ledger, *, accept_shrink: bool
) -> Taken:
    known = backups.known(ledger, environment.name)
    with places.fetched(tools, environment, backup, known) as (plain, manifest):
        place = Path(places.where(tools, environment)[backup][0].place)
        taken = Taken(manifest, plain, place / backup, known[backup].seconds if backup in known else 0.0)
        if manifest.kind in backups.REGULAR:
            demand_no_loss(tools, environment, taken, ledger, accept=accept_shrink)
        prove_taken(tools, environment, taken, ledger.tip)
    return taken


def _owner(tools: Toolbox, ledger: Ledger, backup: str, env: str | None) -> Environment:
    """The environment that it is of: the one that was named, or the one that knows it."""
    if env:
        return tools.settings.environment(env)
    for each in tools.settings:
        if backup in backups.known(ledger, each.name) or backup in places.folder(tools, each).ids():
            return each
    raise Refused(f"no environment knows a backup `{backup}`", "`invoke backup.list`; or name one: `--env`")
