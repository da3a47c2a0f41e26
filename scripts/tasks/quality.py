"""What proves that a commit is good enough: approvals, and tests against an environment."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.counter import ENV, JSON, REASON, desk


@task(
    help={
        "env": ENV,
        "commit": "commit, branch or tag; the one that is live there if left out",
        "reason": REASON,
        "withdraw": "take your own approval back",
        "json": JSON,
    }
)
def approve(
    _c: Context,
    env: str = "",
    commit: str = "",
    reason: str = "",
    withdraw: bool = False,
    json: bool = False,
) -> None:
    """Say that what is live there may go on: `invoke approve --env staging`."""
    desk("quality.approve", env=env, commit=commit, reason=reason, withdraw=withdraw, json=json)


@task(
    help={
        "env": ENV,
        "suite": "`smoke` (only reads) or `full`",
        "k": "only tests whose names match, as for pytest -k; then nothing is proven",
        "headed": "show the browser",
        "commit": "the commit that must be served; the newest release there if left out",
        "json": JSON,
    }
)
def test_e2e(
    _c: Context,
    env: str = "staging",
    suite: str = "full",
    k: str = "",
    headed: bool = False,
    commit: str = "",
    json: bool = False,
) -> None:
    """Try what an environment serves as its visitors do: `invoke test-e2e --env staging --suite smoke`."""
    desk("quality.test_e2e", env=env, suite=suite, k=k, headed=headed, commit=commit, json=json)
