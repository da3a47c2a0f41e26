# pure
"""Why a remote refused a push: whether another try may succeed, and what a person can do."""

from __future__ import annotations

import re

from scripts.errors import PushRefused

RETRY_DELAYS = (0.1, 0.3, 0.9, 2.0)  # seconds before the next try of a push
# Refusals that pass: the remote's own lock files, when two pushes arrive at the same moment; and a ref that
# moved and was put back before it was read again, as the lock of a run that has just ended.
BUSY = re.compile(
    r"cannot lock ref|File exists|failed to update ref|incorrect old value|stale info|already exists"
)
# A rule of the remote about who may have made a commit.
COMMITTER_RULE = re.compile(r"(?i)committer|author(?!iz|is)|e-?mail")
COMMITTER_HINT = (
    'set `committer = "Name <mail>"` in `[app]` of `pipeline.toml` to one that the remote takes'
)


def retry_delay(refusal: str, remote: str, tries: int) -> float:
    """Seconds until the next try of a refused push.

    Raises:
        PushRefused: another try would change nothing.
    """
    if tries >= len(RETRY_DELAYS) or not BUSY.search(refusal):
        hint = COMMITTER_HINT if COMMITTER_RULE.search(refusal) else None
        raise PushRefused(f"`git push` to `{remote}` was refused{refusal}", hint)
    return RETRY_DELAYS[tries]
