"""What people ask of the desk itself."""

from __future__ import annotations

from scripts.config.request import Request, env, option, plan, yes


class DoctorRequest(Request):
    """`doctor`: everything that a release needs."""

    env: str = env("look at this environment alone, and at what all share")


class InitRequest(Request):
    """`init`: the configuration of an app from its checkout."""

    app: str = option("a folder in the app's checkout; the one that you are in if left out")
    name: str = option("what the app is called; from `package.json` if left out")
    remote: str = option("the remote with the team's branches; `origin` if there is one")
    branches: str = option("one for each environment: `develop,staging,main`")
    urls: str = option("the public addresses, one for each environment, with commas between")
    repl_ids: str = option(
        "the ids on Replit, one for each environment; without them a person presses Publish"
    )
    vendor: bool = option("copy the desk into the app, where it then works", default=False)
    ask: bool = option("`--no-ask` takes what was found; without a terminal nobody is asked", default=True)
    plan: bool = plan()
    yes: bool = yes("overwrite what is there and differs")


class TestRequest(Request):
    """`test`: the desk's own tests."""

    k: str = option("only tests whose names match, as for pytest -k")


class SelfCheckRequest(Request):
    """`check`: ruff, mypy and all tests."""

    tests: bool = option("the tests too; `--no-tests` for ruff and mypy alone", default=True)
