"""What a request costs the load generator, beside Locust's own users on the same journey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

from tests.bench.clock import Spent
from tests.bench.plan import Bench, Limit, Run
from tests.bench.turns import Row, take_turns
from tests.integration.test_load_speed import of_desk, of_locust
from tests.support.load import load_world

UNIT = "requests for a CPU second"
USERS = {"FastHttpUser": Limit(least=0.9), "HttpUser": Limit(least=3.0)}


def lacks() -> str:
    """Locust."""
    return "" if find_spec("locust") else "`locust`: pip install -r requirements-load.txt"


def measure(run: Run) -> Iterator[Row]:
    """Flat out (`closed`) and at a rate (`open`), beside each of Locust's users."""
    folder = run.folder / "load"
    with load_world(folder) as world:
        url = f"http://127.0.0.1:{world.port}"
        for model in ("closed", "open"):
            ways = {"desk": partial(_cost, partial(of_desk, folder, url, model))}
            for user in USERS:
                ways[user] = partial(_cost, partial(of_locust, folder, url, user, model))
            taken = take_turns(ways, run.runs, warm=False)
            for user, limit in USERS.items():
                yield Row.of(
                    f"{model} model", taken["desk"], taken[user], beside=user, unit=UNIT, limit=limit
                )


def _cost(measured: Callable[[], float]) -> Spent:
    """Requests for a second of CPU time as a value."""
    return Spent(1.0, 1.0, value=measured())


BENCH = Bench(
    "load",
    "requests for a CPU second of the load generator, beside `FastHttpUser` and `HttpUser` of Locust, flat"
    " out and at a rate",
    "at least 0.9 of FastHttpUser, 3 of HttpUser",
    measure,
    lacks,
)
