"""What was measured, as a document and as a Markdown table."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.figures import Spread
from tests.bench.plan import Bench
from tests.bench.turns import Row

HEAD = "| what | desk | CPU | beside | | CPU | ratio | limit | |\n|---|--:|--:|---|--:|--:|--:|---|---|"
RAN, NOT_RUN, FAILED = "ran", "not run", "failed"


@dataclass
class Result:
    """How one bench went: `why` it was not run, or could not measure."""

    bench: Bench
    state: str = RAN
    why: str = ""
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        about = {"name": self.bench.name, "about": self.bench.about, "limit": self.bench.limit}
        how = {"state": self.state, "why": self.why, "seconds": round(self.seconds, 1)}
        return {**about, **how, "rows": [row.document() for row in self.rows]}


def machine() -> dict[str, Any]:
    """Where this was measured; `load`: of the last minute, before anything ran."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


def document(results: Sequence[Result], where: dict[str, Any], runs: int, size: str) -> dict[str, Any]:
    """All of it."""
    found = [row.verdict for result in results for row in result.rows]
    return {
        "machine": where,
        "runs": runs,
        "size": size,
        "over": found.count("over"),
        "ok": found.count("ok"),
        "benches": [result.document() for result in results],
    }


def markdown(results: Sequence[Result], where: dict[str, Any], runs: int, size: str) -> str:
    """A table for each bench."""
    cores = f"{where['cores']} cores, load {where['load']}"
    head = f"Medians of {runs} runs in turns, size `{size}`; {cores}. Seconds where nothing else is said."
    return "\n".join([head, *(line for result in results for line in _one(result))])


def limits(benches: Sequence[Bench], *, here: bool = True) -> str:
    """The benches with their limits; with `here`, what each lacks on this machine."""
    last = " lacks here |" if here else ""
    lines = [f"| bench | what it measures | limit |{last}", f"|---|---|---|{'---|' if here else ''}"]
    for bench in benches:
        sizes = "".join(f"; `--size {size}`: {words}" for size, words in bench.sizes.items())
        lacking = f" {bench.lacks() or 'nothing'} |" if here else ""
        lines.append(f"| `{bench.name}` | {bench.about}{sizes} | {bench.limit} |{lacking}")
    return "\n".join(lines)


def limits_document(benches: Sequence[Bench]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "benches": [
            {
                "name": bench.name,
                "about": bench.about,
                "limit": bench.limit,
                "sizes": dict(bench.sizes),
                "lacks": bench.lacks(),
            }
            for bench in benches
        ]
    }


def _one(result: Result) -> Iterator[str]:
    yield f"\n### {result.bench.name}: {result.state} in {result.seconds:.0f} s\n"
    yield f"{result.bench.about}. Limit: {result.bench.limit}."
    if result.why:
        yield f"\n{result.state}: {result.why}"
    if result.rows:
        yield f"\n{HEAD}"
    yield from map(_line, result.rows)
    notes = [f"* {row.case}: {row.note}" for row in result.rows if row.note]
    yield from ["", *notes] if notes else []


def _line(row: Row) -> str:
    unit = "" if row.unit == "s" else f" ({row.unit})"
    grows = row.exponent is not None
    cells = (
        f"{row.case}{unit}",
        "" if grows else _number(row.mine),
        "" if grows else _number(row.mine_cpu),
        row.beside,
        _number(row.other),
        _number(row.other_cpu),
        f"exponent {row.exponent:.2f}" if grows else _ratio(row),
        str(row.limit),
        row.verdict,
    )
    return f"| {' | '.join(cells)} |"


def _number(value: Spread | None) -> str:
    """Three digits that count."""
    return "" if value is None else f"{value.median:.3g}" if value.median < 100 else f"{value.median:.0f}"


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return ""
    more = f", {row.more.median:+.2f} s" if row.more and row.limit.more is not None else ""
    return f"{row.ratio.median:.2f} ({row.ratio.low:.2f} to {row.ratio.high:.2f}){more}"
