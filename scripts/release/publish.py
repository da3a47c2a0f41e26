"""The driver's part of a release: build the commit, publish it, verify it on the public URL."""

from __future__ import annotations

from scripts.config.access import how_to_enter
from scripts.errors import CommandFailed, LiveUnknown, Locked, ReleaseFailed, Unanswered
from scripts.release.leak_gate import Reading
from scripts.release.run import ReleaseRun
from scripts.replit.build_log import quoted_reason
from scripts.replit.live import Answer, Expected, watch
from scripts.system.process import quoted_lines
from scripts.system.secret import redact
from scripts.system.text import sanitize

STATUS_EVERY = 3.0  # seconds between two questions to Replit
SHUT_OUT = 15.0  # seconds that a log-in answers until the desk's token counts as ended
FAILED_TWICE = 2  # Replit's word that a Publish failed is believed when it says so twice


def build(run: ReleaseRun, expected: Expected, *, send: bool = False, back: bool = False) -> bytes | None:
    """Build the commit, stamped. What is live does not change.

    Args:
        send: return the built folder as an archive, to be scanned before `deliver`.
        back: it is a way back, which a person's work in the workspace does not stop: it is kept aside.
    """
    keep = run.id if back or run.plan.facts.rolls_back else ""
    with run.step("build", f"`{expected.commit[:12]}` in {run.environment.place}"):
        archive = run.driver.build(expected, run.lock.candidate, send=send, keep=keep)
        run.built = expected
    if not send:
        deliver(run)
    return archive


def deliver(run: ReleaseRun) -> None:
    """Bring what was built, and scanned, to where it will run, if that is elsewhere."""
    if run.built and run.environment.ships:
        with run.step("deliver", f"what was built, to the launcher of {run.environment.name}"):
            delivered = run.driver.deliver(run.built, run.lock)
        if run.built == run.plan.facts.expected:
            run.artifact = {**delivered}


def publish(run: ReleaseRun) -> None:
    """Have what was built published. No answer is no refusal: the public URL decides."""
    with run.step("publish", run.driver.name, confirms=run.driver.confirms):
        run.sent, run.doubt = True, None
        try:
            run.driver.publish(run.built or run.plan.facts.expected, run.lock)
        except Unanswered as lost:
            run.doubt = lost.message
            run.desk.progress.note(f"{lost.message}; the public URL decides")
        except (CommandFailed, Locked):
            run.sent = False
            raise


def verify(
    run: ReleaseRun,
    expected: Expected,
    *,
    quiet: bool = False,
    pages: bool = True,
    reading: Reading | None = None,
) -> Answer:
    """Wait until the public URL answers with the commit and its pages work, `[verify] streak` times.

    Args:
        expected: what it must answer.
        quiet: wait also until no Publish is under way that could still replace it.
        pages: whether the pages count; they may need a schema that is restored afterwards.
        reading: of the site, which may begin once only good answers are missing.

    Raises:
        ReleaseFailed: it answers something else after `[verify] timeout`, or Replit says that it failed.
        LiveUnknown: no answer, or nobody knows whether the Publish was begun.
    """
    desk, driver, begin = run.desk, run.driver, reading.begin if reading else None
    with run.step("verify", run.environment.url):
        asked, failures, closed = desk.clock(), 0, 0.0
        for seen in watch(desk, driver.live, expected, pages=pages, last_begun=begin):
            run.live = seen.answer
            if seen.problem and reading:
                reading.drop()
            if seen.proven and (not quiet or seen.late or driver.publish_status()[0] != "running"):
                break
            if seen.problem and not seen.answer.silent and desk.clock() - asked > STATUS_EVERY:
                asked = desk.clock()
                status, words = driver.publish_status()
                failures = failures + 1 if status == "failed" else 0
                if failures == FAILED_TWICE:
                    raise _refused_by_replit(run, seen.answer, words)
            closed = (closed or desk.clock()) if seen.answer.login else 0.0
            if seen.problem and (seen.late or (closed and desk.clock() - closed > SHUT_OUT)):
                raise _unproven(run, seen.answer, "; ".join(filter(None, (seen.problem, seen.flapping))))
        run.proven = desk.clock()
        return seen.answer


def _refused_by_replit(run: ReleaseRun, answer: Answer, words: str) -> ReleaseFailed:
    name = run.environment.name
    if not run.driver.staged:
        why, _, log = redact(words).partition("\n")
        return ReleaseFailed(
            f"{name} did not start the release ({sanitize(why)}): live is {answer}{quoted_reason(log)}",
            run.driver.unproven_hint,
        )
    return ReleaseFailed(
        f"Replit could not publish {name}: live is {answer}{quoted_lines(words)}",
        "see the publishing log of the app on Replit",
    )


def _unproven(run: ReleaseRun, answer: Answer, problem: str) -> ReleaseFailed | LiveUnknown:
    name, url, limit = run.environment.name, run.environment.url, run.desk.settings.verify.timeout
    if answer.login:
        return LiveUnknown(
            f"what is live on {name} is unknown: {url} does not let the desk in ({answer.error})",
            f"{how_to_enter(run.environment)}; then `invoke resume --env {name}`",
            resumable=True,
        )
    if answer.silent:
        return LiveUnknown(
            f"what is live on {name} is unknown: {url} gave no answer for {limit:g} s ({answer.error})",
            f"look at {url} and at the app on Replit, then `invoke status`",
        )
    if run.doubt:
        return LiveUnknown(
            f"{name} answers {answer} after {limit:g} s, and may still change: {run.doubt}",
            f"look at the app on Replit, then `invoke resume --env {name}`",
            resumable=True,
        )
    return ReleaseFailed(
        f"{name} is not what was released, after {limit:g} s: {problem}", run.driver.unproven_hint
    )
