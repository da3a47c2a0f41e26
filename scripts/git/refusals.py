# pure
"""Why git refuses: a push (whether another try may succeed), a revision, a path that leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from scripts.errors import PushRefused, Refused
from scripts.system.near import near, near_commit

# what `cat-file --follow-symlinks` answers where a path leads to no file
LINKS = {
    "dangling": "is a symlink to a file that the commit lacks",
    "symlink": "is a symlink that leads out of the repository",
    "loop": "is a symlink that leads back to itself",
    "notdir": "is a symlink through something that is no folder",
    "tree": "is a symlink to a folder",
}
RETRY_DELAYS = (0.1, 0.3, 0.9, 2.0)  # seconds before the next try of a push
# Refusals that pass: the remote's own lock files, when two pushes arrive at the same moment; and a ref that
# moved and was put back before it was read again, as the lock of a run that has just ended.
BUSY = re.compile(
    r"cannot lock ref|File exists|failed to update ref|incorrect old value|stale info|already exists"
)
# A rule of the remote about who may have made a commit.
# A protected branch of GitHub (GH006), a ruleset of it (GH013), or a protected branch of GitLab.
PROTECTION = re.compile(r"(?i)GH006|GH013|protected branch|rule violations|protected ref")
PROTECTED = (
    re.compile(r"(?:found|failed) for refs/heads/(\S+?)\.?(?=\s|$)"),
    re.compile(r"\[remote rejected\] \S+ -> (\S+) \((?:protected branch|push declined)"),
)
PROTECTION_HINT = (
    "where changes come by pull request alone, merge one by its button, then `invoke deploy --env ENV`; or"
    " put this account on the bypass list of the rule (GitHub: Settings, Rules, Rulesets)"
)
COMMITTER_RULE = re.compile(r"(?i)committer|author(?!iz|is)|e-?mail")
COMMITTER_HINT = (
    'set `committer = "Name <mail>"` in `[app]` of `pipeline.toml` to one that the remote takes'
)


def no_commit(revision: str, recent: Iterable[str], refs: Mapping[str, str | None], remote: str) -> Refused:
    """A revision that is neither here nor on the remote: what it was meant as, or how to get it.

    Args:
        recent: ids of the newest commits.
        refs: those of the remote.
    """
    heads = [ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/")]
    meant = near_commit(revision, recent)[:12] or near(revision, heads)
    way = f"`git fetch {remote}` brings what this clone lacks"
    hint = f"did you mean `{meant}`? else {way}" if meant else f"check its spelling; {way}"
    return Refused(f"`{revision}` is no commit of this repository", hint)


def retry_delay(refusal: str, remote: str, tries: int) -> float:
    """Seconds until the next try of a refused push.

    Raises:
        PushRefused: another try would change nothing.
    """
    if tries >= len(RETRY_DELAYS) or not BUSY.search(refusal):
        message = f"`git push` to `{remote}` was refused{refusal}"
        if PROTECTION.search(refusal):
            barred = frozenset(name for rule in PROTECTED for name in rule.findall(refusal))
            raise PushRefused(message, PROTECTION_HINT, barred)
        raise PushRefused(message, COMMITTER_HINT if COMMITTER_RULE.search(refusal) else None)
    return RETRY_DELAYS[tries]
