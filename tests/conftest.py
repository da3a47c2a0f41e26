"""What all tests share: how hypothesis looks for examples, and the line about skipped tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from scripts.system.signals import HANDLED
from tests.support import skips

# the texts that tests expect are English, wherever they run
os.environ |= {"AIRHOST_LANG": "en", "LANG": "C.UTF-8"}
# the same examples on each run, so that nothing fails by chance; `HYPOTHESIS_PROFILE=hunt` looks further
settings.register_profile("desk", max_examples=50, deadline=None, database=None, derandomize=True)
settings.register_profile(
    "hunt", max_examples=3000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "desk"))


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """What the desk does with signals ends with the test: a child inherits that one is ignored."""
    before = [(number, signal.getsignal(number)) for number in HANDLED]
    yield
    for number, handler in before:
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say in the last line how many tests were skipped, with the command that gets what they lack."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    reports = reporter.stats.get("skipped", [])
    line = skips.summary(
        str(report.longrepr[-1]) for report in reports if isinstance(report.longrepr, tuple)
    )
    if line:
        reporter.write_line(line)
