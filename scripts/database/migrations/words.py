# pure
"""Two texts side by side: the words in which they differ, marked, and readable without colour."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator, Sequence

WORD = re.compile(r"'[^']*'|[\w$]+|\s+|[^\w\s]")
KEPT = 6  # words that are shown beside one that differs
WIDTH = 78
ALIKE = 0.4  # lines that have less in common are two things


def marked(old: str, new: str) -> str:
    """One text of both: `[-what only the old one has-]`, `{+what only the new one has+}`."""
    left, right = WORD.findall(old), WORD.findall(new)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    parts = []
    blocks = matcher.get_opcodes()
    for place, (kind, a, b, c, d) in enumerate(blocks):
        if kind == "equal":
            parts.append(_shortened(left[a:b], first=place == 0, last=place == len(blocks) - 1))
            continue
        parts += [_mark("[-", "".join(left[a:b]), "-]")] if b > a else []
        parts += [_mark("{+", "".join(right[c:d]), "+}")] if d > c else []
    return "".join(parts)


def _mark(before: str, text: str, after: str) -> str:
    """The text between two marks, with the blanks around it outside."""
    inner = text.strip()
    start = text.index(inner)
    return f"{text[:start]}{before}{inner}{after}{text[start + len(inner) :]}" if inner else text


def _shortened(words: Sequence[str], *, first: bool, last: bool) -> str:
    """The words that both have, those in the middle left out."""
    before, after = (0 if first else KEPT * 2), (0 if last else KEPT * 2)
    start = KEPT * 2 if first else 0  # what a line begins with is its name
    if len(words) <= before + after + start + 4:
        return "".join(words)
    head, tail = words[: before + start], words[len(words) - after :] if after else ()
    return f"{''.join(head).rstrip()} ... {''.join(tail).lstrip()}"


def pairs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The lines that differ, each beside the one that it was; "" where there is none."""
    gone = [line for line in old if line not in new]
    fresh = [line for line in new if line not in old]
    if len(gone) == len(fresh) == 1:
        yield gone[0], fresh[0]
        return
    for line in gone:
        best = max(fresh, key=lambda each: _alike(line, each), default="")
        if best and _alike(line, best) >= ALIKE:
            fresh.remove(best)
            yield line, best
        else:
            yield line, ""
    yield from (("", line) for line in fresh)


def _alike(one: str, other: str) -> float:
    """How much two lines have in common; that they begin alike counts most: it is what they define."""
    first, second = one.split(), other.split()
    if first[:1] != second[:1]:
        return 0.0
    same = 0.5 if first[:2] == second[:2] else 0.0
    return same + difflib.SequenceMatcher(None, first, second, autojunk=False).ratio() / 2


def differing(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Each pair of differing lines as one marked text, in lines that fit on a screen."""
    for left, right in pairs(old, new):
        text = marked(left, right) if left and right else f"[-{left}-]" if left else f"{{+{right}+}}"
        yield from wrapped(text)


def wrapped(text: str, indent: int = 2) -> Iterator[str]:
    """The text in lines of at most `WIDTH` characters; the later ones are indented."""
    yield from textwrap.wrap(
        text,
        WIDTH - indent,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [""]
