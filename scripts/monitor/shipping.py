"""`monitor.logs --ship`, round by round: read on from where the last one ended, keep, send."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.monitor.log_stream import LATE, LONGEST, PAUSE, Stream
from scripts.monitor.ship import Buffer, Sink, push, require_sink
from scripts.monitor.watcher import epoch
from scripts.system.signals import Stop
from scripts.system.text import listed

SHOWN = 20  # refusals that the end of a long run names


def ship(desk: Desk, stream: Stream, began: float, *, follow: bool) -> Outcome:
    """Once, or until a signal.

    Args:
        began: from when to read what was never shipped before.

    Raises:
        Refused: an environment has no sink.
        CommandFailed: the buffer can't be used.
    """
    app = desk.settings.app.name
    sinks = {each.name: require_sink(desk.values(each), each.name, app) for each in stream.environments}
    buffer, count, why, refused, told = Buffer(desk.state_folder), 0, list[str](), list[str](), ""
    with contextlib.suppress(Stop):
        while True:
            taken, why, lost = _round(desk, stream, buffer, sinks, began)
            count, refused = count + taken, [*refused, *lost][-SHOWN:]
            said = listed([*why, *lost, *stream.lacking])
            if said != told:
                desk.progress.note(f"not shipped:{said}")
                told = said
            if not follow:
                break
            desk.sleep(PAUSE)
    message = f"{count} line{'' if count == 1 else 's'} shipped"
    waits = f"; the rest waits on disk:{listed(why)}" if why else ""
    if why or refused:
        return Outcome.failed(f"{message}{waits}{listed(refused)}", shipped=count)
    return Outcome.done(message, shipped=count, lacking=stream.lacking)


def _round(
    desk: Desk, stream: Stream, buffer: Buffer, sinks: Mapping[str, Sink], began: float
) -> tuple[int, list[str], list[str]]:
    """How many lines were taken, why others wait, and what was refused for good."""
    now = epoch(desk)
    marks = [buffer.mark(name) for name in sinks]
    begin = max(min(began if mark is None else mark - LATE for mark in marks), now - LONGEST)
    stream.seen.clear()  # what was read before is known by the buffer, which outlives this process
    lines = stream.read(begin, now + 1)
    if stream.named:  # a line whose release is not known today is read again
        buffer.add(lines, [(name, now) for name in sinks] if stream.complete else [], now - 2 * LONGEST)
    count, why, refused = 0, list[str](), list[str]()
    for name, sink in sinks.items():
        pushed = push(buffer, sink, now)
        count += pushed.number
        if pushed.why:
            why.append(f"{name}: {pushed.why}")
        if pushed.said:
            refused.append(f"{name}: {pushed.said}")
    return count, why, refused
