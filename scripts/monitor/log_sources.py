"""Where the lines of an environment come from, beside Supabase: journals, ledger, workspace."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.monitor import supabase_logs
from scripts.monitor.log_lines import Raw
from scripts.replit.workspace_log import read_log
from scripts.state.ledger import Ledger
from scripts.system.documents import parse_json

MOST_BYTES = 4 * 1024 * 1024  # of one journal; a run writes some kilobytes
Source = Callable[[float, float], Iterator[Raw | str]]  # the entries of a time, or what is missing of them


def sources_of(desk: Desk, environment: Environment, ledger: Ledger) -> dict[str, Source]:
    """Each by its name for people."""
    found: dict[str, Source] = {
        "the journals": lambda begin, end: _within(_journals(desk, environment.name, begin), begin, end),
        "the ledger": lambda begin, end: _within(_ledger(ledger, environment.name), begin, end),
        "Supabase": lambda begin, end: supabase_logs.read(desk, environment, begin, end),
    }
    if environment.ssh_host:
        found["the workspace"] = lambda begin, end: _within(_workspace(desk, environment), begin, end)
    return found


def _within(raws: Iterator[Raw], begin: float, end: float) -> Iterator[Raw]:
    return (raw for raw in raws if begin <= raw.at < end)


def _ledger(ledger: Ledger, environment: str) -> Iterator[Raw]:
    for event in ledger.events:
        at = _epoch(event.at)
        if event.environment == environment and at is not None:
            what = event.detail.get("what", "")
            words = (event.kind, what, event.release, event.commit[:12], event.ending, "by", event.actor)
            reason = str(event.detail.get("reason", ""))
            said = " ".join(str(word) for word in words if word)
            key = f"{event.run} {event.kind} {event.at}"
            yield Raw(key, at, "ledger", f"{said}: {reason}" if reason else said)


def _journals(desk: Desk, environment: str, begin: float) -> Iterator[Raw]:
    """Of the runs on this machine that wrote since `begin`."""
    for file in sorted((desk.state_folder / "runs").glob("*/journal.jsonl")):
        try:
            if file.stat().st_mtime < begin:
                continue
            with file.open("rb") as stream:
                lines = stream.read(MOST_BYTES).splitlines()
        except OSError:  # another run has removed it
            continue
        yield from _journal(file, [_document(line) for line in lines], environment)


def _journal(file: Path, documents: list[Mapping[str, Any]], environment: str) -> Iterator[Raw]:
    """The first line has the lock, and with it the environment."""
    run = file.parent.name
    lock = documents[0].get("lock") if documents else None
    if not isinstance(lock, Mapping) or lock.get("environment") != environment:
        return
    for number, document in enumerate(documents):
        at = _epoch(str(document.get("at")))
        if at is not None:
            yield Raw(f"{run} {number}", at, f"run {run}", _said(document))


def _said(document: Mapping[str, Any]) -> str:
    lock = document.get("lock")
    if isinstance(lock, Mapping):
        by = f"{lock.get('actor')} on {lock.get('host')}"
        return f"{lock.get('task')} of {str(lock.get('commit'))[:12]} begins, by {by}"
    if "fault" in document:
        return str(document["fault"])
    return " ".join(str(document.get(key, "")) for key in ("step", "state", "detail")).strip()


def _document(line: bytes) -> Mapping[str, Any]:
    """A line of a journal; {} for one that a full disk has cut."""
    try:
        document = parse_json(line)
    except (ValueError, json.JSONDecodeError):
        return {}
    return document if isinstance(document, Mapping) else {}


def _workspace(desk: Desk, environment: Environment) -> Iterator[Raw]:
    found = read_log(desk, environment)
    if found:
        at, text = found
        for number, line in enumerate(text.splitlines()):
            if line.strip():
                yield Raw(f"workspace {at} {number}", at, "workspace", line)


def _epoch(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None
