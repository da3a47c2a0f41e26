"""`monitor.check` and `monitor.watch`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.errors import DeskError, Locked, Refused, UsageError
from scripts.monitor.checks import TROUBLE, Check
from scripts.monitor.incidents import HOUR
from scripts.monitor.metric_facts import measure
from scripts.monitor.metrics import exposition
from scripts.monitor.metrics_server import place_of, serving
from scripts.monitor.probes import Round, look_at
from scripts.monitor.request import MonitorCheckRequest, MonitorWatchRequest
from scripts.monitor.store import FILE, Store
from scripts.monitor.takeover import Windows
from scripts.monitor.watcher import Probe, Result, Watcher, all_checks, epoch, look_at_all
from scripts.system import file_lock
from scripts.system.secret import redact
from scripts.system.signals import Stop
from scripts.system.text import listed

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
GATE_LOOKS = 10  # a gate looks that often, or with the interval of the watch if that is shorter


def check(desk: Desk, request: MonitorCheckRequest, probe: Probe = look_at) -> Outcome:
    """Look once, twice at what is in trouble; with `--gate` for some time."""
    environments = _environments(desk, request.env)
    if request.gate and request.notify:
        raise Refused("`--gate` and `--notify` can't be used together", "`invoke monitor.check --gate 10m`")
    if request.gate:
        return _gate(desk, environments, seconds_of(request.gate), probe)
    if request.notify:
        with _alone(desk):
            results = Watcher(desk, environments, _store(desk), probe).one_pass()
    else:
        results = _look_twice(desk, all_checks(desk, environments), probe)
    desk.progress.show(_lines(results))
    return _outcome(desk, results)


def watch(desk: Desk, request: MonitorWatchRequest, probe: Probe = look_at) -> Outcome:
    """Look for ever; a signal is its good end."""
    environments = _environments(desk, request.env)
    if request.metrics:
        place_of(request.metrics)  # a mistake in it leaves nothing behind
    with _alone(desk), serving(request.metrics) as server:
        watcher = Watcher(desk, environments, _store(desk), probe)
        windows = Windows(desk, environments, probe)
        desk.progress.note(f"watching {', '.join(each.name for each in environments)}")
        passes = 0
        try:
            while True:
                began = desk.clock()
                results = watcher.one_pass()
                passes += 1
                if server:
                    samples = measure(watcher, results, passes, desk.clock() - began)
                    server.text = exposition(samples.taken, redact)
                with contextlib.suppress(DeskError):
                    windows.find(watcher.made.remote().refs if watcher.made else {})
                windows.pause(began + desk.settings.monitor.interval)
        except Stop:
            windows.give_back()
    return Outcome.done(f"the watch has ended after {passes} passes", passes=passes)


def _environments(desk: Desk, name: str) -> list[Environment]:
    return [desk.settings.environment(name)] if name else list(desk.settings)


def _store(desk: Desk) -> Store:
    return Store(desk.state_folder, desk.progress.note)


@contextlib.contextmanager
def _alone(desk: Desk) -> Iterator[None]:
    """One watch on this machine: two would tell everything twice.

    Raises:
        Locked: another one is at work.
    """
    desk.state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = desk.state_folder / "monitor.lock"
    handle = file_lock.acquire(lock)
    if handle is None:
        raise Locked(
            "another watch is at work on this machine", "to look without it: `invoke monitor.check`"
        )
    try:
        yield
    finally:
        file_lock.release(lock, handle)


def seconds_of(text: str) -> float:
    """`10m` in seconds.

    Raises:
        Refused: it is no length of time.
    """
    match = re.fullmatch(r"([0-9]{1,5})([smh])", text)
    if match is None or not int(match[1]):
        raise UsageError(f"`{text}` is no length of time", "`invoke monitor.check --gate 10m`")
    return int(match[1]) * UNITS[match[2]]


def _look_twice(desk: Desk, checks: Sequence[Check], probe: Probe) -> list[Result]:
    """The second look counts: it is made over new connections."""
    looks = look_at_all(Round(desk, epoch(desk)), checks, probe)
    again = [check for check, look in looks.items() if look.level in TROUBLE]
    if again:
        desk.sleep(desk.settings.monitor.second_look)
        looks |= look_at_all(Round(desk, epoch(desk)), again, probe)
    return [Result(check, looks[check]) for check in checks]


def _gate(desk: Desk, environments: Sequence[Environment], seconds: float, probe: Probe) -> Outcome:
    """Good for that long, or not: a check that can't tell proves nothing."""
    checks, began, looks = all_checks(desk, environments), desk.clock(), 0
    pause = min(desk.settings.monitor.interval, seconds / GATE_LOOKS)
    while True:
        results, looks = _look_twice(desk, checks, probe), looks + 1
        over = desk.clock() - began
        failed = any(each.look.level == "bad" for each in results)
        if failed or over >= seconds:
            break
        desk.sleep(min(pause, seconds - over))
    desk.progress.show(_lines(results))
    outcome = _outcome(desk, results, after=f" after {over:.0f} s, {looks} passes")
    unknown = [each for each in results if each.look.level == "unknown"]
    if outcome.code or not unknown:
        return outcome
    return Outcome.failed(
        f"the gate can't tell:{listed([_said(each) for each in unknown])}",
        "what can't be looked at here belongs into `off` of `[monitor]`",
        **outcome.data,
    )


def _lines(results: Sequence[Result]) -> list[str]:
    lines = []
    for check, look, quiet in results:
        took = f"{look.seconds * 1000:.0f} ms" if look.seconds is not None else ""
        phases = ", ".join(f"{name} {ms:.0f}" for name, ms in look.phases.items() if ms >= 1)
        why = "; ".join(filter(None, (look.why, "a release is at work" if quiet else "", phases)))
        lines.append(f"{check.environment:<12} {check.name:<18} {look.level:<8}{took:>8}  {why}".rstrip())
    return lines


def _said(result: Result) -> str:
    return f"{result.check.environment}: `{result.check.name}`: {result.look.why}"


def _outcome(desk: Desk, results: Sequence[Result], after: str = "") -> Outcome:
    data: dict[str, Any] = {"checks": _documents(desk, results)}
    bad = [each for each in results if each.look.level == "bad"]
    rest = [each for each in results if each.look.level in ("warn", "unknown")]
    if bad:
        return Outcome.failed(
            f"{len(bad)} of {len(results)} checks are bad{after}:{listed([_said(each) for each in bad])}",
            "`invoke status` shows what is live where",
            **data,
        )
    if rest:
        said = listed([_said(each) for each in rest])
        return Outcome.done(f"{len(results)} checks, none is bad{after}; look at:{said}", **data)
    return Outcome.done(f"{len(results)} checks, all good{after}", **data)


def _documents(desk: Desk, results: Sequence[Result]) -> list[dict[str, Any]]:
    """Each look as JSON, with the p50 and p95 of the last hour where a watch has written them."""
    store = _store(desk) if (desk.state_folder / FILE).exists() else None
    since = epoch(desk) - HOUR
    found = []
    for check, look, quiet in results:
        pace = store.pace(check.key, since) if store and look.seconds is not None else None
        p50, p95 = pace or (None, None)
        head = {"environment": check.environment, "check": check.name, "quiet": quiet}
        found.append({**head, **look.document(), "p50": p50, "p95": p95})
    return found
