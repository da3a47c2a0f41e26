"""`publish = "manual"`: built in the workspace; a person presses Publish on Replit."""

from __future__ import annotations

from scripts.replit.driver import Status
from scripts.replit.live import Expected
from scripts.replit.workspace import WorkspaceDriver
from scripts.state.held_lock import HeldLock


class ManualDriver(WorkspaceDriver):
    """Says what to press; the public URL shows when it was pressed."""

    name = "manual"
    unattended = False
    unproven_hint = "was Publish pressed on Replit? then try again with `--retry`"

    def publish(self, expected: Expected, lock: HeldLock) -> None:
        """Say what to press."""
        environment = self._environment
        self._desk.progress.note(
            f"press Publish in the Replit workspace of {environment.name} now;"
            f" waiting until {environment.url} answers with the commit"
        )

    def publish_status(self) -> tuple[Status, str]:
        """Nobody knows whether it was pressed."""
        return "other", ""

    def check(self) -> str:
        """Nothing to check."""
        return "by a person's hand"
