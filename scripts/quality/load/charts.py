"""A run over time: requests, users, latency and failures as SVG, on one axis of seconds.

The drawing stretches with the screen; its texts are HTML beside it, so that a phone shows them, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from scripts.quality.html import figure, mark, said
from scripts.quality.load.report import Report
from scripts.quality.load.result import Series, percentile
from scripts.quality.load.stages import OVER, StageResult
from scripts.quality.load.verdict import SHARES

WIDTH, HEIGHT = 1000, 100  # of a drawing; the page gives it its size
NEAR = 4.0  # a limit is drawn where it is at most so many times what was measured
APART = 12.0  # per cent of the width between two labels
Points = Sequence[tuple[float, float | None]]  # seconds, value; None: nothing was measured


@dataclass(frozen=True)
class Line:
    """One line: its name, which is its class, too, and what stands in the key."""

    kind: str
    label: str
    points: Points


@dataclass(frozen=True)
class Chart:
    """One drawing.

    Args:
        limits: label and value of each threshold.
        bars: whether the lines are drawn as bars of failures.
        tall: whether it is the one that matters.
    """

    title: str
    unit: str
    lines: Sequence[Line]
    limits: Sequence[tuple[str, float]] = ()
    bars: bool = False
    tall: bool = False

    @property
    def most(self) -> float:
        """The highest value that was measured."""
        return max(
            (value for line in self.lines for _, value in line.points if value is not None), default=0
        )


def charts(report: Report) -> str:
    """All drawings of a run, as HTML; "" if nothing was measured."""
    frame = Frame(report)
    return "".join(frame.figure(chart) for chart in _charts(report))


def undrawn(report: Report) -> list[str]:
    """The limits of latency that lie too far above what was measured to be drawn."""
    chart = next((chart for chart in _charts(report) if chart.tall), None)
    return (
        [_bound(label, limit, chart) for label, limit in chart.limits if limit > NEAR * chart.most]
        if chart
        else []
    )


def _charts(report: Report) -> Iterator[Chart]:
    run, plan = report.run, report.plan
    if run is None or not run.total.count:
        return
    slot, seconds, limits = plan.slot, plan.seconds, report.limits
    series = run.total.grouped(slot)
    slots = range(math.ceil(seconds / slot))
    middle = [min((n + 0.5) * slot, seconds) for n in slots]
    lengths = [min(slot, seconds - n * slot) for n in slots]
    planned = [(at, wanted) for stage in report.stages for at, wanted in _ends(stage)]
    made = [sum(series.slots.get(n, {}).values()) / length for n, length in enumerate(lengths)]
    rates = [
        (at, rate if n * slot < report.seconds else None)
        for n, (at, rate) in enumerate(zip(middle, made, strict=True))
    ]
    edge = [Line("edge", "planned", planned)]
    is_open = plan.model == "open"
    lines = [Line("line", "made", rates), *(edge if is_open else [])]
    yield Chart("Requests per second", "/s", lines, [("at least", limits.rate)] if limits.rate else [])
    times = [Line(what, what, _percentiles(series, share, middle)) for what, share in SHARES.items()]
    wanted = [(f"{what} limit", limit) for what in SHARES if (limit := getattr(limits, what))]
    yield Chart("Latency", " ms", times, wanted, tall=True)
    failed = [(at, _failed(series, n)) for n, at in enumerate(middle)]
    allowed = [("limit", 100 * limits.failures)] if limits.failures else []
    if series.failed:
        yield Chart("Failed requests", " %", [Line("bar", "failed", failed)], allowed, bars=True)
    flying = Line("p95", "requests under way", _seconds(run.flying, slot))
    users = [] if is_open else [Line("line", "users", _seconds(run.users, slot)), *edge]
    if flying.points or not is_open:
        yield Chart("Requests under way" if is_open else "Users", "", [*users, flying])


def _ends(stage: StageResult) -> Points:
    """The planned load of a stage, as a level line."""
    return [(stage.begin, stage.wanted), (stage.begin + stage.seconds, stage.wanted)]


def _percentiles(series: Series, share: float, middle: Sequence[float]) -> Points:
    return [(at, percentile(series.slots.get(n, {}), share)) for n, at in enumerate(middle)]


def _failed(series: Series, slot: int) -> float | None:
    count = sum(series.slots.get(slot, {}).values())
    return 100 * series.failed_in.get(slot, 0) / count if count else None


def _seconds(values: Mapping[int, int], slot: int) -> Points:
    """The highest of each slot."""
    highest: dict[int, int] = {}
    for second, value in values.items():
        highest[second // slot] = max(value, highest.get(second // slot, 0))
    return [((n + 0.5) * slot, highest[n]) for n in sorted(highest)]


class Frame:
    """What all drawings of a run share: the seconds, the stages, what happened meanwhile."""

    def __init__(self, report: Report) -> None:
        self.report, self.seconds = report, report.plan.seconds

    def x(self, seconds: float) -> float:
        """The place of a moment, in per cent of the width."""
        return 100 * min(1.0, max(0.0, seconds / self.seconds))

    def figure(self, chart: Chart) -> str:
        """One drawing with its key, its scale and a text for those who can't see it."""
        near = [limit for _, limit in chart.limits if limit <= NEAR * chart.most]
        step, top = scale(max([chart.most, *near]))
        inside = [self._shades(), *(_rule(n * step / top) for n in range(round(top / step) + 1))]
        inside += [_edge(limit / top) for limit in near]
        inside += [self._drawn(chart, line, top) for line in chart.lines]
        inside += [_upright(self.x(at)) for at, _ in self.report.markers]
        words = [*self._scale(chart, step, top), *self._stage_names(chart), *self._marks(chart)]
        words += [_limit(label, limit, chart, top) for label, limit in chart.limits]
        svg = (
            f'<svg role="img" aria-label="{escape(about(chart))}" viewBox="0 0 {WIDTH} {HEIGHT}"'
            f' preserveAspectRatio="none">{"".join(inside)}</svg>'
        )
        tall = " tall" if chart.tall else ""
        plot = f'<div class="plot{tall}">{svg}<div aria-hidden="true">{"".join(words)}</div></div>'
        return f"<figure><figcaption>{escape(said(chart.title))}{_keys(chart)}</figcaption>{plot}</figure>"

    def _shades(self) -> str:
        parts, stages = [], self.report.stages
        for stage in stages if len(stages) > 1 else ():
            kind = "hurt" if stage.verdict == OVER else "shade" if stage.number % 2 else ""
            begin, end = self.x(stage.begin), self.x(stage.begin + stage.seconds)
            if kind:
                parts.append(
                    f'<rect class="{kind}" x="{10 * begin:.1f}" width="{10 * (end - begin):.1f}"'
                    f' height="{HEIGHT}"/>'
                )
        return "".join(parts)

    def _stage_names(self, chart: Chart) -> Iterator[str]:
        stages, unit = self.report.stages, "/s" if self.report.plan.model == "open" else " users"
        for stage in stages if len(stages) > 1 else ():
            begin, end = self.x(stage.begin), self.x(stage.begin + stage.seconds)
            if not (chart.tall and self.report.markers):  # the names of releases stand there
                yield (
                    f'<span class="stage" style="left:{begin:.2f}%;width:{end - begin:.2f}%">'
                    f"{said(f'{stage.wanted:g}{unit}')}</span>"
                )

    def _marks(self, chart: Chart) -> Iterator[str]:
        free = 0.0
        for at, what in self.report.markers if chart.tall else ():
            place = self.x(at)
            if place >= free:  # else it would cover the one before; the list has them all
                free = place + APART
                side = f"right:{100 - place:.2f}%" if place > 70 else f"left:{place:.2f}%"
                yield f'<span class="mark" style="{side}">{escape(what.split()[0])}</span>'

    def _drawn(self, chart: Chart, line: Line, top: float) -> str:
        if not chart.bars:
            return f'<path class="{line.kind}" d="{self._path(line, top)}"/>'
        width = max(2.0, WIDTH / max(1, len(line.points)) * 0.7)
        return "".join(
            f'<rect class="bar" x="{10 * self.x(at) - width / 2:.1f}" y="{HEIGHT - height:.1f}"'
            f' width="{width:.1f}" height="{height:.1f}"/>'
            for at, value in line.points
            if value and (height := max(2.0, HEIGHT * value / top))
        )

    def _path(self, line: Line, top: float) -> str:
        parts, pen = [], "M"
        for at, value in line.points:
            if value is None:
                pen = "M"
                continue
            parts.append(f"{pen}{10 * self.x(at):.1f} {HEIGHT * (1 - value / top):.2f}")
            pen = "L"
        return "".join(parts)

    def _scale(self, chart: Chart, step: float, top: float) -> Iterator[str]:
        for n in range(round(top / step) + 1):
            place = 100 * n * step / top
            value = figure(f"{n * step:g}{chart.unit}")
            yield f'<span class="y" style="bottom:{place:.2f}%">{value}</span>'
        yield '<span class="x start" style="left:0">0</span>'
        yield f'<span class="x" style="left:50%">{figure(span(self.seconds / 2))}</span>'
        yield f'<span class="x end" style="left:100%">{figure(span(self.seconds))}</span>'


