"""`monitor.check` and `monitor.watch`: what they say, how they end."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from scripts.errors import Locked, Refused, UsageError
from scripts.monitor.checks import Look
from scripts.monitor.commands import check, seconds_of, watch
from scripts.monitor.request import MonitorCheckRequest, MonitorWatchRequest
from scripts.monitor.store import FILE
from scripts.system import signals
from scripts.system.signals import Stop
from tests.fakes.world import ending
from tests.unit.monitor.watches import BAD, GOOD, WARN, Watched, titles


def run(watched: Watched, **options: Any) -> Any:
    """`monitor.check` of production."""
    return check(watched.desk(), MonitorCheckRequest(env="prod", **options), watched.probe)


def test_all_good_is_done(watched: Watched) -> None:
    """Nothing is written, and nobody is told."""
    outcome = run(watched)

    assert (outcome.code, outcome.message) == (0, "13 checks, all good")
    assert [each["level"] for each in outcome.data["checks"]] == ["good"] * 13
    assert not (watched.folder / FILE).exists()
    assert watched.notes.lines[0].split() == ["production", "page", "/", "good", "100", "ms"]


def test_what_is_bad_twice_fails(watched: Watched) -> None:
    """With what is wrong; what only the first look saw does not count."""
    watched.answers = {"page /": lambda _: BAD, "commit": lambda now: BAD if now < 1 else GOOD}
    outcome = run(watched)

    assert outcome.code == 1
    assert outcome.message.startswith("1 of 13 checks are bad:")
    assert "production: `page /`: it answers 500" in outcome.message


def test_warnings_and_what_is_unknown_are_named(watched: Watched) -> None:
    """They fail nothing."""
    watched.answers = {"tls": lambda _: WARN, "commit": lambda _: Look("unknown", "no release")}
    outcome = run(watched)

    assert outcome.code == 0
    assert "production: `tls`: slow" in outcome.message
    assert "production: `commit`: no release" in outcome.message


def test_a_scheduled_job_remembers_and_notifies(watched: Watched) -> None:
    """Each run is a process of its own; `--json` has p50 and p95 of what they wrote."""
    watched.breaks("page /", 60, 6000)
    with watched.chat() as chat:
        codes = []
        for _ in range(4):
            outcome = run(watched, notify=True)
            codes.append(outcome.code)
            watched.world.clock.seconds += 60

    assert codes == [0, 1, 1, 1]
    assert len(titles(chat)) == 1
    page = next(each for each in outcome.data["checks"] if each["check"] == "commit")
    assert (page["p50"], page["p95"]) == (0.1, 0.1)


def test_a_gate_needs_all_that_time(watched: Watched) -> None:
    """It looks ten times in it."""
    outcome = run(watched, gate="10m")

    assert outcome.message == "13 checks, all good after 600 s, 11 passes"
    assert watched.world.clock.seconds == 600


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (BAD, "1 of 13 checks are bad after 123 s, 3 passes:"),
        (Look("unknown", "?"), "the gate can't tell:"),
    ],
)
def test_a_gate_fails_at_once_or_when_it_can_not_tell(watched: Watched, look: Look, message: str) -> None:
    """A bad look has to be confirmed; what was never seen proves nothing."""
    watched.answers["page /"] = lambda now: look if now > 100 else GOOD
    outcome = run(watched, gate="10m")

    assert outcome.code == 1
    assert outcome.message.startswith(message)


@pytest.mark.parametrize("text", ["", "10", "m", "0m", "10 m", "1d"])
def test_a_length_of_time_has_a_unit(text: str) -> None:
    """And is not nothing."""
    with pytest.raises(UsageError):
        seconds_of(text)
    assert [seconds_of("90s"), seconds_of("10m"), seconds_of("1h")] == [90, 600, 3600]


def test_a_watch_ends_well_with_a_signal(watched: Watched) -> None:
    """After as many passes as there was time for."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        watched.world.clock.seconds += seconds
        if len(slept) == 3:
            raise Stop

    outcome = watch(watched.desk(sleep=sleep), MonitorWatchRequest(), watched.probe)

    assert (outcome.code, outcome.message) == (0, "the watch has ended after 3 passes")
    assert slept == [60, 60, 60]


def test_a_signal_while_a_notice_is_sent_ends_the_watch(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the notice is noted as sent: the next watch does not send it again."""
    watched.breaks("page /", -1, 6000)
    sent: list[str] = []

    def keep(_desk: Any, notice: Any) -> bool:
        sent.append(notice.title)
        os.kill(os.getpid(), signal.SIGTERM)
        return True

    monkeypatch.setattr("scripts.monitor.watcher.deliver.keep", keep)
    before = {number: signal.getsignal(number) for number in signals.HANDLED}
    try:
        signals.listen()
        outcome = watch(watched.desk(), MonitorWatchRequest(env="prod"), watched.probe)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    run(watched, notify=True)

    assert (outcome.code, outcome.data["passes"]) == (0, 1)
    assert sent == ["production: DOWN: `page /`"]


def test_a_second_watch_is_refused(watched: Watched) -> None:
    """Two would tell everything twice; a look without memory is possible."""
    ended = []

    def sleep(_seconds: float) -> None:
        ended.append(ending(lambda: run(watched, notify=True)))
        assert run(watched).code == 0
        raise Stop

    watch(watched.desk(sleep=sleep), MonitorWatchRequest(), watched.probe)

    assert [type(each) for each in ended] == [Locked]
    assert run(watched, notify=True).code == 0
    assert not list(watched.world.desk().state_folder.glob("*.lock"))


def test_a_gate_does_not_notify(watched: Watched) -> None:
    """Nor is a gate something that is remembered."""
    assert isinstance(ending(lambda: run(watched, gate="1m", notify=True)), Refused)
