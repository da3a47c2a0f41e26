"""How long `invoke` takes until it says anything, beside bare Invoke."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench.clock import Spent, spend
from tests.bench.parts.desk import ROOT, program
from tests.bench.plan import Bench, Limit, Run
from tests.bench.turns import Row, side_by_side

CALLS = {  # what is typed, and what bare Invoke is asked in its place
    "--list": "--list",
    "--help": "--help",
    "status --help": "--help",
    "--version": "--version",
}


def measure(run: Run) -> Iterator[Row]:
    """A row for each call."""
    bare = run.folder / "bare"
    bare.mkdir()
    (bare / "tasks.py").write_text("")
    for mine, other in CALLS.items():
        yield side_by_side(
            f"`invoke {mine}`",
            partial(call, ROOT, mine),
            f"bare `invoke {other}`",
            partial(call, bare, other),
            run.runs,
            limit=Limit(ratio=1.25),
        )


def call(folder: Path, words: str) -> Spent:
    """`invoke WORDS` in a folder; bare Invoke ends its empty list with 1."""
    return spend(*program(), *words.split(), cwd=folder, codes=(0, 1) if folder != ROOT else (0,))


BENCH = Bench(
    "startup",
    "`--list`, `--help`, `status --help` and `--version`, beside Invoke with an empty `tasks.py`",
    "1.25 x",
    measure,
)
