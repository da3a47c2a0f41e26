"""What a mistyped name was meant as."""

from __future__ import annotations

import pytest

from scripts.system.near import guess, near, near_commit

COMMIT, OTHER = "403f229ab1" + "0" * 30, "1a3b1ac97e" + "0" * 30


@pytest.mark.parametrize(
    ("typed", "meant"), [("stagin", "staging"), ("PROD", "prod"), ("prdo", "prod"), ("xyzzy", ""), ("", "")]
)
def test_the_nearest_name(typed: str, meant: str) -> None:
    """Whatever the case; nothing where nothing is near."""
    assert near(typed, ["staging", "prod"]) == meant
    assert guess(typed, ["staging", "prod"]) == (f"did you mean `{meant}`? " if meant else "")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("403f228", COMMIT),  # a wrong digit
        ("430f229", COMMIT),  # two changed places
        ("403229ab", COMMIT),  # one lacks
        ("403ff229a", COMMIT),  # one too many
        ("403F229", COMMIT),
        ("deadbeef", ""),
        ("403g229", ""),
        ("403", ""),
    ],
)
def test_the_nearest_commit(typed: str, meant: str) -> None:
    """By one slip of the keys."""
    assert near_commit(typed, [COMMIT, OTHER]) == meant


def test_two_commits_that_are_near_are_none() -> None:
    """A guess that may be wrong is none."""
    assert near_commit("403f228", [COMMIT, "403f227" + "0" * 33]) == ""
