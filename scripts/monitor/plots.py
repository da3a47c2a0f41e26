# pure
"""Plots as inline SVG, made once: bars of days, lines of response times, points of load tests.

Each has a text alternative; colours come from the page's style, so that they follow light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from scripts.monitor.page_words import Words, date
from scripts.monitor.series import BUCKET, DAY, DAYS, PACE_DAYS, Day, Pace

WIDTH, HEIGHT, LEFT = 720, 150, 52
LETTER = 7  # how wide one is, at most


def _svg(about: str, height: int, *parts: str) -> str:
    opening = f'<svg role="img" aria-label="{escape(about)}" viewBox="0 0 {WIDTH} {height}">'
    return f"{opening}{''.join(parts)}</svg>"


def bars(say: Words, days: Sequence[Day], now: float, about: str) -> str:
    """One bar a day: good, with faults, without looks."""
    known, last, step = {day.day: day for day in days}, int(now // DAY), WIDTH / DAYS
    parts = []
    for place in range(DAYS):
        number = last - DAYS + 1 + place
        day = known.get(number)
        share = 1 - day.bad / day.looks if day and day.looks else None
        kind = "none" if share is None else "good" if share == 1 else "warn" if share >= 0.99 else "bad"
        said = f"{date(number * DAY)}: {say.percent(share, 2)}"
        parts.append(
            f'<rect class="{kind}" x="{place * step:.1f}" width="{step - 2:.1f}" height="34" rx="1.5">'
            f"<title>{said}</title></rect>"
        )
    first, end = (date(number * DAY) for number in (last - DAYS + 1, last))
    ends = f'<text x="0" y="50">{first}</text><text x="{WIDTH}" y="50" text-anchor="end">{end}</text>'
    return _svg(about, 54, *parts, ends)


def pace(
    say: Words, slots: Sequence[Pace], marks: Sequence[Mapping[str, Any]], now: float, about: str
) -> str:
    """Median and 95th percentile over time, with a dashed line where a release went live."""
    top = max(each.p95 for each in slots) * 1.1 or 1.0
    begin = now - PACE_DAYS * DAY

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT) * min(1.0, max(0.0, (at - begin) / (now - begin)))

    parts = [_scale(say, top, date(begin), date(now))]
    free = 0.0  # up to where labels stand
    for mark in marks:
        place = x(mark["at"])
        kind = "mark back" if mark["kind"] == "rollback" else "mark"
        parts.append(
            f'<path class="{kind}" d="M{place:.1f} 14V{HEIGHT - 20}">'
            f"<title>{escape(str(mark['release']))} {date(mark['at'])}</title></path>"
        )
        name = str(mark["release"])
        label = min(place, WIDTH - LETTER * len(name))
        if label >= free:  # else it would cover the one before
            free = label + LETTER * (len(name) + 1)
            parts.append(f'<text x="{label:.1f}" y="10">{escape(name)}</text>')
    for kind in ("p95", "p50"):
        path, before = [], None
        for slot in slots:
            broken = before is None or slot.at - before > 1.5 * BUCKET
            path.append(f"{'M' if broken else 'L'}{x(slot.at):.1f} {_y(getattr(slot, kind), top):.1f}")
            before = slot.at
        parts.append(f'<path class="{kind}" d="{"".join(path)}"/>')
    return _svg(about, HEIGHT, *parts)


def points(say: Words, rows: Sequence[Mapping[str, Any]], about: str) -> str:
    """The p95 of load tests in seconds, one point a run; those that did not pass are crosses."""
    known = [row for row in rows if row["p95"] is not None]
    top = max(row["p95"] / 1000 for row in known) * 1.1 or 1.0
    step = (WIDTH - LEFT - 20) / max(1, len(known) - 1)
    places = [(LEFT + 10 + step * n, _y(row["p95"] / 1000, top), row) for n, row in enumerate(known)]
    line = "".join(f"{'L' if n else 'M'}{x:.1f} {y:.1f}" for n, (x, y, _) in enumerate(places))
    parts = [
        _scale(say, top, date(known[0]["at"]), date(known[-1]["at"])),
        f'<path class="p50" d="{line}"/>',
    ]
    for x, y, row in places:
        said = f"<title>{date(row['at'])}: {say.span(row['p95'] / 1000)}</title>"
        if row["passed"]:
            parts.append(f'<circle class="good" cx="{x:.1f}" cy="{y:.1f}" r="4">{said}</circle>')
        else:
            parts.append(
                f'<path class="cross" d="M{x - 5:.1f} {y - 5:.1f}l10 10m0-10l-10 10">{said}</path>'
            )
    return _svg(about, HEIGHT, *parts)


def _y(value: float, top: float) -> float:
    return HEIGHT - 20 - (HEIGHT - 40) * value / top


def _scale(say: Words, top: float, first: str, last: str) -> str:
    lines = [
        f'<path class="rule" d="M{LEFT} {_y(value, top):.1f}H{WIDTH}"/>'
        f'<text x="{LEFT - 6}" y="{_y(value, top) + 4:.1f}" text-anchor="end">{say.span(value)}</text>'
        for value in (0.0, top / 2, top)
    ]
    ends = (
        f'<text x="{LEFT}" y="{HEIGHT - 4}">{first}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 4}" text-anchor="end">{last}</text>'
    )
    return "".join(lines) + ends
