"""Measure things in turns: A, B, A, B ..., so that what the machine does besides hits both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tests.bench.clock import Spent
from tests.bench.figures import Spread, each_more, exponent, pairs, ratio, spread
from tests.bench.plan import NO_LIMIT, Limit

Way = Callable[[], Spent]


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        mine, other: what was measured; `other`: None where nothing stands beside.
        mine_cpu, other_cpu: CPU seconds.
        beside: what the other is.
        ratio, more: of each pair.
        unit: of what is compared.
        note: where the time goes, or what belongs to the number.
    """

    case: str
    mine: Spread
    mine_cpu: Spread
    beside: str = ""
    other: Spread | None = None
    other_cpu: Spread | None = None
    ratio: Spread | None = None
    more: Spread | None = None
    exponent: float | None = None
    unit: str = "s"
    limit: Limit = NO_LIMIT
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `over`, or "" where nothing is demanded."""
        at_most = (
            (self.ratio and self.ratio.median, self.limit.ratio),
            (self.more and self.more.median, self.limit.more),
            (self.mine.median, self.limit.value),
            (self.exponent, self.limit.exponent),
            (self.limit.least, self.ratio and self.ratio.median),
        )
        judged = [found <= most for found, most in at_most if found is not None and most is not None]
        return "" if not judged else "ok" if all(judged) else "over"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        spreads = {
            name: value._asdict() if isinstance(value, Spread) else value
            for name, value in vars(self).items()
            if name != "limit"
        }
        demanded = {name: value for name, value in vars(self.limit).items() if value is not None}
        return {**spreads, "limit": demanded, "verdict": self.verdict}

    @classmethod
    def of(cls, case: str, mine: Sequence[Spent], other: Sequence[Spent] = (), **more: Any) -> Self:
        """A row of what the turns took."""
        ours, theirs = ([each.compared for each in every] for every in (mine, other))
        return cls(
            case,
            spread(ours),
            spread([each.cpu for each in mine]),
            other=spread(theirs) if theirs else None,
            other_cpu=spread([each.cpu for each in other]) if theirs else None,
            ratio=pairs(ours, theirs, ratio),
            more=pairs(ours, theirs, lambda one, two: one - two),
            **more,
        )


def take_turns(ways: Mapping[str, Way], runs: int, *, warm: bool = True) -> dict[str, list[Spent]]:
    """What each way took, in turns; with `warm` and several runs, each has run once before."""
    if warm and runs > 1:
        for way in ways.values():
            way()
    taken: dict[str, list[Spent]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            taken[name].append(way())
    return taken


def side_by_side(
    case: str, mine: Way, beside: str, other: Way, runs: int, *, warm: bool = True, **more: Any
) -> Row:
    """A row of two ways in turns."""
    taken = take_turns({"mine": mine, "other": other}, runs, warm=warm)
    return Row.of(case, taken["mine"], taken["other"], beside=beside, **more)


def growth(case: str, unit: str, ways: Mapping[int, Way], runs: int, **more: Any) -> list[Row]:
    """A row for each size, beside the smallest; the last row has the exponent of CPU seconds.

    Of seconds that is smaller, where some of them pass in waiting; of what is constant neither knows.
    """
    taken = take_turns({str(size): way for size, way in ways.items()}, runs)
    sizes = sorted(ways)
    first = taken[str(sizes[0])]
    rows = [
        Row.of(
            f"{case}, {size:,} {unit}", taken[str(size)], () if size == sizes[0] else first,
            beside="" if size == sizes[0] else f"{sizes[0]:,} {unit}",
        )
        for size in sizes
    ]  # fmt: skip
    walls = [(float(size), row.mine.median) for size, row in zip(sizes, rows, strict=True)]
    cpus = [(float(size), row.mine_cpu.median) for size, row in zip(sizes, rows, strict=True)]
    last = exponent(cpus[-2:])
    note = (
        f"{each_more(cpus) * 1e6:.1f} us of CPU and {each_more(walls) * 1e6:.1f} us for each more;"
        f" exponent {exponent(walls):.2f} of seconds, {exponent(cpus):.2f} of CPU, {last:.2f} at the end"
    )
    of_all = Row.of(f"{case}, growth", taken[str(sizes[-1])], exponent=last, note=note, **more)
    return [*rows, of_all]
