"""A plan as people read it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.git.client import Commit
from scripts.release.facts import Facts
from scripts.release.plan import decide
from scripts.release.plan_text import headline, words
from tests.unit.release.samples import LOCK, ONE, PROMOTE, RELEASED, TWO, A, B, C, event


def text(facts: Facts, *, plan: bool = True) -> str:
    """All its lines."""
    return "\n".join(words(decide(replace(facts, request=replace(facts.request, plan=plan)))))


def test_a_plan_reads_whole() -> None:
    """What goes where, commits, migrations, steps, the point of no return and the way back."""
    shown = text(replace(PROMOTE, committed=(ONE, TWO), subjects={A: "better"}))

    for part in (
        f'staging: v1 {C[:8]} -> {A[:8]} "better" (1 commit, 1 migration)',
        "  migration 2_x.sql",
        "  migrate   apply 1 migration",
        "  point of no return: migrate; way back: publish `v1`",
    ):
        assert part in shown


def test_a_run_does_not_list_the_steps_beforehand() -> None:
    """Each is shown as it comes."""
    shown = text(replace(PROMOTE, committed=(ONE, TWO)), plan=False)

    assert "  migration 2_x.sql" in shown
    assert "  migrate   apply" not in shown


def test_going_back_names_both_releases_and_what_is_left() -> None:
    """With the number of commits that are no longer live."""
    back = replace(
        PROMOTE, wanted=B, target=event("staging", "v1", B), leaves=3, commits=(), subjects={B: "Hello"}
    )
    assert headline(decide(back)).endswith(f'-> v1 {B[:8]} "Hello" (3 commits back)')


def test_many_commits_are_cut() -> None:
    """A long list ends with how many there are more."""
    shown = text(
        replace(
            PROMOTE,
            commits=tuple(Commit(f"{number:040}", "Ada", "2024-01-01", "x") for number in range(30)),
        )
    )

    assert "  | and 10 more\n" in shown
    assert shown.count("  | ") == 21


@pytest.mark.parametrize("facts", [RELEASED, replace(PROMOTE, lock=LOCK)], ids=["nothing", "refused"])
def test_a_plan_that_is_not_carried_out_shows_no_steps(facts: Facts) -> None:
    """What will not happen is not listed."""
    assert "point of no return" not in text(facts)
