"""Releases and ways back in a row while visitors come: none is refused, none gets a wrong answer.

`DESK_LONG=1 pytest -s tests/integration/launcher/test_load.py` makes 20 releases and 10 ways back.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.integration.launcher.visitors import Answer, Visitors, seconds_to_switch, wrong_answers
from tests.integration.launcher.world import World, world
from tests.support.skips import LONG


def releases_under_load(
    app: World, releases: int, ways_back: int, least: int
) -> tuple[Visitors, list[float]]:
    """So many of each, and at least that many requests; the visitors, and the seconds of each way back."""
    moves: list[tuple[float, str]] = [(time.monotonic(), app.commits[0])]

    def move(commit: str) -> None:
        moves.append((time.monotonic(), commit))
        app.want(commit)
        app.poke()
        app.until_live(commit)

    with Visitors(app.port) as visitors:
        for number in range(releases):
            commit = app.commit()
            app.candidate(commit, f"run-{number}")
            move(commit)
        for number in range(ways_back):
            move(app.commits[-2 if number % 2 == 0 else -1])
        app.until(lambda: len(visitors.answers) >= least, "enough requests")
    assert wrong_answers(visitors.answers, moves) == []
    return visitors, seconds_to_switch(visitors.answers, moves)[-ways_back:]


def test_a_few_releases_under_load(tmp_path: Path) -> None:
    """Forty visitors, four releases and two ways back: every request is answered, and by a live release."""
    with world(tmp_path) as app:
        app.want(app.commit())
        app.start()
        app.until_live(app.commits[0])

        visitors, _ = releases_under_load(app, releases=4, ways_back=2, least=2_000)

        assert visitors.failures == []


@LONG
def test_many_releases_under_load(tmp_path: Path) -> None:
    """Twenty releases and ten ways back in a row, at least 20,000 requests."""
    with world(tmp_path) as app:
        app.want(app.commit())
        app.start()
        app.until_live(app.commits[0])

        visitors, back = releases_under_load(app, releases=20, ways_back=10, least=20_000)

        said = f"{len(visitors.answers)} requests, {len(visitors.failures)} failed"
        print(f"{said}; slowest way back {max(back):.3f} s")  # noqa: T201 - the figures of a long run
        assert visitors.failures == []


def test_a_wrong_answer_is_seen() -> None:
    """An answer of the release before, to a request that was sent after the first answer of the next."""
    moves = [(0.0, "a"), (10.0, "b"), (20.0, "a")]
    good = [
        Answer(1, 2, "a"),
        Answer(9, 11, "a"),
        Answer(10, 12, "b"),
        Answer(11, 13, "a"),
        Answer(21, 22, "a"),
    ]

    assert wrong_answers(good, moves) == []
    assert wrong_answers([*good, Answer(12.5, 13, "a")], moves) == ["a at 12.500..13.000"]
    assert wrong_answers([*good, Answer(22.5, 23, "b")], moves) == ["b at 22.500..23.000"]
    assert wrong_answers([*good, Answer(5, 6, "b")], moves) == ["b at 5.000..6.000"]
