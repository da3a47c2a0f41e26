"""A round of deliveries: the outbox is worked off, all targets at once, each of them oldest first."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import DeskError
from scripts.notify import chat, webhook
from scripts.notify.events import Notice
from scripts.notify.outbox import REFUSED, Entry, Outbox
from scripts.system.background import begin
from scripts.system.secret import Secret, redact

Format = Callable[[Notice], dict[str, Any]]
TARGETS: Mapping[str, tuple[str, Format]] = {
    "slack": ("SLACK_WEBHOOK_URL", chat.slack),
    "discord": ("DISCORD_WEBHOOK_URL", chat.discord),
}
# a start is told while the release goes on: what comes later waits for it
_busy: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)


@dataclass
class Lane:
    """What waits for one target of one environment, and why it does."""

    environment: str
    target: str
    url: Secret | None
    entries: list[Entry] = field(default_factory=list)
    left: int = 0
    why: str = ""
    refused: list[str] = field(default_factory=list)


def undelivered(desk: Desk, environment: Environment) -> int:
    """How many notices of an environment wait to be delivered."""
    box = Outbox(desk.state_folder / "outbox", desk.config_folder)
    return sum(entry.environment == environment.name for entry in box.waiting())


class Round:
    """One round of deliveries: all targets at the same time, each of them oldest first."""

    def __init__(self, desk: Desk, end: float) -> None:
        self._tools = desk
        self._end = end
        self._box = Outbox(desk.state_folder / "outbox", desk.config_folder)

    def go(self, notice: Notice | None, *, wait: bool) -> None:
        """Put the notice into the outbox, then deliver what is there."""
        lanes = self._lanes(self._put(notice) if notice else [])
        started = [begin(self._deliver, lane) for lane in lanes]
        if not wait or not started:
            return
        try:
            wait_for(started, timeout=max(0.0, self._end - self._tools.clock()))
        finally:
            self._report(lanes)

    def _put(self, notice: Notice) -> list[Entry]:
        """One entry for each target that is configured; those that the disk would not take."""
        environment = self._tools.settings.environments[notice.environment]
        safe = _redacted(notice)
        unsaved = []
        for target, (_, payload) in TARGETS.items():
            if self._url(environment, target) is None:
                continue
            try:
                self._box.put(safe.id, environment.name, target, payload(safe))
            except OSError as fault:
                self._tools.progress.note(f"warning: the outbox can't be written: {fault.strerror}")
                unsaved.append(Entry(environment.name, target, None, payload(safe)))
        return unsaved

    def _lanes(self, unsaved: list[Entry]) -> list[Lane]:
        lanes: dict[tuple[str, str], Lane] = {}
        for entry in [*self._box.waiting(), *unsaved]:
            environment = self._tools.settings.environments.get(entry.environment)
            if environment is None or entry.target not in TARGETS:
                continue  # of a chain that was another one
            if entry.lane not in lanes:
                lanes[entry.lane] = Lane(*entry.lane, self._url(environment, entry.target))
            lanes[entry.lane].entries.append(entry)
            lanes[entry.lane].left += 1
        return list(lanes.values())

    def _url(self, environment: Environment, target: str) -> Secret | None:
        name, _ = TARGETS[target]
        try:
            value = self._tools.values(environment).get(name, "")
        except DeskError:  # a `.env` file that can't be read stops the tasks that need it, not this
            return None
        if target == "discord" and value and "wait=" not in value:
            Secret(value)
            value += "&wait=true" if "?" in value else "?wait=true"  # else 204 promises nothing
        return Secret(value) if value else None

    def _deliver(self, lane: Lane) -> None:
        """One target's part; it stops at the first notice that the target would not take now."""
        lane.why = "an earlier notice is still on its way"
        busy = _busy[str(self._tools.state_folder), lane.environment, lane.target]
        if not busy.acquire(timeout=max(0.0, self._end - self._tools.clock())):
            return
        try:
            lane.why = "no answer in time"
            for entry in lane.entries:
                if not self._post(lane, entry):
                    return
            lane.why = ""
        except Exception as fault:  # noqa: BLE001 - a disk that is full, a bug: a notice waits, no more
            lane.why = f"the outbox can't be used ({type(fault).__name__})"
        finally:
            busy.release()

    def _post(self, lane: Lane, entry: Entry) -> bool:
        """One notice; whether the next one may follow."""
        if lane.url is None:
            lane.why = f"this run knows no `{TARGETS[lane.target][0]}` of {lane.environment}"
            return False
        with self._box.claim(entry) as payload:
            if payload is not None:
                clock, sleep = self._tools.clock, self._tools.sleep
                answer = webhook.post(lane.url, payload, self._end - clock(), clock=clock, sleep=sleep)
                if answer.state == "later":
                    lane.why = answer.why
                    return False
                if answer.state == "refused":
                    lane.refused.append(answer.why)
                    self._box.refuse(entry, answer.why)
                else:
                    self._box.remove(entry)
            lane.left -= 1
        return True

    def _report(self, lanes: list[Lane]) -> None:
        """Once, and in few words: what waits, and what nobody will take."""
        note = self._tools.progress.note
        for lane in lanes:
            where = f"{lane.target} of {lane.environment}"
            for why in lane.refused:
                kept = self._tools.state_folder / "outbox" / REFUSED
                note(f"warning: {where} refused a notice ({why}); it lies in `{kept}`")
            if lane.left and lane.why:
                waits = "1 notice waits" if lane.left == 1 else f"{lane.left} notices wait"
                note(f"warning: {waits} for {where}: {lane.why}; the next run tries again")


def _redacted(notice: Notice) -> Notice:
    """Before anything is escaped or cut: half a secret is not recognised any more."""
    facts = tuple((label, redact(text)) for label, text in notice.facts)
    return replace(notice, title=redact(notice.title), facts=facts, hint=redact(notice.hint))
