"""`python -m tests.bench`, which `invoke bench` calls: it writes `bench.json` and `bench.md`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from tests.bench import report
from tests.bench.apart import run_apart
from tests.bench.benches import BENCHES
from tests.bench.plan import SIZES, Broken
from tests.bench.run import chosen, run_all

USAGE = 2  # exit code


def main(words: list[str]) -> int:
    """Measure; 1 if a bench failed, 2 for what can't be asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", choices=SIZES, default=SIZES[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limits", action="store_true")
    asked = parser.parse_args(words)
    try:
        benches = chosen(BENCHES, asked.only)
    except Broken as fault:
        _say(f"error: {fault}")
        return USAGE
    if asked.limits:
        _write(asked.out, report.limits_document(benches), report.limits(benches))
        return 0
    where = report.machine()

    def keep(results: list[report.Result]) -> None:  # after each, because all of them may take hours
        how = (results, where, asked.runs, asked.size)
        _write(asked.out, report.document(*how), report.markdown(*how))

    results = run_all(benches, runs=asked.runs, size=asked.size, say=_say, keep=keep)
    return int(any(result.state == report.FAILED for result in results))


def _write(folder: Path, document: dict[str, Any], text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(document, indent=1) + "\n")
    (folder / "bench.md").write_text(f"{text}\n")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # who called may be gone, while this puts things back
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    run_apart(lambda: main(sys.argv[1:]))
