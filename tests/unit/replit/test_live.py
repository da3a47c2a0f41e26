"""Whether an answer of a public URL proves a release."""

from __future__ import annotations

import itertools
import json
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import pytest

from scripts.config.settings import Verify
from scripts.replit.live import (
    AT_ONCE,
    CONNECTIONS,
    FIRST_PAUSE,
    Answer,
    Expected,
    Sighting,
    fault,
    look,
    watch,
)
from tests.fakes.world import World
from tests.support.servers import closed_port, serving, text

A, B = "a" * 40, "b" * 40
GOOD = Answer(200, A, "staging", "9", (("/", 200), ("/login", 204)))
EXPECTED = Expected(A, "staging", "9")


def test_a_good_answer_has_no_fault() -> None:
    """The commit, the environment, the schema and every page: then it is proven."""
    assert fault(GOOD, EXPECTED) is None


CASES: list[tuple[dict[str, Any], str]] = [
    ({"status": None, "commit": None, "error": "timed out"}, "nobody answers: timed out"),
    (
        {"status": 500, "commit": None, "error": "it answers 500"},
        "the version stamp can't be read: it answers 500",
    ),
    ({"commit": B}, f"`{B[:12]}` answers, not `{A[:12]}`"),
    ({"commit": A[:12]}, f"`{A[:12]}` answers, not `{A[:12]}`"),
    ({"commit": A.upper()}, f"`{A[:12].upper()}` answers, not `{A[:12]}`"),
    ({"environment": "production"}, "it says that it is `production`, not `staging`"),
    ({"environment": ""}, "it says that it is ``, not `staging`"),
    ({"schema": "8"}, "it was built for schema `8`, not `9`"),
    ({"pages": (("/", 500),)}, "`/` gives 500"),
    ({"pages": (("/", None),)}, "`/` gives no answer"),
    ({"pages": (("/", 302), ("/a", 200), ("/b", 404))}, "`/` gives 302; `/b` gives 404"),
    ({"pages": (("/", 199),)}, "`/` gives 199"),
    ({"pages": (("/", 300),)}, "`/` gives 300"),
    (
        {"commit": B, "environment": "production", "pages": (("/", 500),)},
        f"`{B[:12]}` answers, not `{A[:12]}`",
    ),
]


@pytest.mark.parametrize(("changes", "why"), CASES)
def test_every_other_answer_has_its_reason(changes: dict[str, Any], why: str) -> None:
    """What does not prove the release says why not, the weightiest first."""
    assert why == fault(replace(GOOD, **changes), EXPECTED)


def test_what_the_stamp_does_not_say_is_not_held_against_it() -> None:
    """An app that stamps only its commit is proven by it."""
    assert fault(replace(GOOD, environment=None, schema=None, pages=()), EXPECTED) is None


def test_a_schema_that_nobody_expects_is_not_looked_at() -> None:
    """An environment whose schema is not known accepts any."""
    assert fault(GOOD, Expected(A, "staging")) is None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (GOOD, f"`{A[:12]}`"),
        (Answer(None, error="can't connect"), "no answer (can't connect)"),
        (Answer(503, error="it answers 503"), "HTTP 503 without a commit (it answers 503)"),
    ],
)
def test_an_answer_reads_well(answer: Answer, text: str) -> None:
    """Messages can name what was seen."""
    assert text == str(answer)


def test_silence_is_not_an_error_page() -> None:
    """Only no answer at all leaves open what is live."""
    assert (True, False) == (Answer(None).silent, Answer(500).silent)


# ------------------------------------------------------------------------------------- the wait for it


def sightings(world: World, answers: list[Answer], number: int, *, pages: bool = True) -> list[Sighting]:
    """So many looks of a wait; the last answer stays."""
    waiting = list(answers)

    def look_again() -> Answer:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return list(islice(watch(world.desk(), look_again, EXPECTED, pages=pages), number))