def scale(most: float) -> tuple[float, float]:
    """The step between two lines of a scale, and its end: round numbers, three to five of them."""
    if most <= 0:
        return 1.0, 1.0
    raw = most / 4
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * 0.9999)
    return step, step * math.ceil(most / step - 0.001)


def span(seconds: float) -> str:
    """A length of time for people: `45 s`, `2.5 min`."""
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.3g} min"


def about(chart: Chart) -> str:
    """The drawing in words."""
    parts = []
    for line in chart.lines:
        values = [value for _, value in line.points if value is not None]
        if values and line.kind != "edge":
            low, high = (f"{value:.4g}{chart.unit}" for value in (min(values), max(values)))
            parts.append(said(f"{line.label} from {low} to {high}"))
    parts += [_bound(label, limit, chart) for label, limit in chart.limits]
    title, between = said(f"{chart.title} over time"), f"{mark(';')} "
    return f"{title}{mark(':')} {between.join(parts)}"


def _bound(label: str, limit: float, chart: Chart) -> str:
    """A limit in words: `p95 limit 800 ms`."""
    return f"{said(label)} {figure(f'{limit:g}{chart.unit}')}"


def _keys(chart: Chart) -> str:
    return "".join(
        f'<span class="key {line.kind}">{escape(said(line.label))}</span>' for line in chart.lines
    )


def _rule(share: float) -> str:
    y = HEIGHT * (1 - share)
    return f'<path class="rule" d="M0 {y:.2f}H{WIDTH}"/>'


def _edge(share: float) -> str:
    y = HEIGHT * (1 - share)
    return f'<path class="edge limit" d="M0 {y:.2f}H{WIDTH}"/>'


def _upright(place: float) -> str:
    return f'<path class="mark" d="M{10 * place:.1f} 0V{HEIGHT}"/>'


def _limit(label: str, limit: float, chart: Chart, top: float) -> str:
    """A limit's name at its line."""
    if limit <= NEAR * chart.most:
        share = 100 * limit / top
        place = f"bottom:{share:.2f}%" if share < 90 else f"top:{100 - share:.2f}%"
        place += ";right:auto" if chart.bars else ""  # most failures are at the end
        return f'<span class="limit" style="{place}">{escape(_bound(label, limit, chart))}</span>'
    return ""
