"""Plots: what stands in them, and that it can be read."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from scripts.monitor.page_words import Words
from scripts.monitor.plots import LEFT, LETTER, WIDTH, pace
from scripts.monitor.series import DAY, Pace

NOW = 100 * DAY


@pytest.mark.parametrize(
    "days", [[0.0, 0.1, 0.3, 0.6], [29.0, 20.0, 5.0, 2.0, 1.0, 0.0], [n / 4 for n in range(80)]]
)
@pytest.mark.parametrize("first", [3, 1998])
def test_no_label_covers_another_or_leaves_the_plot(days: list[float], first: int) -> None:
    """However dense the releases are, and however long their names."""
    marks = [
        {"at": NOW - day * DAY, "kind": "release", "release": f"v{first + number}"}
        for number, day in enumerate(sorted(days, reverse=True))
    ]
    slots = [Pace(NOW - 10 * DAY, 0.1, 0.2), Pace(NOW - 9 * DAY, 0.1, 0.3)]
    drawn = pace(Words("en"), slots, marks, NOW, "response times")
    labels = [
        (float(x), len(name)) for x, name in re.findall(r'<text x="([0-9.]+)" y="10">(v[0-9]+)', drawn)
    ]

    assert labels
    assert drawn.count('class="mark"') == len(marks)
    for (left, length), (right, _) in pairwise(labels):
        assert left + LETTER * length < right
    assert all(LEFT <= left and left + LETTER * length <= WIDTH for left, length in labels)
