"""The options of the tasks of previews."""

from __future__ import annotations

from scripts.config.request import Request, option, plan, wait

BRANCH = "the feature branch, as on the remote"


class PreviewUpRequest(Request):
    """`preview.up`: show a branch in a slot of its own, or what was pushed to it since."""

    closes = True

    branch: str = option(BRANCH, required=True)
    ttl: str = option("how long it stays, from now: `90m`, `12h`, `3d`; `[preview] ttl` if left out")
    plan: bool = plan()
    wait: bool = wait()


class PreviewDownRequest(Request):
    """`preview.down`: end a branch's preview."""

    closes = True

    branch: str = option(BRANCH, required=True)
    reason: str = option("why; it is told where the preview was told of")
    plan: bool = plan()
    wait: bool = wait()


class PreviewListRequest(Request):
    """`preview.list`: every slot, and what is in it."""


class PreviewSweepRequest(Request):
    """`preview.sweep`: end what is over, whoever began it."""

    closes = True

    plan: bool = plan()
