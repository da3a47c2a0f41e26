"""One pass of the monitor over 500 addresses, beside curl."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial

from tests.bench.clock import spend
from tests.bench.parts.desk import typed
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row, side_by_side
from tests.support.load import load_world

TARGETS = 500
BUILT_IN = (
    *("page", "commit", "dns", "tls", "database", "connections", "queries", "size", "migrations"),
    *("supabase-rest", "supabase-auth", "functions", "backup", "drill", "lock", "notices", "remote"),
)
CHECK = """
[[monitor.checks]]
name = "c{number}"
environments = ["staging"]
kind = "http"
path = "/?n={number}"
"""


def lacks() -> str:
    """Its program."""
    return "" if shutil.which("curl") else "`curl`: apt-get install curl"


def measure(run: Run) -> Iterator[Row]:
    """One row."""
    off = ", ".join(f'"{name}"' for name in BUILT_IN)
    checks = "".join(CHECK.format(number=number) for number in range(TARGETS))
    with load_world(run.folder / "monitored") as world:
        world.configure(f"[monitor]\noff = [{off}]\n{checks}")
        urls = [f'url = "http://127.0.0.1:{world.port}/?n={number}"' for number in range(TARGETS)]
        file = world.folder / "urls"
        file.write_text("".join(f'{url}\noutput = "/dev/null"\n' for url in urls))
        parallel = ("--parallel", "--parallel-max", "50", "-H", "Connection: close")
        curl = ("curl", "-sf", *parallel, "--config", str(file))
        yield side_by_side(
            f"`monitor.check`, {TARGETS} addresses",
            partial(typed, "monitor.check", "--env", "staging", env_dir=world.env_dir),
            "`curl --parallel`",
            partial(spend, *curl, cwd=world.folder),
            run.runs,
        )


BENCH = Bench(
    "monitor",
    "`monitor.check` of 500 addresses, which takes a new connection for each and times its phases, beside"
    " `curl --parallel`",
    "none",
    measure,
    lacks,
)
