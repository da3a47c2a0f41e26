"""How long a way back by launcher takes: from publish to the first old answer, and the whole command.

`DESK_LAUNCHER_TIMES=10 pytest -s tests/chaos/test_launcher_speed.py` prints each, and the medians. Nothing
is asserted about seconds: machines differ. Of the release that was left none may answer after that.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.integration.desk import ROOT, Desk
from tests.support.sandboxes import sandbox

TIMES = int(os.environ.get("DESK_LAUNCHER_TIMES", "0"))
DEV = ("--env", "development")
pytestmark = [
    pytest.mark.timeout(60 * 60),
    pytest.mark.skipif(TIMES == 0, reason="set DESK_LAUNCHER_TIMES"),
]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Two releases of development, by launcher; the newer one is live."""
    with sandbox(tmp_path_factory, "speed", driver="launcher") as made:
        desk = Desk(made)
        for number in (1, 2):
            desk.commit({"NOTES.md": f"release {number}\n"})
            assert desk("deploy", *DEV).code == 0
        yield desk


def typed(desk: Desk, *arguments: str) -> tuple[float, float]:
    """Seconds that a command took as a person types it; and when its step `publish` began."""
    env = {**os.environ, "AIRHOST_ENV_DIR": str(desk.world.env_dir)}
    argv = [sys.executable, "-m", "invoke", *arguments]
    began, published = time.monotonic(), 0.0
    with subprocess.Popen(argv, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as child:
        for line in child.stderr or ():
            if "-> publish" in line:
                published = time.monotonic()
    assert child.returncode == 0
    return time.monotonic() - began, published


def test_a_warm_way_back(launched: Desk) -> None:
    """Somebody asks all the time, and sees one change: to the old release."""
    desk, firsts, wholes = launched, list[float](), list[float]()
    for number in range(TIMES):
        seen: list[tuple[float, str | None]] = []
        ended = threading.Event()

        def visit(seen: list[tuple[float, str | None]] = seen, ended: threading.Event = ended) -> None:
            while not ended.wait(0.01):
                asked = time.monotonic()
                seen.append((asked, desk.served("development")))

        before = desk.served("development")
        visitor = threading.Thread(target=visit)
        visitor.start()
        whole, published = typed(desk, "rollback", *DEV, "--yes")
        ended.set()
        visitor.join()
        after = desk.served("development")
        assert list(dict.fromkeys(commit for _, commit in seen)) == [before, after]
        first = next(at for at, commit in seen if commit == after)
        firsts.append(first - published)
        wholes.append(whole)
        print(
            f"{number + 1}: publish to first answer {firsts[-1]:.2f} s; command {whole:.2f} s", flush=True
        )
        assert desk("release-hold", *DEV, "--reason", "again").code == 0
        assert desk("deploy", *DEV, "--allow-bad", "again").code == 0
    print(f"medians of {TIMES}: {statistics.median(firsts):.2f} s; {statistics.median(wholes):.2f} s")