def test_good_answers_are_counted_in_a_row(world: World) -> None:
    """A bad one begins the count anew."""
    bad = replace(GOOD, commit=B)
    seen = sightings(world, [bad, GOOD, bad, GOOD, GOOD, GOOD], 8)

    assert [each.good for each in seen] == [0, 1, 0, 1, 2, 3, 4, 5]
    assert [each.problem is None for each in seen] == [False, True, False, *[True] * 5]
    assert [each.proven for each in seen] == [*[False] * 6, True, True]
    assert seen[1].answer == GOOD


def test_a_commit_that_answers_in_between_is_named_and_more_is_asked_for(world: World) -> None:
    """What answered before the first good one was merely not replaced yet."""
    bad, broken = replace(GOOD, commit=B), replace(GOOD, pages=(("/", 500),))
    *_, last = sightings(world, [bad, bad, GOOD, bad, GOOD, broken, GOOD, bad, GOOD], 8)

    assert re.fullmatch(
        f"it flaps: of the [0-9]+ answers since the first good one, `{B[:12]}` 2 times", last.flapping
    )
    assert not sightings(world, [bad, bad, GOOD], 9)[-1].flapping


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5])
def test_an_address_that_flaps_is_not_called_live(world: World, share: float) -> None:
    """With the shipped streak, in 30 rounds."""
    chance, proven = random.Random(share), 0  # noqa: S311 - the same in each run
    desk = replace(world.desk(), settings=replace(world.settings, verify=Verify(timeout=4, interval=0.5)))

    def look_again() -> Answer:
        return replace(GOOD, commit=B) if chance.random() < share else GOOD

    for _ in range(30):
        for seen in watch(desk, look_again, EXPECTED):
            if seen.proven or (seen.problem and seen.late):
                proven += seen.proven
                assert seen.proven or "it flaps" in seen.flapping
                break

    assert proven <= 1


def test_a_streak_is_asked_over_connections_of_its_own(world: World) -> None:
    """Each look begins a new one; they are spread over `[verify] window`."""
    with serving() as server:
        stamp = {"commit": A, "environment": "staging", "schema": "9"}
        server.answers = {"/version.json": text(json.dumps(stamp)), "/": text("hello")}
        staging = world.settings.environments["staging"]._replace(url=server.url)
        desk = replace(world.desk(), settings=replace(world.settings, verify=Verify(streak=12, window=2)))
        for seen in watch(desk, lambda: look(desk, staging), EXPECTED):
            if seen.proven:
                break

    assert seen.good == 12
    assert 1.0 < world.clock.seconds < 2.5
    assert len({*server.clients}) == 24


def streak(
    world: World,
    look_again: Callable[[], Answer],
    paths: tuple[str, ...] = ("/",),
    last_begun: Callable[[], None] | None = None,
) -> Sighting:
    """The look that proves it; 30 in a row are wanted."""
    verify = Verify(window=0, paths=paths)
    desk = replace(world.desk(), settings=replace(world.settings, verify=verify))
    seen = watch(desk, look_again, EXPECTED, last_begun=last_begun)
    return next(each for each in seen if each.proven)


def test_looks_do_not_wait_for_each_other(world: World) -> None:
    """Six show that the server has no trouble with so many; then all others are under way at once."""
    meeting = [1, 6, 23]
    groups = [group for size in meeting for group in [threading.Barrier(size)] * size]
    number = itertools.count()

    def look_again() -> Answer:
        groups[next(number)].wait(10)
        return GOOD

    assert streak(world, look_again).good == 30
    assert next(number) == 30


def test_a_server_that_takes_its_time_gets_six_looks_at_once(world: World) -> None:
    """It answers one after the other: with more of them the last would wait longer than it may."""
    turn, queue = threading.Lock(), [0]
    longest = 0

    def look_again() -> Answer:
        nonlocal longest
        queue[0] += 1
        longest = max(longest, queue[0])
        time.sleep(0.002)  # the others of this group come as well
        with turn:
            world.clock.sleep(1)
            queue[0] -= 1
        return GOOD

    told: list[str] = []

    assert streak(world, look_again, last_begun=lambda: told.append("begun")).good == 30
    assert longest == AT_ONCE
    assert not told  # it has enough to do


