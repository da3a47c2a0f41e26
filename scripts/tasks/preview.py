"""`preview.*`: temporary environments of feature branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection

from scripts.preview.request import (
    PreviewDownRequest,
    PreviewListRequest,
    PreviewSweepRequest,
    PreviewUpRequest,
)
from scripts.tasks.options import command

if TYPE_CHECKING:
    from scripts.config.desk import Desk
    from scripts.config.outcome import Outcome


@command(PreviewUpRequest)
def up() -> Callable[[Desk, PreviewUpRequest], Outcome]:
    """Show a feature branch with a database of its own: `invoke preview.up --branch feature/x`."""
    from scripts.preview.up import up

    return up


@command(PreviewDownRequest)
def down() -> Callable[[Desk, PreviewDownRequest], Outcome]:
    """End a preview: its database goes, its slot is free: `invoke preview.down --branch feature/x`."""
    from scripts.preview.commands import down

    return down


@command(PreviewListRequest, name="list")
def show_list() -> Callable[[Desk, PreviewListRequest], Outcome]:
    """Show which branch has which slot, and until when: `invoke preview.list`."""
    from scripts.preview.commands import show_list

    return show_list


@command(PreviewSweepRequest)
def sweep() -> Callable[[Desk, PreviewSweepRequest], Outcome]:
    """End previews that are merged, closed, expired or dead: `invoke preview.sweep --plan`."""
    from scripts.preview.sweep import sweep

    return sweep


collection = Collection("preview", up, down, show_list, sweep)
