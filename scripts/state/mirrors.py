"""A remote that is pushed to several addresses: what one of them did not take is said, with the way out."""

from __future__ import annotations

import shlex
from contextlib import suppress

from scripts.config.desk import Desk
from scripts.errors import DeskError

SHOWN = 3  # refs


def lagging(desk: Desk) -> list[str]:
    """One line for each address that lags behind the one that is read; [] where none does."""
    with suppress(DeskError):
        remote = desk.git.remote
        leave_out = f"git remote set-url --delete --push {remote}"
        return [
            f"`{remote}` is also pushed to `{address}`, which lags behind ({_first(refs)}); leave it out:"
            f" `{leave_out} {shlex.quote(address)}`, and mirror on the server"
            for address, refs in desk.git.lagging().items()
        ]
    return []


def _first(refs: tuple[str, ...]) -> str:
    more = f" and {len(refs) - SHOWN} more" if len(refs) > SHOWN else ""
    return ", ".join(f"`{ref}`" for ref in refs[:SHOWN]) + more
