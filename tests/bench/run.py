"""The benches that were asked for, one after the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from scripts.errors import DeskError
from tests.bench.plan import Bench, Broken, Run, abandoned
from tests.bench.report import FAILED, NOT_RUN, Result

PREFIX = "desk-bench-"  # of a temporary folder; the process follows
CACHE = Path("~/.cache/release-desk-bench")  # programs that are installed once


def chosen(benches: Sequence[Bench], only: Sequence[str]) -> list[Bench]:
    """Those that were named, or all.

    Raises:
        Broken: there is none of that name.
    """
    names = [name.strip() for text in only for name in text.split(",") if name.strip()]
    known = {bench.name: bench for bench in benches}
    for name in names:
        if name not in known:
            raise Broken(f"there is no bench `{name}`; there are {', '.join(known)}")
    return [known[name] for name in names] or list(benches)


def run_all(
    benches: Sequence[Bench],
    *,
    runs: int,
    size: str,
    say: Callable[[str], None],
    keep: Callable[[list[Result]], None] = lambda _results: None,
) -> list[Result]:
    """Measure; a bench that can't is told of, and does not stop the next. `keep` gets all so far."""
    results: list[Result] = []
    for left in abandoned(PREFIX):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as folder, ExitStack() as stack:
        run = Run(runs, size, Path(folder), CACHE.expanduser(), say, stack)
        for bench in benches:
            results.append(run_one(bench, run))
            keep(results)
    return results


def run_one(bench: Bench, run: Run) -> Result:
    """One bench; its rows are kept also where a later one could not be measured."""
    result, began = Result(bench), time.monotonic()
    if why := bench.lacks():
        result.state, result.why = NOT_RUN, why
        run.say(f"{bench.name}: not run: {why}")
        return result
    run.say(f"{bench.name} ...")
    try:
        for row in bench.measure(run):
            result.rows.append(row)
            run.say(f"  {row.case}: {row.mine.median:.3g} {row.unit} {row.verdict}".rstrip())
    except (Broken, DeskError, AssertionError, OSError, subprocess.SubprocessError) as fault:
        result.state, result.why = FAILED, str(fault)
        run.say(f"{bench.name}: failed: {fault}")
    result.seconds = time.monotonic() - began
    return result
