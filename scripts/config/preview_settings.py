# pure
"""`[preview]` of `pipeline.toml`: the slots for feature branches, and what a preview is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

SLOT = re.compile(r"[a-z][a-z0-9-]{0,19}")
TTL = re.compile(r"([1-9][0-9]{0,4})([smhd])")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST = 30 * UNITS["d"]  # seconds
FAMILY = "preview"  # of their environments: `preview-one` is the slot `one`


class Slot(NamedTuple):
    """`[preview.slots.<name>]`: one Replit app that previews take turns on; the keys are an environment's.

    Args:
        header, prefix: as in `[environment.*.access]`.
        build: as in `[environment.*.launcher]`.
    """

    url: str
    ssh_host: str = ""
    ssh_config: str = ""
    workspace: str = "/home/runner/workspace"
    publish: str = "mcp"
    repl_id: str = ""
    mcp_url: str = "https://mcp.replit.com/server/mcp"
    header: str = ""
    prefix: str = "Bearer "
    build: Literal["there", "artifact"] = "there"


class Preview(NamedTuple):
    """`[preview]`: temporary environments of feature branches.

    Args:
        branches: how the name of a branch begins that may have one.
        ttl: how long one stays: `90m`, `12h`, `3d`.
        database: a database on the server of `.env.preview`, a branch of its Supabase project, or none.
        template: the database that a new one is a copy of; "" for the server's own template.
        seed: a file of SQL in the commit, for the rows that a new database has; "" for none.
        borrow: public variables that the first environment gives where `.env.preview` has none.
    """

    branches: str = "feature/"
    ttl: str = "3d"
    database: Literal["server", "supabase", "none"] = "server"
    template: str = ""
    seed: str = "supabase/seed.sql"
    borrow: tuple[str, ...] = ()
    slots: Mapping[str, Slot] = MappingProxyType({})


def seconds_of(ttl: str) -> int | None:
    """The seconds of `90m`, `12h` or `3d`; None for what is no such time, or more than 30 days."""
    found = TTL.fullmatch(ttl)
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    return seconds if 0 < seconds <= LONGEST else None


def preview_faults(preview: Preview, build_variables: tuple[str, ...]) -> Iterator[str]:
    """What the types can't express."""
    if seconds_of(preview.ttl) is None:
        yield "`preview.ttl` should be a time of at most 30 days: `90m`, `12h`, `3d`"
    for name in preview.borrow:
        if name not in build_variables:
            yield f"`preview.borrow` names `{name}`, which is not in `app.build_variables`"
    for name in preview.slots:
        if not SLOT.fullmatch(name):
            yield f"`preview.slots.{name}`: a slot's name should be 20 lower-case letters, digits and `-`"
