"""Of what an install or a build said, the lines that say why it failed."""

from __future__ import annotations

import re

from scripts.system.process import FRAME, TAIL, quoted_lines
from scripts.system.secret import redact
from scripts.system.text import COLOUR

AFTER = 5  # lines that follow the reason: the file and place, and what was expected
REASON = re.compile(
    r"(?i)(?<![\w-])(?:error(?:s?\b|:| ts\d+)|err!|err_\w+|fatal|failed to|could not|cannot|can't|unable to"
    r"|unresolved|not found|no such file|no matching version|out of memory|killed|exception|panic|denied)"
)
# They frame every failure, and say nothing of this one.
NOISE = re.compile(
    r"(?i)^\W*(?:npm (?:err!|error) (?:code|errno|path|command|a complete log|\s*/)"
    r"|(?:error during build:?|build failed\b.*|failed to compile\.?)$|found 0 errors|\s*0 errors?\b"
    r"|npm (?:warn|notice)|\(use `node --trace)"
)


def quoted_reason(text: str) -> str:
    """The first line that gives a reason with what follows it, and the last lines; all of a short text.

    Colours, blank lines and the frames of a stack are left out; lines stay lines.
    """
    lines = [line for line in COLOUR.sub("", redact(text)).replace("\r", "\n").splitlines() if line.strip()]
    lines = [line for line in lines if not FRAME.match(line)]
    if len(lines) > TAIL:
        first = next(
            (n for n, line in enumerate(lines) if REASON.search(line) and not NOISE.search(line)), None
        )
        if first is not None and first < len(lines) - TAIL:
            rest = lines[-(TAIL - AFTER - 2) :]
            lines = [*lines[first : first + AFTER + 1], "...", *rest]
    return quoted_lines("\n".join(lines), last=True)
