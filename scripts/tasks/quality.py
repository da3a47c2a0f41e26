"""What proves that a commit is good enough: approvals, and tests against an environment."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.options import ENV, JSON, REASON, YES, desk


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


@task(
    help={
        "env": "environment; the last one without customers (staging) if left out",
        "profile": "`smoke`, `steady`, `spike`, `soak`, `stress`, or one of `[load.profiles]`",
        "users": "another number of people at the peak (closed model)",
        "rate": "requests a second at the peak (open model: sent when due, answers or not)",
        "seconds": "another length; a changed profile proves nothing for `promote`",
        "processes": "processes on this machine that make requests",
        "workers_expected": "workers on other machines to wait for",
        "port": "where they find this one",
        "master": "be such a worker, for the load test of that HOST[:PORT]",
        "commit": "the commit that must be served; the newest release there if left out",
        "yes": YES,
        "json": JSON,
    }
)
def load_test(
    _c: Context,
    env: str = "",
    profile: str = "smoke",
    users: int = 0,
    rate: float = 0.0,
    seconds: float = 0.0,
    processes: int = 0,
    workers_expected: int = 0,
    port: int = 5557,
    master: str = "",
    commit: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Load an environment and judge how it bears it: `invoke load-test --env staging --profile steady`."""
    desk(
        "quality.load_test", env=env, profile=profile, users=users, rate=rate, seconds=seconds,
        processes=processes, workers_expected=workers_expected, port=port, master=master, commit=commit,
        yes=yes, json=json,
    )  # fmt: skip
