# pure
"""What a mistyped name was meant as: `did you mean ...?`."""

from __future__ import annotations

from collections.abc import Iterable

CUTOFF = 0.6  # of difflib's ratio: two letters that changed places in a word of four


def near(word: str, known: Iterable[str]) -> str:
    """The known name that is nearest, whatever the case of its letters; "" for none."""
    from difflib import get_close_matches  # only a mistake needs it

    plain = {name.lower(): name for name in known}
    found = get_close_matches(word.lower()[:100], [*plain], n=1, cutoff=CUTOFF)
    return plain[found[0]] if found else ""


def guess(word: str, known: Iterable[str]) -> str:
    """The beginning of a hint: "did you mean `x`? ", or "" where nothing is near."""
    name = near(word, known)
    return f"did you mean `{name}`? " if name else ""


def near_commit(word: str, commits: Iterable[str]) -> str:
    """The only commit whose id begins almost like the word; "" for none, and for several."""
    short = word.lower()[:12]
    if len(short) < 5 or not set(short) <= set("0123456789abcdef"):
        return ""
    found = {each for each in commits if _is_near(short, each)}
    return found.pop() if len(found) == 1 else ""


def _is_near(short: str, commit: str) -> bool:
    """One digit is wrong, lacks or is too much, or two changed places."""
    wrong = [place for place, digit in enumerate(short) if digit != commit[place]]
    if len(wrong) <= 1 or (len(wrong) == 2 and sorted(short) == sorted(commit[: len(short)])):
        return True
    first = wrong[0]
    too_much, lacking = short[:first] + short[first + 1 :], commit[:first] + commit[first + 1 :]
    return commit.startswith(too_much) or lacking.startswith(short)
