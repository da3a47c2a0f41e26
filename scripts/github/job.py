# pure
"""What a GitHub job shows beside its log: annotations on lines of files, and its summary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

MOST = 50  # annotations; GitHub shows ten of a kind for each step
LONGEST = 60_000  # characters of a summary; GitHub takes a megabyte from all steps together
PAGE = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?/[\w./-]{1,300}")
LEVELS = {"error": "error", "warning": "warning"}  # anything else is a notice


def job_page(variables: Mapping[str, str]) -> str:
    """Where people read the log of the job of these variables, on GitHub or GitLab; "" for none."""
    server, repository, run = (
        variables.get(f"GITHUB_{each}", "") for each in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    page = f"{server}/{repository}/actions/runs/{run}" if run else variables.get("CI_JOB_URL", "")
    return page if PAGE.fullmatch(page) else ""


def commands(data: Mapping[str, Any]) -> list[str]:
    """Workflow commands for the findings and migrations of an outcome; text of others is escaped."""
    rows = [*_of(data, "annotations"), *_of(data, "findings")]
    return [_command(row) for row in rows if row.get("file") and row.get("line")][:MOST]


def _command(row: Mapping[str, Any]) -> str:
    level = LEVELS.get(str(row.get("severity")), "notice")
    properties = {"file": row["file"], "line": row["line"], "title": row.get("rule") or "release desk"}
    listed = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items())
    return f"::{level} {listed}::{_escaped(row.get('message') or '')}"


def _escaped(value: object, more: str = "") -> str:
    """The text as a part of a workflow command."""
    return "".join(f"%{ord(char):02X}" if char in f"%\r\n{more}" else char for char in str(value))


def summary(
    title: str,
    plan: Sequence[str],
    document: Mapping[str, Any],
    translate: Callable[[str], str] = str,
) -> str:
    """Markdown: how the task ended, its plan as it was shown, and its steps.

    Args:
        title: the task and its environment.
        plan: the lines that were shown to people.
        document: the task's JSON document, redacted.
        translate: for people, who read the summary.
    """
    hint = f"hint: {document['hint']}" if document.get("hint") else ""
    said = [translate(text) for text in (str(document.get("message") or ""), hint) if text]
    parts = [f"### {_plain(title)}: {document.get('ending')}", fenced(said)]
    steps = [step for step in _of(document, "steps") if "seconds" in step and "ending" in step]
    if steps:
        cells = (
            (translate(_plain(step["name"])), translate(_plain(step["ending"])), step["seconds"])
            for step in steps
        )
        rows = [f"| {name} | {ending} | {seconds} |" for name, ending, seconds in cells]
        head = f"| {translate('step')} | {translate('ending')} | s |"
        parts.append("\n".join([head, "|---|---|---|", *rows]))
    if plan:
        parts.append(f"<details><summary>plan</summary>\n\n{fenced(plan)}\n\n</details>")
    return "\n\n".join(parts)[:LONGEST] + "\n\n"


def fenced(lines: Iterable[str]) -> str:
    """The lines as a block of code that nothing in them can end."""
    text = "\n".join(lines)
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _plain(text: object) -> str:
    return re.sub(r"[^\w .:-]", "", str(text))


def _of(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = data.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, (list, tuple)) else []
