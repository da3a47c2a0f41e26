"""`monitor.logs --ship`, round by round: read on from where the last one ended, keep, send."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.monitor.log_stream import LATE, LONGEST, PAUSE, Stream
from scripts.monitor.ship import URL, Buffer, push, require_url
from scripts.monitor.watcher import epoch
from scripts.system.signals import Stop
from scripts.system.text import listed


def ship(desk: Desk, stream: Stream, began: float, *, follow: bool) -> Outcome:
    """Once, or until a signal.

    Args:
        began: from when to read what was never shipped before.

    Raises:
        Refused: an environment has no sink.
        CommandFailed: the buffer can't be used.
    """
    urls = {
        each.name: require_url(desk.values(each).get(URL, ""), each.name) for each in stream.environments
    }
    buffer, count, why, told = Buffer(desk.state_folder), 0, dict[str, str](), ""
    with contextlib.suppress(Stop):
        while True:
            taken, why = _round(desk, stream, buffer, urls, began)
            count += taken
            said = listed([*why.values(), *stream.lacking])
            if said != told:
                desk.progress.note(f"not shipped:{said}")
                told = said
            if not follow:
                break
            desk.sleep(PAUSE)
    message = f"{count} line{'' if count == 1 else 's'} shipped"
    if why:
        return Outcome.failed(f"{message}; the rest waits on disk:{listed(why.values())}", shipped=count)
    return Outcome.done(message, shipped=count, lacking=stream.lacking)


def _round(
    desk: Desk, stream: Stream, buffer: Buffer, urls: Mapping[str, str], began: float
) -> tuple[int, dict[str, str]]:
    """How many lines were taken, and by environment why not all of them."""
    now = epoch(desk)
    marks = [buffer.mark(name) for name in urls]
    begin = max(min(began if mark is None else mark - LATE for mark in marks), now - LONGEST)
    stream.seen.clear()  # what was read before is known by the buffer, which outlives this process
    lines = stream.read(begin, now + 1)
    if stream.named:  # a line whose release is not known today is read again
        buffer.add(lines, [(name, now) for name in urls] if stream.complete else [], now - 2 * LONGEST)
    count, why = 0, {}
    for name, url in urls.items():
        taken, fault = push(buffer, name, desk.settings.app.name, url)
        count += taken
        if fault:
            why[name] = f"{name}: {fault}"
    return count, why
