"""The alignment: what is harmless, what moves where, and why not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scripts.branches.alignment import Alignment, Head, Meeting, Move, by_hand
from scripts.git.client import Commit

MAIN = Head("production", "main", "a" * 40, "tree-main")
STAGING = Head("staging", "staging", "b" * 40, "tree-staging")
DEVELOP = Head("development", "develop", "c" * 40, "tree-develop")
HEADS = (MAIN, STAGING, DEVELOP)
BUTTON = Commit("d" * 40, "Ada", "2024-01-02T00:00:00+00:00", "Merge pull request #7 from acme/staging")
FIX = Commit("e" * 40, "Bob", "2024-01-03T00:00:00+00:00", "fix the login")
NEW, NEWER = "1" * 40, "2" * 40

# `main` has a merge by GitHub's button, which changes nothing of `staging`
HARMLESS = Meeting(STAGING, MAIN, strangers=(BUTTON,), merged="tree-staging")
# `main` has a fix that `staging` lacks
FIXED = Meeting(STAGING, MAIN, (FIX,), own=1, merged="tree-new", changes=("M login.js", "A fix.js"))
CONFLICT = Meeting(STAGING, MAIN, (FIX,), own=1, merged="marks", conflicts=("login.js",))


def aligned(*moves: Move, stuck: Meeting | None = None) -> Alignment:
    """An alignment of the whole chain."""
    return Alignment("origin", HEADS, moves, stuck)


# --------------------------------------------------------------------------------------- a meeting


@pytest.mark.parametrize(
    ("changed", "how"),
    [
        ({}, "merge"),
        ({"ahead": False}, "fast-forward"),
        ({"strangers": ()}, "nothing"),
        ({"strangers": (), "ahead": False}, "nothing"),
        ({"conflicts": ("login.js",)}, "conflict"),
    ],
)
def test_how_a_branch_moves(changed: dict[str, Any], how: str) -> None:
    """Forward where it can, by a merge where both have commits, not at all where there is nothing."""
    assert how == replace(HARMLESS, **changed).how


@pytest.mark.parametrize(
    ("changed", "harmless", "says"),
    [
        ({}, True, "it brings no content of its own"),
        ({"strangers": (BUTTON, BUTTON)}, True, "they bring no content of their own"),
        ({"own": 1}, False, "`staging` has its content already"),
        ({"copies": 1, "twin": "f" * 40}, True, "that of `ffffffffffff`, which it has already"),
        ({"merged": "other", "changes": ("M a",)}, False, "it changes 1 file of `staging`: `M a`"),
        ({"conflicts": ("a", "b"), "merged": "x"}, False, "conflicts in `a`, `b`"),
        ({"conflicts": ("a",)}, False, "conflicts in `a`"),
        ({"strangers": ()}, False, ""),
    ],
)
def test_harmless_is_only_what_brings_nothing(changed: dict[str, Any], harmless: bool, says: str) -> None:
    """Not one file changes, and nobody wrote anything there: or the very files are in its own history."""
    meeting = replace(HARMLESS, **changed)

    assert harmless == meeting.harmless
    assert says in meeting.verdict
    assert ("no file changes" in meeting.verdict) == meeting.unchanged


def test_the_merge_says_what_it_is() -> None:
    """The subject is git's own, and the body tells what becomes of the files."""
    assert (
        "Merge branch 'main' into staging\n\nIt changes 2 files of `staging`: `M login.js`, `A fix.js`.\n"
    ) == FIXED.message


def test_many_files_and_commits_are_cut() -> None:
    """People see the first ones, and how many more there are."""
    many = replace(FIXED, strangers=(FIX,) * 12, changes=tuple(f"M {n}" for n in range(12)))
    words = "\n".join(many.words())

    assert 8 == words.count("fix the login")
    assert 2 == words.count("and 4 more")


# ------------------------------------------------------------------------------------- the whole


def test_aligned_branches_have_nothing_to_do() -> None:
    """The chain is named from its beginning."""
    found = aligned()

    assert "`develop` -> `staging` -> `main`" in str(found.nothing)
    assert (None, False) == (found.refused, found.harmless)


def test_the_first_day_is_harmless() -> None:
    """Each move is in words, no tree changes, and what makes it live is named."""
    second = Meeting(DEVELOP, replace(STAGING, commit=NEW), (BUTTON,), merged="tree-develop")
    found = aligned(Move(HARMLESS, NEW), Move(second, NEWER))
    words = "\n".join(found.words())
    document = found.document()

    assert (None, None, True, True) == (found.nothing, found.refused, found.harmless, found.unchanged)
    assert words.index("`main` into `staging`: merge, 1 commit") < words.index("`staging` into `develop`")
    assert "moves `staging`, `develop`; no force" in words
    assert "harmless: not one file" in words
    assert {"main": 1, "staging": 1, "develop": 1} == {
        branch: len(set(tree.values())) for branch, tree in document["trees"].items()
    }
    assert [("staging", STAGING.commit, NEW), ("develop", DEVELOP.commit, NEWER)] == [
        (move["branch"], move["old"], move["new"]) for move in document["moves"]
    ]
    assert json.dumps(document)
    assert "next: `invoke deploy --env staging`, then `invoke deploy --env development`" == found.following


def test_one_fix_makes_the_whole_not_harmless() -> None:
    """The files are told, in words and in the document."""
    found = aligned(Move(FIXED, NEW))

    assert (False, False) == (found.harmless, found.unchanged)
    assert "`M login.js`" in "\n".join(found.words())
    assert "harmless:" not in "\n".join(found.words())
    assert {"before": "tree-staging", "after": "tree-new"} == found.document()["trees"]["staging"]


def test_a_conflict_is_refused_with_the_commands() -> None:
    """The files are named; nothing moves; the commands are those of the very branches."""
    refused = aligned(stuck=CONFLICT).refused
    assert refused is not None
    assert refused.hint is not None

    assert "`main` can't be merged into `staging` by itself: conflicts in `login.js`" in refused.why
    assert f"by hand: `{by_hand('origin', 'staging', 'main')}`" in refused.hint
    assert "`git push origin HEAD:staging`" in refused.hint
    assert "first" not in refused.hint
    assert ["login.js"] == aligned(stuck=CONFLICT).document()["conflicts"]


def test_a_conflict_further_on_says_what_can_go_first() -> None:
    """What goes by itself is one command; the person merges what is on the remote then."""
    later = Meeting(DEVELOP, replace(STAGING, commit=NEW), (FIX,), conflicts=("login.js",))
    found = aligned(Move(HARMLESS, NEW), stuck=later)
    assert found.refused is not None

    assert str(found.refused.hint).startswith(
        "first `invoke backmerge --from production --to staging --yes`, then by hand: "
    )
    assert (False, False) == (found.harmless, found.unchanged)


def test_a_branch_name_runs_nothing() -> None:
    """What is pasted is quoted where a shell would read more than a name."""
    assert "fetch origin 'a;b' &&" in by_hand("origin", "a;b", "main")
