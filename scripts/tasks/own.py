"""The desk itself: its story, its tests, its checks."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.counter import DIR, JSON, plain


@task(help={"dir": DIR, "json": JSON})
def demo(_c: Context, dir: str = "", json: bool = False) -> None:
    """The whole story in a sandbox, from a feature branch to production: `invoke demo`."""
    plain("sandbox.demo", dir=dir or None, json=json)


@task(help={"k": "only tests whose names match, as for pytest -k", "json": JSON})
def test(_c: Context, k: str = "", json: bool = False) -> None:
    """Run the desk's own tests: `invoke test`."""
    plain("quality.test", k=k or None, json=json)


@task(help={"tests": "the tests too; `--no-tests` for ruff and mypy alone", "json": JSON})
def check(_c: Context, tests: bool = True, json: bool = False) -> None:
    """Ruff, mypy, architecture and all tests, as CI does: `invoke check`."""
    plain("quality.check", tests=tests, json=json)
