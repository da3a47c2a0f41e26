"""What every task needs: the way to the wiring, and the words of the shared options."""

import gc
import os
import signal
from typing import Any, NoReturn

ENV = "environment: development, staging or production (or its alias)"
SHA = "commit, branch or tag to release; the branch's head if left out"
PLAN = "show what would happen, and stop"
YES = "don't ask; this is CI's consent"
JSON = "one JSON document on stdout; people read stderr"
RETRY = "try a commit again that failed here"
WAIT = "wait for a lock that somebody else holds"
UNDO = "undo what was begun instead of finishing it"
REASON = "why; it goes to the ledger"
ALLOW_BAD = "why a commit that was rolled back here may be live again"
ACCEPT = "go without a way back for the schema, where a migration has none"
OUT_OF_ORDER = "apply migrations older than the newest one there, as after a hotfix"
RUN_MISSING = "run the tests whose proof the target demands and lacks"
DIR = "folder of the sandbox"
RELEASE = {
    "sha": SHA,
    "plan": PLAN,
    "yes": YES,
    "json": JSON,
    "retry": RETRY,
    "wait": WAIT,
    "allow_bad": ALLOW_BAD,
    "accept_irreversible": ACCEPT,
    "out_of_order": OUT_OF_ORDER,
}


def desk(workflow: str, *, json: bool = False, **arguments: Any) -> NoReturn:
    """Hand over to the wiring, which runs the workflow and exits with its code."""
    _at_once()
    from scripts import app

    app.run(workflow, as_json=json, **arguments)


def _at_once() -> None:
    """Before anything is imported, let it be quick to start and quick to end.

    Until the wiring listens nothing has begun: an interruption just ends, with the code for it. And a
    run is short: collecting the garbage of its imports costs more than it frees.
    """
    gc.disable()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(130))


def plain(workflow: str, *, json: bool = False, **arguments: Any) -> NoReturn:
    """The same for what needs no configuration: the sandbox and the checks."""
    _at_once()
    from scripts import app

    app.run_plain(workflow, as_json=json, **arguments)


def help_or(value: str, task: str) -> str:
    """A value without a flag, which Invoke believes `--help` to be as well: then the help is shown."""
    if value in ("--help", "-h"):
        from invoke.main import program

        program.run(["invoke", "--help", task], exit=False)
        raise SystemExit(0)
    return value
