"""`backup`: the database as it is now, in a file that is proven to bring it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scripts.domain.database.backups import REGULAR
from scripts.domain.database.manifest import Kind, Manifest
from scripts.domain.outcome import Outcome
from scripts.domain.settings import Environment
from scripts.errors import DeskError, Refused
from scripts.workflows.database.dumping import words
from scripts.workflows.database.proving import demand_no_loss, prove_taken, write_down
from scripts.workflows.database.taking import Taken, taken
from scripts.workflows.notices import tell
from scripts.workflows.release.observe import observe_remote
from scripts.workflows.toolbox import Toolbox


def run(tools: Toolbox, *, env: str, kind: str, proof: bool, accept_shrink: bool = False) -> Outcome:
    """Take it, prove it, write it down."""
    environment = tools.settings.environment(env)
    asked = next((each for each in REGULAR if each == kind), None)
    if asked is None:
        raise Refused(f"`{kind}` is no kind of backup to ask for", f"one of {', '.join(REGULAR)}")
    try:
        return _backed_up(tools, environment, asked, proof=proof, accept_shrink=accept_shrink)
    except DeskError as fault:
        tell.backup_failed(tools, environment, fault)
        raise


def _backed_up(
    tools: Toolbox, environment: Environment, kind: Kind, *, proof: bool, accept_shrink: bool
) -> Outcome:
    ledger = observe_remote(tools).ledger
    with (
        said(tools, "backup", environment.name),
        taken(tools, environment, kind, ledger.live(environment.name)) as backup,
    ):
        name = backup.manifest.id
        tools.progress.note(f"`{name}` is stored: {summary(backup.manifest)}, {backup.seconds:.1f} s")
        if not proof:
            write_down(tools, ledger.tip, backup, proven=False)
            return Outcome.done(
                f"`{name}` is taken, and not proven: nobody should rely on it yet",
                f"`invoke backup.verify {name} --env {environment.name}`",
                **document(backup, proven=False),
            )
        demand_no_loss(tools, environment, backup, ledger, accept=accept_shrink)
        prove_taken(tools, environment, backup, ledger.tip)
    return Outcome.done(
        f"`{name}` is taken and proven: {summary(backup.manifest)}; restored beside, it is the same",
        **document(backup, proven=True),
    )


def summary(manifest: Manifest) -> str:
    """`12 tables, 3,400 rows, 1.2 MB`."""
    rows = sum(manifest.rows.values())
    return f"{len(manifest.tables)} tables, {rows:,} rows, {words(manifest.bytes)}"


def document(backup: Taken, *, proven: bool) -> dict[str, Any]:
    """What the JSON document says of a backup."""
    manifest = backup.manifest
    return {
        "backup": manifest.id,
        "environment": manifest.environment,
        "path": str(backup.path),
        "bytes": manifest.bytes,
        "proven": proven,
        "rows": manifest.rows,
        "seconds": round(backup.seconds, 2),
        "left_out": [{"what": each.what, "why": each.why} for each in manifest.left_out],
    }


@contextmanager
def said(tools: Toolbox, name: str, detail: str) -> Iterator[None]:
    """A step of a task that is no release."""
    began, ending = tools.clock(), "failed"
    tools.progress.begin(name, detail)
    try:
        yield
        ending = "done"
    finally:
        tools.progress.end(name, ending, tools.clock() - began)