def test_that_the_last_looks_are_under_way_is_told_of_a_quick_server(world: World) -> None:
    """When all of them have begun, and most have no answer yet."""
    groups = [group for size in (1, 6, 23) for group in [threading.Barrier(size)] * size]
    number, begun, told_at = itertools.count(), [0], set[int]()

    def look_again() -> Answer:
        begun[0] += 1
        groups[next(number)].wait(10)
        return GOOD

    streak(world, look_again, last_begun=lambda: told_at.add(begun[0]))

    assert told_at == {30}


def test_many_pages_do_not_mean_more_connections(world: World) -> None:
    """With nine pages a look takes ten."""
    groups = [group for size in (1, 6, 6, 6, 6, 5) for group in [threading.Barrier(size)] * size]
    under_way, most, number = [0], [0], itertools.count()

    def look_again() -> Answer:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        groups[next(number)].wait(10)
        under_way[0] -= 1
        return GOOD

    assert streak(world, look_again, paths=tuple(f"/{page}" for page in range(9))).good == 30
    assert most == [CONNECTIONS // 10]


def test_looks_that_take_their_time_are_spread_no_further(world: World) -> None:
    """The window is over when they are: a slow address makes no release wait twice."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.clock.sleep(seconds)

    settings = replace(world.settings, verify=Verify(streak=12, window=2))
    desk = replace(world.desk(), settings=settings, sleep=sleep)

    def slow() -> Answer:
        world.clock.sleep(1)
        return GOOD

    seen = next(each for each in watch(desk, slow, EXPECTED) if each.proven)

    assert seen.good == 12
    assert sum(slept) < 1.5


def test_pages_count_unless_they_may_need_another_schema(world: World) -> None:
    """The answer itself stays whole."""
    broken = replace(GOOD, pages=(("/", 500),))
    (counting,), (passing,) = (sightings(world, [broken], 1, pages=pages) for pages in (True, False))

    assert (counting.good, passing.good) == (0, 1)
    assert passing.answer == broken


def test_it_is_late_when_the_time_is_over(world: World) -> None:
    """`[verify] timeout`, by the desk's clock; the wait itself never ends."""
    seen = sightings(world, [replace(GOOD, commit=B)], 200)

    assert not seen[0].late
    assert seen[-1].late
    assert world.clock.seconds > 10


def test_the_pauses_grow_while_it_is_not_there(world: World) -> None:
    """From a twentieth of a second towards `[verify] interval`; between good answers they are short."""

    def pauses(answer: Answer, looks: int) -> list[float]:
        moments: list[float] = []

        def look_again() -> Answer:
            moments.append(world.clock.seconds)
            return answer

        list(islice(watch(world.desk(), look_again, EXPECTED), looks))
        return [round(later - earlier, 3) for earlier, later in pairwise(moments)]

    waiting = pauses(replace(GOOD, commit=B), 200)

    assert waiting[0] == FIRST_PAUSE
    assert waiting == sorted(waiting)
    assert waiting[-1] == world.settings.verify.interval
    assert pauses(GOOD, 3) == [world.settings.verify.window / 2, FIRST_PAUSE]


def test_a_look_reads_the_stamp_and_the_pages(world: World) -> None:
    """Of the environment's own URL, by a real server."""
    with serving() as server:
        stamp = {"commit": A, "environment": "staging", "schema": "9"}
        server.answers = {"/version.json": text(json.dumps(stamp)), "/": text("hello", status=201)}
        staging = world.settings.environments["staging"]._replace(url=server.url)
        seen = look(world.desk(), staging)

    assert seen == Answer(200, A, "staging", "9", (("/", 201),))


def test_a_look_at_nothing_is_silent(world: World) -> None:
    """With the reason."""
    staging = world.settings.environments["staging"]._replace(url=f"http://127.0.0.1:{closed_port()}")
    seen = look(world.desk(), staging)

    assert seen.silent
    assert seen.error
