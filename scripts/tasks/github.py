"""`github.*`: what the desk sets up on GitHub, and in the app for GitHub Actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection

from scripts.setup.request import ProtectRequest, WorkflowsRequest
from scripts.tasks.options import command

if TYPE_CHECKING:
    from scripts.config.desk import Desk
    from scripts.config.outcome import Outcome


@command(WorkflowsRequest)
def workflows() -> Callable[[Desk, WorkflowsRequest], Outcome]:
    """Write workflows for GitHub Actions into the app: `invoke github.workflows --plan`."""
    from scripts.setup.workflows.command import write_workflows

    return write_workflows


@command(ProtectRequest)
def protect() -> Callable[[Desk, ProtectRequest], Outcome]:
    """Protect the branches with rulesets on GitHub, shown first: `invoke github.protect --plan`."""
    from scripts.setup.protect import protect

    return protect


collection = Collection("github", workflows, protect)
