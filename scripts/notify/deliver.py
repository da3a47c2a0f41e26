"""Sends notices: to the outbox on disk first, then to every chat, within `[notices] budget` seconds.

A notice never fails a release: whatever goes wrong is one line on the terminal, and the notice waits in
the outbox for the next run.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import dataclass, field, replace

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import DeskError, Interrupted
from scripts.language import translate
from scripts.notify import events, webhook
from scripts.notify.chat import TARGETS
from scripts.notify.events import Deed, Notice
from scripts.notify.outbox import REFUSED, Entry, Outbox
from scripts.system.background import submit
from scripts.system.secret import Secret, redact
from scripts.system.signals import Stop

# one lock a lane: the start of a release is sent in the background, and later notices must wait for it
_busy: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)


def send(
    desk: Desk, make: Callable[[], Notice | None], *, wait: bool = True, budget: float | None = None
) -> bool:
    """Send the notice that `make` builds, and what earlier runs left in the outbox. Never fails the caller.

    Returns whether nothing of it can be lost: it is delivered, or waits on disk.

    Args:
        wait: False sends in the background, and lets a signal through: the release is still ahead.
        budget: seconds, at most `[notices] budget`.
    """
    try:
        limit = min(budget or desk.settings.notices.budget, desk.settings.notices.budget)
        return DeliveryRound(desk, desk.clock() + limit).run(make(), wait=wait)
    except (Interrupted, Stop):
        if not wait:  # the release must be undone; after the release, only the wait for a chat is over
            raise
    except Exception as fault:  # noqa: BLE001 - our own bug in a notice is no reason to fail a release
        with suppress(Exception):
            desk.progress.note(f"warning: a notice could not be sent ({type(fault).__name__})")
    return False


def keep(desk: Desk, notice: Notice) -> bool:
    """Put the notice into the outbox, for the next `flush`; whether it is there for all of its chats."""
    try:
        return not DeliveryRound(desk, desk.clock()).put(notice)
    except Exception:  # noqa: BLE001 - as in `send`, which says what is wrong
        return False


def flush(desk: Desk) -> None:
    """Deliver what earlier runs left in the outbox."""
    send(desk, lambda: None)


def backup_failed(
    desk: Desk, environment: Environment, fault: DeskError, title: str = "NO PROVEN BACKUP"
) -> None:
    """Report that a backup is missing, could not be taken, or proves nothing."""
    deed = Deed(desk.new_id(), desk.actor, desk.now(), job=desk.job)
    why, hint = fault.message, fault.hint or ""
    send(desk, lambda: events.of_backup(environment, deed, why=why, hint=hint, title=title))


def undelivered(desk: Desk, environment: Environment) -> int:
    """How many notices of an environment wait to be delivered."""
    return sum(entry.environment == environment.name for entry in _outbox(desk).waiting())


def _outbox(desk: Desk) -> Outbox:
    return Outbox(desk.state_folder / "outbox", desk.config_folder)


@dataclass
class Lane:
    """The queue for one target of one environment, and why it is not empty."""

    environment: str
    target: str
    url: Secret | None
    entries: list[Entry] = field(default_factory=list)
    left: int = 0
    why: str = ""
    refused: list[str] = field(default_factory=list)

    @property
    def lane(self) -> tuple[str, str]:
        """As `Entry.lane`."""
        return self.environment, self.target


class DeliveryRound:
    """One pass over the outbox: all targets in parallel, each of them oldest first."""

    def __init__(self, desk: Desk, deadline: float) -> None:
        self._desk = desk
        self._deadline = deadline
        self._outbox = _outbox(desk)

    def run(self, notice: Notice | None, *, wait: bool) -> bool:
        """Put the notice into the outbox, then deliver what is in it; whether nothing of it can be lost."""
        unsaved = self.put(notice) if notice else []
        lanes = self._lanes(unsaved)
        started = [submit(self._deliver, lane) for lane in lanes]
        if not wait or not started:
            return not unsaved
        try:
            wait_for(started, timeout=self._seconds_left())
        finally:
            self._report(lanes)
        return not any(lane.left for lane in lanes for entry in unsaved if entry.lane == lane.lane)

    def _seconds_left(self) -> float:
        return max(0.0, self._deadline - self._desk.clock())

    def put(self, notice: Notice) -> list[Entry]:
        """Write one entry for each configured target; returns those that could not be written."""
        environment = self._desk.settings.environments[notice.environment]
        safe = _redacted(notice)
        shown = _translated(safe)
        unsaved = []
        for name, target in TARGETS.items():
            if self._url(environment, name) is None:
                continue
            payload = target.payload(shown)
            try:
                self._outbox.put(safe.id, environment.name, name, payload)
            except OSError as fault:
                self._desk.progress.note(f"warning: the outbox can't be written: {fault.strerror}")
                unsaved.append(Entry(environment.name, name, None, payload))
        return unsaved

    def _lanes(self, unsaved: list[Entry]) -> list[Lane]:
        lanes: dict[tuple[str, str], Lane] = {}
        for entry in [*self._outbox.waiting(), *unsaved]:
            environment = self._desk.settings.environments.get(entry.environment)
            if environment is None or entry.target not in TARGETS:
                continue  # the configuration has changed since
            if entry.lane not in lanes:
                lanes[entry.lane] = Lane(*entry.lane, self._url(environment, entry.target))
            lanes[entry.lane].entries.append(entry)
            lanes[entry.lane].left += 1
        return list(lanes.values())

    def _url(self, environment: Environment, name: str) -> Secret | None:
        target = TARGETS[name]
        try:
            value = self._desk.values(environment).get(target.variable, "")
        except DeskError:  # a `.env` file that can't be read stops the tasks that need it, not this
            return None
        if not value:
            return None
        secret = Secret(value)  # masks the URL as it was written, too
        if target.query and f"{target.query.partition('=')[0]}=" not in value:
            secret = Secret(f"{value}{'&' if '?' in value else '?'}{target.query}")
        return secret

    def _deliver(self, lane: Lane) -> None:
        """Post one lane's entries; stop at the first one that the target does not take now."""
        lane.why = "an earlier notice is still on its way"
        busy = _busy[str(self._desk.state_folder), lane.environment, lane.target]
        if not busy.acquire(timeout=self._seconds_left()):
            return
        try:
            lane.why = "no answer in time"
            for entry in lane.entries:
                if not self._post(lane, entry):
                    return
            lane.why = ""
        except Exception as fault:  # noqa: BLE001 - a full disk, a bug: the notice waits
            lane.why = f"the outbox can't be used ({type(fault).__name__})"
        finally:
            busy.release()

    def _post(self, lane: Lane, entry: Entry) -> bool:
        """Post one notice; returns whether the next one may follow."""
        if lane.url is None:
            lane.why = f"this run has no `{TARGETS[lane.target].variable}` of {lane.environment}"
            return False
        with self._outbox.claim(entry) as payload:
            if payload is not None:
                clock, sleep = self._desk.clock, self._desk.sleep
                budget = self._deadline - clock()
                delivery = webhook.post(lane.url, payload, budget, clock=clock, sleep=sleep)
                if delivery.state == "later":
                    lane.why = delivery.why
                    return False
                if delivery.state == "refused":
                    lane.refused.append(delivery.why)
                    self._outbox.refuse(entry, delivery.why)
                else:
                    self._outbox.remove(entry)
            lane.left -= 1
        return True

    def _report(self, lanes: list[Lane]) -> None:
        """Say once, in few words, what waits and what was refused for good."""
        note = self._desk.progress.note
        for lane in lanes:
            where = f"{lane.target} of {lane.environment}"
            for why in lane.refused:
                kept = self._desk.state_folder / "outbox" / REFUSED
                note(f"warning: {where} refused a notice ({why}); it is kept in `{kept}`")
            if lane.left and lane.why:
                waits = "1 notice waits" if lane.left == 1 else f"{lane.left} notices wait"
                note(f"warning: {waits} for {where}: {lane.why}; the next run tries again")


def _redacted(notice: Notice) -> Notice:
    """Mask secrets before anything is escaped or cut: half a secret would not be recognised."""
    facts = tuple(fact._replace(text=redact(fact.text)) for fact in notice.facts)
    return replace(notice, title=redact(notice.title), facts=facts, hint=redact(notice.hint))


def _translated(notice: Notice) -> Notice:
    """In the language of who runs this: a chat shows the texts as they come."""
    facts = tuple(
        fact._replace(label=translate(fact.label), text=fact.text if fact.link else translate(fact.text))
        for fact in notice.facts
    )
    return replace(notice, title=translate(notice.title), facts=facts, hint=translate(notice.hint))
