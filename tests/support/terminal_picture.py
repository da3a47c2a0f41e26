"""Draws a real session as an SVG: `python -m tests.support.terminal_picture docs/images/terminal.svg`.

Run it in a sandbox (`AIRHOST_ENV_DIR`) whose production answers 500 and has a release to go back to. What
is typed stands in `SESSION`; what a line became at last is drawn, not how it was rewritten.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from tests.support.desks import ROOT

SESSION = ("invoke status", "invoke rollback --env production")
ANSWERS = {"to go on: ": "production"}  # a prompt -> what is typed
COLUMNS, SIZE, LINE, LEFT = 96, 8.4, 19, 18
COLOURS = {"31": "red", "32": "green", "33": "yellow", "36": "cyan", "2": "dim", "1": "b"}
STYLE = (
    'text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;'
    "fill:#e6edf3;white-space:pre}.b{font-weight:700}.green{fill:#7ee787}.red{fill:#ff7b72}"
    ".yellow{fill:#d29922}.cyan{fill:#79c0ff}.dim{fill:#8b949e}"
)
SGR = re.compile(r"\x1b\[([0-9;]*)m")
OTHER = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def typed(line: str) -> str:
    """Run it in a terminal of `COLUMNS`; all that it showed, with what was typed at prompts."""
    parent, terminal = pty.openpty()
    env = {**os.environ, "COLUMNS": str(COLUMNS), "LINES": "40", "TERM": "xterm", "FORCE_COLOR": "1"}
    words = [str(ROOT / ".venv/bin/invoke"), *line.split()[1:]]
    shown = ""
    with subprocess.Popen(
        words, stdin=terminal, stdout=terminal, stderr=terminal, env=env, cwd=ROOT
    ) as child:
        os.close(terminal)
        with contextlib.suppress(OSError):  # the terminal has ended
            while piece := os.read(parent, 4096):
                shown += piece.decode("utf-8", "replace")
                for prompt, answer in ANSWERS.items():
                    if shown.endswith(prompt):
                        time.sleep(0.2)
                        os.write(parent, f"{answer}\n".encode())
        child.wait(300)
    os.close(parent)
    return shown


def lines(shown: str) -> Iterator[str]:
    """What stood in each line when it was left, with its colours alone."""
    for line in shown.replace("\r\n", "\n").rstrip("\n").split("\n"):
        yield OTHER.sub("", re.split(r"\r|\x1b\[2K", line)[-1])


def spans(line: str) -> Iterator[tuple[str, str]]:
    """The pieces of a line, each with its classes."""
    classes: list[str] = []
    for number, piece in enumerate(SGR.split(line)):
        if number % 2 == 0 and piece:
            yield piece, " ".join(classes)
        elif number % 2:
            codes = piece.split(";")
            classes = [] if codes in (["0"], [""]) else [*classes, *(COLOURS.get(c, "") for c in codes)]


def drawn(text: list[str]) -> str:
    """The whole picture."""
    width, height = int(2 * LEFT + COLUMNS * SIZE), 50 + LINE * len(text)
    label = "A terminal: " + " and ".join(SESSION)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
            f' height="{height}" role="img" aria-label="{escape(label)}">'
        ),
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>',
        *(
            f'<circle cx="{20 * (place + 1)}" cy="18" r="6" fill="{colour}"/>'
            for place, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ),
    ]
    for row, line in enumerate(text):
        column = 0
        for piece, classes in spans(line):
            words = piece.strip(" ")
            x = LEFT + SIZE * (column + len(piece) - len(piece.lstrip(" ")))
            column += len(piece)
            if words:
                kind = f' class="{classes.strip()}"' if classes.strip() else ""
                size = f'textLength="{SIZE * len(words):.1f}"'
                parts.append(f'<text x="{x:.1f}" y="{50 + LINE * row}" {size}{kind}>{escape(words)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Play the session, and write the picture."""
    text: list[str] = []
    for line in SESSION:
        text += [f"\x1b[1;32m$\x1b[0m {line}", *lines(typed(line)), ""]
    Path(sys.argv[1]).write_text(drawn(text[:-1]), encoding="utf-8")


if __name__ == "__main__":
    main()
