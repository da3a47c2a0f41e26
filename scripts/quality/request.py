"""The options of `approve`, `test-app`, `test-e2e` and `load-test`."""

from __future__ import annotations

from scripts.config.request import Request, env, option, reason, yes


class ApproveRequest(Request):
    """`approve`: a person says that a commit may be promoted."""

    env: str = env(required=True)
    commit: str = option("commit, branch or tag; the one that is live there if left out")
    reason: str = reason()
    withdraw: bool = option("take your own approval back", default=False)


class AppTestRequest(Request):
    """`test-app`: the app's own tests, on a clean checkout of a commit."""

    suite: str = option("`unit`, or `integration` (against an environment)", default="unit")
    env: str = env("environment: where the integration tests go; staging if left out")
    sha: str = option(
        "commit, branch or tag; left out: the head of the environment's branch (unit; the first"
        " environment's if none is named), or what is live there (integration)"
    )


class E2eRequest(Request):
    """`test-e2e`: the browser tests against an environment."""

    closes = True

    env: str = env(default="staging")
    suite: str = option("`smoke` (only reads) or `full`", default="full")
    k: str = option("only tests whose names match, as for pytest -k; then nothing is proven")
    headed: bool = option("show the browser", default=False)
    commit: str = option("the commit that must be served; the newest release there if left out")


class LoadRequest(Request):
    """`load-test`: load on an environment. 0 leaves a number as the profile has it."""

    closes = True

    env: str = env("environment; the last one without customers (staging) if left out")
    profile: str = option(
        "`smoke`, `steady`, `spike`, `soak`, `stress`, or one of `[load.profiles]`", default="smoke"
    )
    users: int = option("number of users at the peak (closed model)", default=0)
    rate: float = option(
        "requests a second at the peak (open model: sent when due, answered or not)", default=0.0
    )
    seconds: float = option(
        "length of the measurement; a changed profile proves nothing for `promote`", default=0.0
    )
    processes: int = option("processes on this machine that make requests", default=0)
    workers_expected: int = option("workers on other machines to wait for", default=0)
    port: int = option("port where they connect to this machine", default=5557)
    master: str = option("be a worker for the load test of that HOST[:PORT]")
    commit: str = option("the commit that must be served; the newest release there if left out")
    wait: bool = option("wait for a load test of somebody else", default=False)
    yes: bool = yes()

    @property
    def changed(self) -> tuple[str, ...]:
        """The options that make it another load than the profile's."""
        names = ("users", "rate", "seconds", "workers_expected")
        return tuple(f"--{name.replace('_', '-')}" for name in names if getattr(self, name))

    @property
    def is_whole(self) -> bool:
        """Whether the profile runs as it is written, so that a pass is a proof of it."""
        return not self.changed
