"""The counter: `invoke TASK`. Parse, call, end; what happens stands in `scripts/workflows/TASK.py`.

Nothing heavy is imported here: `invoke --list` must stay as quick as bare Invoke.
"""

from typing import Any, NoReturn

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

ENV = "environment: development, staging or production (or its alias)"
SHA = "commit, branch or tag to release; the branch's head if left out"
PLAN = "show what would happen, and stop"
YES = "don't ask; this is CI's consent"
JSON = "one JSON document on stdout; people read stderr"
RETRY = "try a commit again that failed here"
DIR = "folder of the sandbox"
RELEASE = {"sha": SHA, "plan": PLAN, "yes": YES, "json": JSON, "retry": RETRY}


def desk(workflow: str, *, json: bool = False, **arguments: Any) -> NoReturn:
    """Hand over to the wiring, which runs the workflow and exits with its code."""
    from scripts import app

    app.run(workflow, as_json=json, **arguments)


def plain(workflow: str, *, json: bool = False, **arguments: Any) -> NoReturn:
    """The same for what needs no configuration: the sandbox and the checks."""
    from scripts import app

    app.run_plain(workflow, as_json=json, **arguments)


@task(help={"env": ENV, **RELEASE})
def deploy(
    _c: Context,
    env: str = "",
    sha: str = "",
    plan: bool = False,
    yes: bool = False,
    json: bool = False,
    retry: bool = False,
) -> None:
    """Make the head of an environment's branch live, and prove it: `invoke deploy --env dev`."""
    desk("deploy", env=env, sha=sha or None, plan=plan, yes=yes, json=json, retry=retry)


@task(help={"to": ENV, **RELEASE})
def promote(
    _c: Context,
    to: str = "",
    sha: str = "",
    plan: bool = False,
    yes: bool = False,
    json: bool = False,
    retry: bool = False,
) -> None:
    """Take what the environment before has proven to this one: `invoke promote --to staging`."""
    desk("promote", to=to, sha=sha or None, plan=plan, yes=yes, json=json, retry=retry)


@task(help={"json": JSON})
def status(_c: Context, json: bool = False) -> None:
    """What runs where, and everything that disagrees: `invoke status`."""
    desk("status", json=json)


@task(help={"env": ENV, "json": JSON})
def history(_c: Context, env: str = "", json: bool = False) -> None:
    """What was released where, by whom: `invoke history --env production`."""
    desk("history", env=env or None, json=json)


@task(help={"dir": DIR, "json": JSON})
def demo(_c: Context, dir: str = "", json: bool = False) -> None:
    """The whole story in a sandbox, from a feature branch to production: `invoke demo`."""
    plain("demo", dir=dir or None, json=json)


@task(name="up", help={"dir": DIR, "json": JSON})
def sandbox_up(_c: Context, dir: str = "", json: bool = False) -> None:
    """A whole world on this machine, no account needed: `invoke sandbox.up`."""
    plain("sandbox_up", dir=dir or None, json=json)


@task(name="down", help={"dir": DIR, "json": JSON})
def sandbox_down(_c: Context, dir: str = "", json: bool = False) -> None:
    """End the sandbox, and leave nothing of it: `invoke sandbox.down`."""
    plain("sandbox_down", dir=dir or None, json=json)


@task(help={"k": "only tests whose names match, as for pytest -k", "json": JSON})
def test(_c: Context, k: str = "", json: bool = False) -> None:
    """Run the desk's own tests: `invoke test`."""
    plain("test", k=k or None, json=json)


@task(help={"tests": "the tests too; `--no-tests` for ruff and mypy alone", "json": JSON})
def check(_c: Context, tests: bool = True, json: bool = False) -> None:
    """Ruff, mypy, architecture and all tests, as CI does: `invoke check`."""
    plain("check", tests=tests, json=json)


namespace = Collection(
    deploy, promote, status, history, demo, test, check,
    sandbox=Collection(sandbox_up, sandbox_down),
)  # fmt: skip
