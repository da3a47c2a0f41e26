"""The clock that waits go by."""

from __future__ import annotations

import subprocess
import sys

from scripts.system.background import boottime, process_start


def test_a_process_knows_when_it_was_started() -> None:
    before = boottime()
    code = (
        "import time; time.sleep(0.3)\n"
        "from scripts.system.background import process_start, boottime\n"
        "print(process_start(), boottime())"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    started, now = map(float, said.stdout.split())

    assert before - 0.02 <= started  # the system counts in ticks of 10 ms
    assert started + 0.3 <= now <= boottime()


def test_it_is_the_same_each_time() -> None:
    assert process_start() == process_start()
