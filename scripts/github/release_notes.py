# pure
"""The notes of a release: its commits by kind, where they say it, and who made it live."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scripts.git.client import Commit
from scripts.github.markdown import code, plain
from scripts.system.secret import redact

CONVENTIONAL = re.compile(r"(?P<kind>[A-Za-z]+)(\((?P<scope>[^()]+)\))?(?P<breaks>!)?: +(?P<what>\S.*)")
MERGE = re.compile(r"Merge (branch|pull request|remote-tracking branch|commit)\b")
HEADINGS = {"!": "Breaking changes", "feat": "Features", "fix": "Fixes", "perf": "Performance", "": "Other"}
KINDS = (
    "feat",
    "fix",
    "perf",
    "docs",
    "chore",
    "refactor",
    "test",
    "tests",
    "ci",
    "build",
    "style",
    "revert",
)
SHOWN = 100  # commits


class Notes(NamedTuple):
    """What a release brings, and who made it live."""

    commits: Sequence[Commit]
    migrations: Sequence[str]
    actor: str
    url: str
    previous: str
    pull: str = ""


def notes(release: Notes) -> str:
    """The body of a GitHub release."""
    return redact("\n".join(_lines(release)).strip() + "\n")


def _lines(release: Notes) -> Iterator[str]:
    groups = _grouped(release.commits)
    for heading, rows in groups.items():
        yield f"\n### {heading}\n"
        yield from (f"* {row}" for row in rows[:SHOWN])
        if len(rows) > SHOWN:
            yield f"* and {len(rows) - SHOWN} more"
    if release.migrations:
        yield "\n### Migrations\n"
        yield from (f"* {code(each)}" for each in release.migrations)
    by = f" by {release.pull}" if release.pull else ""
    after = f" It follows {release.previous}." if release.previous else ""
    yield f"\nMade live at {release.url} by {plain(release.actor)}{by}.{after}"


def _grouped(commits: Sequence[Commit]) -> dict[str, list[str]]:
    """By heading, in their order; a merge says nothing of its own."""
    told = [each for each in commits if not MERGE.match(each.subject)] or list(commits)
    parsed = [(each, CONVENTIONAL.fullmatch(each.subject)) for each in told]
    kinds = {each.id: found for each, found in parsed if found and found["kind"].lower() in KINDS}
    if not kinds:
        return {"Changes": [_row(each, each.subject) for each in told]} if told else {}
    groups: dict[str, list[str]] = {heading: [] for heading in HEADINGS.values()}
    for each in told:
        found = kinds.get(each.id)
        kind = ("!" if found["breaks"] else found["kind"].lower()) if found else ""
        what = (
            f"{found['scope']}: {found['what']}"
            if found and found["scope"]
            else (found or {"what": ""})["what"]
        )
        groups[HEADINGS.get(kind, HEADINGS[""])].append(_row(each, what or each.subject))
    return {heading: rows for heading, rows in groups.items() if rows}


def _row(commit: Commit, what: str) -> str:
    return f"{plain(what)} ({plain(commit.author)}, {commit.id[:12]})"
