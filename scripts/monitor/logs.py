"""`monitor.logs`: what the desk, Supabase and the workspace said, as one stream."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import DeskError, Refused
from scripts.monitor.commands import UNITS
from scripts.monitor.incidents import HOUR
from scripts.monitor.log_lines import Line, Raw, Releases, chosen, finished
from scripts.monitor.log_sources import sources_of
from scripts.monitor.request import MonitorLogsRequest
from scripts.monitor.watcher import DAY, epoch
from scripts.state.ledger import Ledger
from scripts.state.remote import observe_remote
from scripts.system.secret import redact
from scripts.system.signals import Stop
from scripts.system.text import listed

LONGEST = 7 * DAY  # that is read: eight requests to Supabase
PAUSE = 15.0  # seconds between two looks of `--follow`
LATE = 180.0  # seconds that an entry may take until Supabase shows it
REPLIT = "what a published app writes: Replit gives it to no program; see *Logs* in its Publishing tool"


@dataclass
class Stream:
    """What was read, and what could not be.

    Args:
        seen: the entries that were shown, with their time: `--follow` reads the last minutes again.
    """

    desk: Desk
    environments: list[Environment]
    pattern: re.Pattern[str] | None
    release: str
    lacking: list[str] = field(default_factory=lambda: [REPLIT])
    seen: dict[tuple[str, str], float] = field(default_factory=dict)

    def read(self, begin: float, end: float) -> list[Line]:
        """The entries of a time that were not read before, oldest first."""
        ledger, lines = self._ledger(), list[Line]()
        self.seen = {key: at for key, at in self.seen.items() if at >= begin}
        for environment in self.environments:
            releases, raws = Releases(ledger.events, environment.name), list[Raw]()
            for name, source in sources_of(self.desk, environment, ledger).items():
                try:
                    raws += self._new(environment.name, source(begin, end))
                except DeskError as fault:
                    hint = f" ({fault.hint})" if fault.hint else ""
                    self._lacks(f"{environment.name}: {name}: {fault.message}{hint}")
            lines += finished(raws, environment.name, releases, redact)
        return chosen(lines, self.pattern, self.release)

    def _ledger(self) -> Ledger:
        """What this machine says is worth showing without it, but nobody knows of which release it is."""
        try:
            return observe_remote(self.desk).ledger
        except DeskError as fault:
            self._lacks(f"the ledger, and so the releases: {fault.message}")
            return Ledger(None, ())

    def _new(self, environment: str, entries: Iterable[Raw | str]) -> Iterable[Raw]:
        for each in entries:
            if isinstance(each, str):
                self._lacks(f"{environment}: {each}")
            elif (environment, each.key) not in self.seen:
                self.seen[environment, each.key] = each.at
                yield each

    def _lacks(self, what: str) -> None:
        if what not in self.lacking:
            self.lacking.append(what)


def logs(desk: Desk, request: MonitorLogsRequest) -> Outcome:
    """Show the lines; with `--follow` also those that come, until a signal.

    Raises:
        Refused: the options do not fit together, or there is no such release.
    """
    if request.follow and request.json:
        raise Refused("`--follow` has no end, and `--json` is one document", "`invoke monitor.logs --json`")
    environments = [desk.settings.environment(request.env)] if request.env else list(desk.settings)
    begin, end = _window(desk, request, environments)
    stream = Stream(desk, environments, _pattern(request.grep), request.release)
    lines = stream.read(begin, end)
    _show(desk, lines, request)
    count, told = len(lines), 0
    if request.follow:
        with contextlib.suppress(Stop):
            while True:
                for what in stream.lacking[told:]:
                    desk.progress.note(f"not shown: {what}")
                told = len(stream.lacking)
                desk.sleep(PAUSE)
                now = epoch(desk)
                lines = stream.read(now - LATE, now + 1)
                count += len(lines)
                _show(desk, lines, request)
    message = f"{count} line{'' if count == 1 else 's'}; not shown:{listed(stream.lacking)}"
    documents = [line.document() for line in lines] if request.json else []
    return Outcome.done(message, lines=documents, lacking=stream.lacking)


def _show(desk: Desk, lines: Sequence[Line], request: MonitorLogsRequest) -> None:
    if not request.json:
        for line in lines:
            desk.progress.output(line.shown())


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.IGNORECASE) if text else None
    except re.error as fault:
        raise Refused(
            f"`{text}` is no regular expression: {fault}", "`invoke monitor.logs --grep error`"
        ) from None


def _window(
    desk: Desk, request: MonitorLogsRequest, environments: Sequence[Environment]
) -> tuple[float, float]:
    """From when to when: the last hour, `--since`, or the time of the release."""
    now = epoch(desk)
    began, ended = now - HOUR, now + 1
    if request.release:
        began, ended = _time_of(desk, request, environments, now + 1)
    if request.since:
        began = max(now - _length(request.since), began if request.release else 0.0)
    if ended - began > LONGEST + 1:
        began = ended - LONGEST - 1
        desk.progress.note("only the last 7 days of that time are read")
    return began, ended


def _time_of(
    desk: Desk, request: MonitorLogsRequest, environments: Sequence[Environment], now: float
) -> tuple[float, float]:
    """When the release was live, in one of the environments or several."""
    events = observe_remote(desk).ledger.events
    found = [Releases(events, each.name).window(request.release) for each in environments]
    windows = [each for each in found if each]
    if not windows:
        raise Refused(f"no release `{request.release}` was live there", "`invoke history` lists them")
    if request.follow and all(end is not None for _, end in windows):
        raise Refused(f"`{request.release}` is not live any more: nothing follows", "leave `--follow` out")
    return min(begin for begin, _ in windows), max(end or now for _, end in windows)


def _length(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,4})([smhd])", text)
    if match is None or not int(match[1]):
        raise Refused(f"`{text}` is no length of time", "`invoke monitor.logs --since 90m`")
    return int(match[1]) * {**UNITS, "d": DAY}[match[2]]
