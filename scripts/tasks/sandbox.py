"""`demo` and `sandbox.*`: a whole world on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection

from scripts.sandbox.request import DemoRequest, SandboxDownRequest, SandboxUpRequest
from scripts.tasks.options import plain_command

if TYPE_CHECKING:
    from scripts.config.desk import Progress
    from scripts.config.outcome import Outcome


@plain_command(DemoRequest)
def demo() -> Callable[[Progress, DemoRequest], Outcome]:
    """Play the story in a sandbox, from feature to production: `invoke demo`."""
    from scripts.sandbox.demo import demo

    return demo


@plain_command(SandboxUpRequest)
def up() -> Callable[[Progress, SandboxUpRequest], Outcome]:
    """Start a sandbox on this machine; no account needed: `invoke sandbox.up`."""
    from scripts.sandbox.commands import sandbox_up

    return sandbox_up


@plain_command(SandboxDownRequest)
def down() -> Callable[[Progress, SandboxDownRequest], Outcome]:
    """Stop the sandbox and remove it: `invoke sandbox.down`."""
    from scripts.sandbox.commands import sandbox_down

    return sandbox_down


collection = Collection("sandbox", up, down)
