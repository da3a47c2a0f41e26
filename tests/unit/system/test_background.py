"""Background threads, and the clock for waiting."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import Future

import pytest

from scripts.system.background import KEPT, Once, OnceEach, boottime, process_start, submit


def test_a_submitted_call_runs_beside_and_gives_its_value() -> None:
    """Arguments are passed on; the caller goes on meanwhile."""
    go = threading.Event()

    def work(one: int, *, two: int) -> int:
        go.wait(5)
        return one + two

    future = submit(work, 1, two=2)

    assert not future.done()
    go.set()
    assert future.result(5) == 3


@pytest.mark.parametrize("fault", [ValueError("broken"), KeyboardInterrupt("stopped")])
def test_what_a_call_raised_is_raised_by_its_future(fault: BaseException) -> None:
    """Nothing is lost, and nothing is printed by the thread."""

    def work() -> None:
        raise fault

    with pytest.raises(type(fault)) as caught:
        submit(work).result(5)

    assert caught.value is fault


def test_a_thread_that_hangs_does_not_hold_the_process_up() -> None:
    """Its threads are daemons: a process ends without them."""
    code = "import time\nfrom scripts.system.background import submit\nsubmit(time.sleep, 60)"
    started = time.monotonic()

    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)

    assert time.monotonic() - started < 20


def test_a_process_knows_when_it_was_started() -> None:
    """The start is on the same clock as `boottime`."""
    before = boottime()
    code = (
        "import time; time.sleep(0.3)\n"
        "from scripts.system.background import process_start, boottime\n"
        "print(process_start(), boottime())"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    started, now = map(float, printed.stdout.split())

    assert before - 0.02 <= started  # the system counts in ticks of 10 ms
    assert started + 0.3 <= now <= boottime()


def test_the_start_of_a_process_does_not_move() -> None:
    """It is a fact, not a measurement."""
    assert process_start() == process_start()


def test_what_many_threads_ask_for_at_once_is_done_once() -> None:
    """And a fault is no value: the next one tries again."""
    began, asked = threading.Barrier(8), list[int]()

    @Once
    def work(number: int) -> int:
        asked.append(number)
        time.sleep(0.05)
        if len(asked) == 1:
            raise LookupError
        return number * 2

    def ask() -> int:
        began.wait(10)
        return work(4)

    answers = [submit(ask) for _ in range(8)]
    faults = [each.exception(10) for each in answers]

    assert [type(each) for each in faults if each] == [LookupError]
    assert {each.result() for each in answers if not each.exception()} == {8}
    assert asked == [4, 4]
    work.cache_clear()
    assert (work(4), asked) == (8, [4, 4, 4])


def test_threads_that_ask_for_the_same_wait_for_one_and_others_do_not() -> None:
    """A fault goes to all that waited for it; the next one tries again."""
    asked, waiting, go = list[str](), list[object](), threading.Event()

    class Known(dict[tuple[object, ...], Future[str]]):
        """Notes who has joined those that wait."""

        def setdefault(self, key: tuple[object, ...], default: Future[str]) -> Future[str]:
            found = super().setdefault(key, default)
            waiting.append(key)
            return found

    @OnceEach
    def work(name: str) -> str:
        asked.append(name)
        if name == "slow":
            go.wait(10)
        if asked == ["slow", "quick"]:
            raise LookupError
        return name.upper()

    work._known = Known()
    answers = [submit(work, "slow") for _ in range(8)]
    while waiting != [("slow",)] * 8:
        time.sleep(0.001)
    assert submit(lambda: [work("quick")][0]).exception(10) is not None
    assert not any(each.done() for each in answers)
    go.set()
    faults = [each.exception(10) for each in answers]

    assert [type(each) for each in faults] == [LookupError] * 8
    assert (work("slow"), work("slow")) == ("SLOW", "SLOW")
    assert asked == ["slow", "quick", "slow"]


def test_only_the_newest_values_are_kept() -> None:
    """A task that runs for weeks does not grow."""
    asked: list[int] = []

    @OnceEach
    def work(number: int) -> int:
        asked.append(number)
        return number

    for number in [*range(KEPT + 1), KEPT, 0]:
        assert work(number) == number

    assert asked == [*range(KEPT + 1), 0]
