"""`monitor.logs`: what the desk, Supabase and the workspace said, as one stream."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import Refused, UsageError
from scripts.monitor.commands import UNITS
from scripts.monitor.incidents import HOUR
from scripts.monitor.log_lines import Line, Releases
from scripts.monitor.log_stream import LATE, LONGEST, PAUSE, Stream
from scripts.monitor.request import MonitorLogsRequest
from scripts.monitor.shipping import ship
from scripts.monitor.watcher import DAY, epoch
from scripts.state.remote import observe_remote
from scripts.system.signals import Stop
from scripts.system.text import listed


def logs(desk: Desk, request: MonitorLogsRequest) -> Outcome:
    """Show the lines; with `--follow` also those that come, until a signal.

    Raises:
        Refused: the options do not fit together, or there is no such release.
    """
    if request.follow and request.json:
        raise Refused("`--follow` has no end, and `--json` is one document", "`invoke monitor.logs --json`")
    environments = [desk.settings.environment(request.env)] if request.env else list(desk.settings)
    begin, end = _window(desk, request, environments)
    if request.ship:
        if request.grep or request.release:
            raise Refused("`--ship` sends every line", "`invoke monitor.logs --ship --follow`")
        return ship(desk, Stream(desk, environments), begin, follow=request.follow)
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
        raise UsageError(f"`{text}` is no length of time", "`invoke monitor.logs --since 90m`")
    return int(match[1]) * {**UNITS, "d": DAY}[match[2]]
