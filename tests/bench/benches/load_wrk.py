"""What a request costs the load generator, beside wrk, which is written in C and checks nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import partial

from tests.bench.benches import load
from tests.bench.clock import Spent, spend
from tests.bench.plan import Bench, Broken, Run
from tests.bench.turns import Row, take_turns
from tests.integration.test_load_speed import USERS, of_desk
from tests.support.load import load_world

SECONDS = 4


def lacks() -> str:
    """Locust, and wrk."""
    return load.lacks() or ("" if shutil.which("wrk") else "`wrk`: apt-get install wrk")


def wrk(url: str, run: Run, connections: int = USERS) -> Spent:
    """Requests a second, in `value`, with so many connections; seconds and CPU seconds of wrk."""
    spent = spend("wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", url, cwd=run.folder)
    found = re.search(r"(\d+) requests in", spent.out)
    if found is None or "Non-2xx" in spent.out or not int(found[1]):
        raise Broken(f"wrk got no good answers of {url}:\n{spent.out}")
    return Spent(spent.seconds, spent.cpu, value=int(found[1]) / spent.seconds)


def measure(run: Run) -> Iterator[Row]:
    """One row."""
    folder = run.folder / "load-wrk"
    with load_world(folder) as world:
        url = f"http://127.0.0.1:{world.port}"
        taken = take_turns(
            {
                "desk": lambda: Spent(1.0, 1.0, value=of_desk(folder, url, "closed")),
                "wrk": partial(_cost, url, run),
            },
            run.runs,
            warm=False,
        )
    yield Row.of("closed model", taken["desk"], taken["wrk"], beside="wrk", unit=load.UNIT)


def _cost(url: str, run: Run) -> Spent:
    spent = wrk(url, run)
    return Spent(1.0, 1.0, value=spent.compared * spent.seconds / spent.cpu)


BENCH = Bench(
    "load-wrk",
    "requests for a CPU second of the load generator, beside wrk",
    "none",
    measure,
    lacks,
)
