"""What people ask of the branches."""

from __future__ import annotations

from scripts.config.request import Request, option, plan, wait, yes


class BackmergeRequest(Request):
    """`backmerge`: bring what later branches have back to the earlier ones."""

    closes = True

    from_: str = option(
        "environment or branch that has what the others lack; the last of the chain if left out"
    )
    to: str = option("environment or branch where it ends; the first of the chain if left out", short="t")
    all: bool = option(
        "the whole chain: afterwards each branch has all that the next one has", default=False
    )
    plan: bool = plan()
    yes: bool = yes()
    wait: bool = wait()

    @property
    def about(self) -> str:
        """No environment: several branches move."""
        return ""
