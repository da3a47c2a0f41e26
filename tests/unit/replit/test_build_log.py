"""What is shown of a failed install or build: the line that says why, whatever stands around it."""

from __future__ import annotations

import pytest

from scripts.replit.build_log import quoted_reason
from scripts.system.process import TAIL
from scripts.system.secret import MASK, remember

CHATTER = [f"transforming ({n}) src/part-{n}.ts" for n in range(60)]
FRAMES = [f"    at build (file:///app/node_modules/vite/dist/node/cli.js:{n}:5)" for n in range(60)]
SAID = {
    "vite": (
        [
            "\x1b[31mx\x1b[39m Build failed in 22ms",
            "\x1b[31merror during build:\x1b[39m",
            '[vite]: Rollup failed to resolve import "left-pad" from "/app/src/main.ts".',
            *FRAMES,
            *CHATTER,
        ],
        'Rollup failed to resolve import "left-pad"',
    ),
    "tsc": (
        [
            "src/a.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.",
            *[f"src/b{n}.ts(1,1): note {n}" for n in range(40)],
            "Found 41 errors.",
        ],
        "error TS2322",
    ),
    "npm ci": (
        [
            "npm error code EUSAGE",
            "npm error",
            "npm error `npm ci` can only install packages when the two files are in sync",
            "npm error Missing: left-pad@1.3.0 from lock file",
            *[f"npm error line {n}" for n in range(30)],
            "npm error A complete log of this run can be found in: /home/runner/.npm/_logs/x.log",
        ],
        "can only install packages when",
    ),
    "next": (
        [
            *CHATTER,
            "Failed to compile.",
            "",
            "./app/page.tsx:4:9",
            "Type error: Cannot find name 'titel'.",
            *CHATTER,
        ],
        "Type error: Cannot find name 'titel'.",
    ),
    "memory": (
        [
            "<--- Last few GCs --->",
            *CHATTER,
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            *CHATTER,
        ],
        "heap out of memory",
    ),
}


@pytest.mark.parametrize(("said", "why"), SAID.values(), ids=SAID)
def test_the_reason_is_shown_first(said: list[str], why: str) -> None:
    """However far from the end it stands; no frame, no colour, lines stay lines."""
    shown = quoted_reason("\n".join(said)).splitlines()[1:]

    assert [line for line in shown[: TAIL - 4] if why in line], shown
    assert len(shown) <= TAIL
    assert not [line for line in shown if "\x1b" in line or "cli.js" in line]


def test_a_short_text_is_shown_whole() -> None:
    """In its order."""
    assert quoted_reason("one\n\ntwo: error\nthree") == "\n  | one\n  | two: error\n  | three"


def test_without_a_reason_the_last_lines_are_shown() -> None:
    """Nothing is guessed."""
    assert quoted_reason("\n".join(CHATTER)).splitlines()[1:] == [f"  | {line}" for line in CHATTER[-TAIL:]]


def test_a_secret_is_masked_before_lines_are_chosen() -> None:
    """Also one that looks like a reason."""
    remember("cannot-be-guessed-4711")
    assert "4711" not in (shown := quoted_reason("\n".join(["error: cannot-be-guessed-4711", *CHATTER])))
    assert MASK in shown
