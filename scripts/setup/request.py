"""The options of `doctor`, `init`, `upgrade`, `github.workflows`, `test`, `check` and `bench`."""

from __future__ import annotations

from scripts.config.request import Request, env, option, plan, yes


class DoctorRequest(Request):
    """`doctor`."""

    needs_network = False  # it says what is wrong with it
    env: str = env("check this environment alone, and what all share")


class ProtectRequest(Request):
    """`github.protect`."""

    plan: bool = plan()
    yes: bool = yes()


class InitRequest(Request):
    """`init`."""

    app: str = option("a folder in the app's checkout; default: the current one")
    app_folder: str = option("the folder of the app in its repository, such as `apps/web`; `.` for its top")
    name: str = option("the app's name; default: that in `package.json`")
    remote: str = option("the remote with the team's branches; default: `origin`")
    branches: str = option(
        "a branch for each environment: `develop,staging,main`; an empty one is left out"
    )
    create_branches: bool = option("make the branches that the remote lacks", default=False)
    urls: str = option("a public URL for each environment, separated by commas")
    repl_ids: str = option("a Replit id for each environment; without them a person presses Publish")
    launcher: bool = option(
        "write the launcher into the app: it follows the commit that the desk names, without Publish",
        default=False,
    )
    vendor: bool = option("copy the desk into a folder of the app's repository", default=False)
    vendor_folder: str = option("the folder of that copy; default: `release-desk`")
    ask: bool = option(
        "`--no-ask` takes what was found; without a terminal no question is asked", default=True
    )
    plan: bool = plan()
    yes: bool = yes("overwrite files that differ")


class WorkflowsRequest(Request):
    """`github.workflows`."""

    desk: str = option("the desk's repository and commit, where it is beside the app: OWNER/NAME@COMMIT")
    node: str = option("the version of node", default="22")
    monitor: bool = option("also `monitor.yml`, where nothing else can run `monitor.watch`", default=False)
    plan: bool = plan()
    yes: bool = yes("overwrite files that differ")


class UpgradeRequest(Request):
    """`upgrade`."""

    app: str = option("a folder in the app's checkout; default: the copy that this task is called in")
    from_: str = option("the folder of the newer desk; default: this desk")
    plan: bool = plan()


class TestRequest(Request):
    """`test`."""

    k: str = option("only tests whose names match, as for `pytest -k`")


class SelfCheckRequest(Request):
    """`check`."""

    tests: bool = option("run the tests too; `--no-tests` runs ruff and mypy alone", default=True)


class BenchRequest(Request):
    """`bench`."""

    only: str = option("only these benches, separated by commas; `--limits` lists them")
    runs: int = option("how often each is measured, in turns with what it is compared with", default=5)
    size: str = option(
        "`small`, `medium` or `large`: how much data; `--limits` says of which", default="small"
    )
    limits: bool = option("list the benches with their limits and what each lacks here", default=False)
    strict: bool = option("fail where a limit is exceeded, or a bench was not run", default=False)
    out: str = option("the folder of `bench.json` and `bench.md`; default: `.airhost/bench`")
