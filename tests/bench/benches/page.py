"""The page of two years, beside `history` of the same ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench.parts.desk import typed
from tests.bench.parts.histories import ENVIRONMENTS
from tests.bench.parts.quiet_world import quiet_configuration
from tests.bench.plan import Bench, Run
from tests.bench.turns import Row, side_by_side
from tests.support import years
from tests.support.repositories import bare, clone
from tests.support.servers import serving, text

RELEASES = {242: 6_000, 2_000: 200_000}  # and how often the monitor has looked


def measure(run: Run) -> Iterator[Row]:
    """A row for a small team, and one for a busy one."""
    for releases, looks in RELEASES.items():
        run.say(f"  making {releases:,} releases and {looks:,} looks")
        env_dir = _made(run, run.folder / f"years{releases}", releases, looks)
        yield side_by_side(
            f"`monitor.page`, {releases:,} releases, {looks:,} looks",
            partial(typed, "monitor.page", "--out", str(env_dir.parent / "page"), env_dir=env_dir),
            "`history`",
            partial(typed, "history", env_dir=env_dir),
            run.runs,
        )


def _made(run: Run, folder: Path, releases: int, looks: int) -> Path:
    folder.mkdir()
    now = time.time()
    origin = bare(folder / "origin.git")
    live = years.repository(origin, releases, now)
    person = clone(origin, folder / "clone")
    years.looks(folder / ".airhost", looks, now)
    server = run.stack.enter_context(serving())
    for name in ENVIRONMENTS:
        stamp = json.dumps({"commit": live[name], "environment": name})
        server.answers[f"/{folder.name}/{name}/version.json"] = text(stamp)
        server.answers[f"/{folder.name}/{name}/"] = text("<p>home</p>")
    return quiet_configuration(folder, person.folder, server.server_address[1])


BENCH = Bench(
    "page",
    "`monitor.page` of two years: 242 releases and 6,000 looks, 2,000 releases and 200,000 looks; beside"
    " `history` of the same ledger",
    "none",
    measure,
)
