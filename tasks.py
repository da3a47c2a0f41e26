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
WAIT = "wait for a lock that somebody else holds"
UNDO = "undo what was begun instead of finishing it"
REASON = "why; it goes to the ledger"
DIR = "folder of the sandbox"
RELEASE = {"sha": SHA, "plan": PLAN, "yes": YES, "json": JSON, "retry": RETRY, "wait": WAIT}


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
    wait: bool = False,
) -> None:
    """Make the head of an environment's branch live, and prove it: `invoke deploy --env dev`."""
    choice = {"sha": sha or None, "plan": plan, "yes": yes, "retry": retry, "wait": wait}
    desk("deploy", env=env, json=json, **choice)


@task(help={"to": ENV, **RELEASE})
def promote(
    _c: Context,
    to: str = "",
    sha: str = "",
    plan: bool = False,
    yes: bool = False,
    json: bool = False,
    retry: bool = False,
    wait: bool = False,
) -> None:
    """Take what the environment before has proven to this one: `invoke promote --to staging`."""
    choice = {"sha": sha or None, "plan": plan, "yes": yes, "retry": retry, "wait": wait}
    desk("promote", to=to, json=json, **choice)


@task(help={"env": ENV, "undo": UNDO, "yes": YES, "json": JSON})
def resume(_c: Context, env: str = "", undo: bool = False, yes: bool = False, json: bool = False) -> None:
    """Finish or undo what a dead run began, from any machine: `invoke resume --env staging`."""
    desk("resume", env=env, undo=undo, yes=yes, json=json)


@task(name="show", help={"env": ENV, "json": JSON})
def lock_show(_c: Context, env: str = "", json: bool = False) -> None:
    """Who holds what, and what he is doing: `invoke lock.show`."""
    desk("lock_show", env=env or None, json=json)


@task(name="steal", help={"env": ENV, "reason": REASON, "undo": UNDO, "yes": YES, "json": JSON})
def lock_steal(
    _c: Context,
    env: str = "",
    reason: str = "",
    undo: bool = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """End somebody's run and recover it: `invoke lock.steal --env staging --reason "laptop died"`."""
    desk("lock_steal", env=env, reason=reason, undo=undo, yes=yes, json=json)


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
    deploy, promote, resume, status, history, demo, test, check,
    lock=Collection(lock_show, lock_steal),
    sandbox=Collection(sandbox_up, sandbox_down),
)  # fmt: skip
