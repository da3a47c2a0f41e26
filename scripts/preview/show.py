"""A commit is built, looked at, published on a slot, and proven by the slot's public URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.config.access import how_to_enter
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import LiveUnknown, ReleaseFailed, Unanswered
from scripts.preview.hold import HeldSlot
from scripts.preview.places import Place
from scripts.replit.driver import Driver
from scripts.replit.live import Expected, watch
from scripts.secrets.bundle import read_archive
from scripts.secrets.finding import errors
from scripts.secrets.scan_command import scan_files, scan_inputs
from scripts.system.process import quoted_lines

STATUS_EVERY = 3.0  # seconds between two questions to Replit
FAILED_TWICE = 2  # Replit's word that a Publish failed is believed when it says so twice


@dataclass
class Steps:
    """The steps of a run, as they are shown and reported."""

    desk: Desk
    ended: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, detail: str) -> Iterator[None]:
        """One step; it has failed if the block raises."""
        began, ending = self.desk.clock(), "failed"
        self.desk.progress.begin(name, detail)
        try:
            yield
            ending = "done"
        finally:
            seconds = self.desk.clock() - began
            self.desk.progress.end(name, ending, seconds)
            self.ended.append({"name": name, "seconds": round(seconds, 2), "ending": ending})


def build(steps: Steps, held: HeldSlot, place: Place, expected: Expected) -> Driver:
    """Build the commit; it carries no secret, and nothing of another environment. Returns the driver.

    Raises:
        ReleaseFailed: it does.
        DeskError: as `Driver.build`.
    """
    driver, environment, desk = place.driver, place.environment, place.desk
    with steps.step("build", f"`{expected.commit[:12]}` in {environment.place}"):
        archive = driver.build(expected, held.lock.candidate, send=True)
    if archive is not None:  # else it was scanned where it was built
        _scan(steps, desk, environment, archive)
    if environment.ships:
        with steps.step("deliver", f"to the launcher of {environment.name}"):
            driver.deliver(expected, held.lock)
    return driver


def _scan(steps: Steps, desk: Desk, environment: Environment, archive: bytes) -> None:
    with steps.step("scan", f"what was built in {environment.place}"):
        first = next(iter(desk.settings))
        files = read_archive(archive, environment.place)
        found = scan_files(desk, files, replace(scan_inputs(desk, first), own={}))
        if stopping := errors(found):
            listed = "".join(f"\n  | {each}" for each in stopping)
            raise ReleaseFailed(f"what was built may not be published:{listed}", stopping[0].hint)


def publish(steps: Steps, held: HeldSlot, driver: Driver, expected: Expected) -> str:
    """Have it published; returns why it is not known that this has begun, "" if it is.

    Raises:
        Locked: the slot was taken over from this run.
        CommandFailed: it was refused: nothing has begun.
    """
    with steps.step("publish", driver.name):
        held.check()
        try:
            driver.publish(expected, held.lock)
        except Unanswered as lost:
            steps.desk.progress.note(f"{lost.message}; the public URL decides")
            return lost.message
    return ""


def verify(steps: Steps, place: Place, expected: Expected, doubt: str = "") -> None:
    """Wait until the slot's URL answers with the commit and its pages work, `[verify] streak` times.

    Raises:
        ReleaseFailed: it answers something else after `[verify] timeout`, or Replit says that it failed.
        LiveUnknown: no answer, or nobody knows whether the Publish has begun.
    """
    desk, driver, url = place.desk, place.driver, place.environment.url
    with steps.step("verify", url):
        asked, failures = desk.clock(), 0
        for seen in watch(desk, driver.live, expected):
            if seen.proven:
                return
            if seen.problem and not seen.late and desk.clock() - asked > STATUS_EVERY:
                asked = desk.clock()
                status, words = driver.publish_status()
                failures = failures + 1 if status == "failed" else 0
                if failures == FAILED_TWICE:
                    raise ReleaseFailed(
                        f"Replit could not publish the preview in {place.slot}{quoted_lines(words)}",
                        "see the publishing log of the app on Replit",
                    )
            if seen.problem and seen.late:
                if seen.answer.silent or doubt:
                    hint = how_to_enter(place.environment) if seen.answer.login else f"look at {url}"
                    raise LiveUnknown(f"what the slot {place.slot} shows is unknown: {seen.problem}", hint)
                raise ReleaseFailed(
                    f"the slot {place.slot} does not show the commit: {seen.problem}", driver.unproven_hint
                )
