"""The gate before migrations of a guarded environment: a backup of this very state, and its proof."""

from __future__ import annotations

from scripts.workflows.database.backup import summary
from scripts.workflows.database.proving import prove_taken
from scripts.workflows.database.taking import taken
from scripts.workflows.run.run import Run


def back_up(run: Run) -> None:
    """Take it and prove it; nothing has changed yet, so whatever fails here stops the release.

    Raises:
        DeskError: there is no backup that one could rely on.
    """
    tools, facts = run.tools, run.plan.facts
    with run.step("backup", "of the state before the migrations, restored beside and compared"):
        with taken(tools, run.environment, "predeploy", facts.previous) as backup:
            prove_taken(tools, run.environment, backup, facts.ledger.tip, run.id)
        run.tools.progress.note(f"`{backup.manifest.id}` is proven: {summary(backup.manifest)}")
