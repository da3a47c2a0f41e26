"""Replit's part of a release: the workspace at the commit, its Publish, the proof on the public URL."""

from __future__ import annotations

import threading
from dataclasses import replace

from scripts.errors import CommandFailed, LiveUnknown, ReleaseFailed, Unanswered
from scripts.http import Answer, Expected, fault
from scripts.release.run import Run
from scripts.replit import mcp, workspace
from scripts.replit.mcp import mcp_token
from scripts.system.process import quoted_lines

GOOD_ANSWERS = 2  # in a row: one may come from an instance that is about to be replaced
FIRST_PAUSE = 0.05  # seconds; grows towards `[verify] interval`
STATUS_EVERY = 3.0  # seconds between two questions to Replit


def build(run: Run, expected: Expected, *, send: bool = False) -> bytes:
    """Bring the workspace to the commit, built and stamped. What is live does not change by this.

    With `send`, returns the built folder as an archive.
    """
    desk, environment = run.desk, run.environment
    with run.step("build", f"`{expected.commit[:12]}` in the workspace `{environment.ssh_host}`"):
        if environment.publish == "mcp":
            known = (environment.mcp_url, mcp_token(desk, environment), environment.repl_id)
            threading.Thread(target=mcp.warm, args=known, daemon=True).start()
        return _place(run, expected, "place", send=send)


def probe(run: Run, expected: Expected) -> None:
    """See that the workspace will take the commit, before the database is changed for it."""
    with run.step("probe", f"the workspace `{run.environment.ssh_host}`"):
        _place(run, expected, "probe")


def _place(run: Run, expected: Expected, mode: str, *, send: bool = False) -> bytes:
    desk, environment = run.desk, run.environment
    app = desk.settings.app
    order = workspace.Order(
        workspace=environment.workspace,
        commit=expected.commit,
        candidate=run.holding.candidate,
        install=app.install,
        build=app.build,
        lockfile=app.lockfile,
        output=app.output,
        stamp={
            "commit": expected.commit,
            "environment": environment.name,
            "schema": expected.schema,
            "built_at": desk.now(),
        },
        variables=desk.build_variables(environment),
        send=send,
    )
    config = str(desk.config_folder / environment.ssh_config) if environment.ssh_config else None
    limit = desk.settings.replit.build_timeout
    return workspace.place(environment.ssh_host, config, order, limit, mode=mode)


def publish(run: Run) -> None:
    """Have Replit publish the workspace, or say what to press. No answer is no refusal: the URL decides."""
    desk, environment = run.desk, run.environment
    with run.step("publish", environment.publish):
        run.sent, run.doubt = True, None
        if environment.publish == "manual":
            desk.progress.note(
                f"press Publish in the Replit workspace of {environment.name} now;"
                f" waiting until {environment.url} answers with the commit"
            )
            return
        try:
            mcp.publish(environment.mcp_url, mcp_token(desk, environment), environment.repl_id)
        except Unanswered as lost:
            run.doubt = lost.message
            desk.progress.note(f"{lost.message}; the public URL decides")
        except CommandFailed:
            run.sent = False
            raise


def verify(run: Run, expected: Expected, *, quiet: bool = False, pages: bool = True) -> Answer:
    """Wait until the public URL answers with the commit and its pages work.

    Without `pages` the stamp alone counts: they may need a schema that is to come.
    With `quiet`, also until Replit has no Publish under way that could still replace it.

    Raises:
        ReleaseFailed: it answers something else when the time is over, or Replit says it failed.
        LiveUnknown: nobody answers, or nobody knows whether the Publish was begun.
    """
    desk, environment = run.desk, run.environment
    limit, interval = desk.settings.verify.timeout, desk.settings.verify.interval
    with run.step("verify", environment.url):
        started, asked = desk.clock(), desk.clock()
        good, failures, pause = 0, 0, min(FIRST_PAUSE, interval)
        while True:
            run.live = answer = desk.look(environment)
            problem = fault(answer if pages else replace(answer, pages=()), expected)
            good = 0 if problem else good + 1
            late = desk.clock() - started > limit
            if good >= GOOD_ANSWERS and (late or not (quiet and _status(run)[0] == "running")):
                run.proven = desk.clock()
                return answer
            if problem and not answer.silent and desk.clock() - asked > STATUS_EVERY:
                asked = desk.clock()
                status, said = _status(run)
                failures = failures + 1 if status == "failed" else 0
                if failures == GOOD_ANSWERS:
                    raise _refused_by_replit(run, answer, said)
            if problem and late:
                raise _unproven(run, answer, problem, limit)
            desk.sleep(pause if problem else FIRST_PAUSE)
            pause = min(interval, pause * 1.3)


def _status(run: Run) -> tuple[str, str]:
    """What Replit says of its Publish; only a failure is believed, and only when it is said twice."""
    environment = run.environment
    if environment.publish != "mcp":
        return "other", ""
    try:
        return mcp.status(environment.mcp_url, mcp_token(run.desk, environment), environment.repl_id)
    except CommandFailed:
        return "other", ""  # the public URL decides


def _refused_by_replit(run: Run, answer: Answer, said: str) -> ReleaseFailed:
    return ReleaseFailed(
        f"Replit could not publish {run.environment.name}: live is {answer}{quoted_lines(said)}",
        "see the publishing log of the app on Replit",
    )


def _unproven(run: Run, answer: Answer, problem: str, limit: float) -> ReleaseFailed | LiveUnknown:
    name, url = run.environment.name, run.environment.url
    if answer.silent:
        return LiveUnknown(
            f"nobody knows what is live on {name}: {url} gave no answer for {limit:g} s ({answer.error})",
            f"look at {url} and at the app on Replit, then `invoke status`",
        )
    if run.doubt:
        return LiveUnknown(
            f"{name} answers {answer} after {limit:g} s, and nobody knows whether it will change:"
            f" {run.doubt}",
            f"look at the app on Replit, then `invoke resume --env {name}`",
            resumable=True,
        )
    hint = f"look at {url} and at the publishing log of the app on Replit"
    if run.environment.publish == "manual":
        hint = "was Publish pressed on Replit? then try again with `--retry`"
    return ReleaseFailed(f"{name} is not what was released, after {limit:g} s: {problem}", hint)
