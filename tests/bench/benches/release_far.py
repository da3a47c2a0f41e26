"""A code-only `deploy` with a git remote and a URL 300 ms away, beside the script by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from tests.bench.benches.release import BESIDE, deploys
from tests.bench.benches.status import AWAY
from tests.bench.clock import Spent
from tests.bench.parts.desk import where
from tests.bench.parts.far import far
from tests.bench.parts.scripted import publish_takes, script
from tests.bench.parts.worlds import far_away, lacks, released
from tests.bench.plan import Bench, Limit, Run
from tests.bench.turns import Row


def measure(run: Run) -> Iterator[Row]:
    """One row; the workspaces are near the remote, as Replit's are near GitHub."""
    world = released(run)
    publish_takes(world, 0)
    place, near = far_away(run, world, AWAY), script(run, world, "one")
    port = run.stack.enter_context(far(near.slot.port, AWAY))
    away = replace(near, repository=place.repository, url=f"http://127.0.0.1:{port}")
    theirs = list[int]()  # requests to the remote

    def by_hand() -> Spent:
        before = len(place.asked)
        spent = away()
        theirs.append(len(place.asked) - before)
        return spent

    place.asked.clear()
    mine, other = deploys(run, world, place.env_dir, by_hand, lambda: {"NOTES.md": f"{time.time()}\n"})
    ours = (len(place.asked) - sum(theirs)) / run.runs
    note = f"{where(mine)}; {ours:.1f} HTTP requests to the remote, the script {sum(theirs) / run.runs:.1f}"
    case = "`deploy`, remote and URL 300 ms away"
    yield Row.of(case, mine, other, beside=BESIDE, limit=Limit(ratio=1.2), note=note)


BENCH = Bench(
    "release-far",
    "a code-only `deploy` with a git remote over HTTP and a URL 300 ms away, and a heartbeat every 20 s,"
    " beside the script by hand",
    "1.2 x",
    measure,
    lacks,
)
