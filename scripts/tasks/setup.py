"""The desk itself: its story, its tests, its checks."""

from invoke.context import Context
from invoke.tasks import task

from scripts.tasks.options import DIR, JSON, PLAN, desk, plain


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


# Setting a desk up, and seeing that it can work.


@task(help={"env": "look at this environment alone, and at what all share", "json": JSON})
def doctor(_c: Context, env: str = "", json: bool = False) -> None:
    """Everything that a release will need, looked at before one needs it: `invoke doctor`."""
    desk("setup.doctor", env=env or None, json=json)


@task(
    help={
        "app": "a folder in the app's checkout; the one that you are in if left out",
        "name": "what the app is called; from `package.json` if left out",
        "remote": "the remote with the team's branches; `origin` if there is one",
        "branches": "one for each environment: `develop,staging,main`",
        "urls": "the public addresses, one for each environment, with commas between",
        "repl_ids": "the ids on Replit, one for each environment; without them a person presses Publish",
        "vendor": "copy the desk into the app, where it then works",
        "ask": "`--no-ask` takes what was found; without a terminal nobody is asked",
        "plan": PLAN,
        "yes": "overwrite what is there and differs",
        "json": JSON,
    }
)
def init(
    _c: Context,
    app: str = "",
    name: str = "",
    remote: str = "",
    branches: str = "",
    urls: str = "",
    repl_ids: str = "",
    vendor: bool = False,
    ask: bool = True,
    plan: bool = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Make the configuration of an app from what its checkout tells: `invoke init --app ../app --plan`."""
    given = {"name": name, "remote": remote, "branches": branches, "urls": urls, "repl_ids": repl_ids}
    plain("setup.init", app=app, given=given, vendor=vendor, ask=ask, plan=plan, yes=yes, json=json)
