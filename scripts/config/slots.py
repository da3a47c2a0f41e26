# pure
"""A preview's slot as an environment, so that a driver builds and publishes there as anywhere else."""

from __future__ import annotations

from typing import Literal, cast

from scripts.config.preview_settings import FAMILY, Slot
from scripts.config.settings import Access, Environment, Launcher


def environment_of(name: str, slot: Slot) -> Environment:
    """The environment `preview-<slot>`; it is in no chain, and has no branch of its own."""
    return Environment(
        name=environment_name(name),
        branch="",
        url=slot.url,
        ssh_host=slot.ssh_host,
        ssh_config=slot.ssh_config,
        workspace=slot.workspace,
        publish=cast('Literal["mcp", "manual", "launcher"]', slot.publish),
        repl_id=slot.repl_id,
        mcp_url=slot.mcp_url,
        access=Access(slot.header, slot.prefix),
        launcher=Launcher(build=slot.build),
    )


def environment_name(slot: str) -> str:
    """What lock, stamp and candidate of a slot are named after."""
    return f"{FAMILY}-{slot}"
