"""What the page shows, collected: what `status` sees, the ledger, git's subjects, the monitor's looks."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database.backups.catalog import records
from scripts.errors import DeskError
from scripts.monitor import series
from scripts.monitor.store import FILE
from scripts.release.dora import seconds_of
from scripts.release.history import dora_of
from scripts.state.event_rules import RELEASES
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import Remote, observe_remote
from scripts.system.secret import redacted

RELEASE_ROWS, BACKUP_ROWS, DRILL_ROWS, LOAD_ROWS, COMMIT_ROWS = 40, 5, 5, 30, 8


def collect(desk: Desk, status: Mapping[str, Any]) -> dict[str, Any]:
    """The document that the page is made of, with secrets masked.

    Args:
        status: the data of `status`, looked at just now.
    """
    remote, now = observe_remote(desk), seconds_of(desk.now())
    ledger, seen = remote.ledger, _looks(desk, now)
    environments = [
        {
            **each,
            "problems": [*each["states"], *each["problems"]],
            **_environment(desk, remote, desk.settings.environments[each["name"]], seen),
        }
        for each in status["environments"]
    ]
    document = {
        "app": desk.settings.app.name,
        "now": now,
        "watched": seen is not None,
        "problems": status["problems"],
        "environments": environments,
        "incidents": seen.incidents if seen else [],
        "releases": [_release(each) for each in reversed(ledger.events) if each.kind in RELEASES][
            :RELEASE_ROWS
        ],
        "backups": [row for each in desk.settings for row in _backups(ledger, each)],
        "drills": [
            {
                "environment": each.environment,
                "at": seconds_of(each.at),
                **_known(each, "seconds", "caught"),
            }
            for each in reversed(ledger.proofs("", "drill"))
        ][:DRILL_ROWS],
        "load": [row for each in desk.settings for row in _load(ledger, each.name)],
        "dora": [each.document() for each in dora_of(desk, ledger, desk.settings.chain)],
    }
    masked: dict[str, Any] = redacted(document)
    return masked


def _looks(desk: Desk, now: float) -> series.Series | None:
    try:
        return series.read(desk.state_folder / FILE, now)
    except (sqlite3.Error, OSError, ValueError) as fault:
        desk.progress.note(f"warning: `{FILE}` can't be read: {fault}")
        return None


def _environment(
    desk: Desk, remote: Remote, environment: Environment, seen: series.Series | None
) -> dict[str, Any]:
    name, following = environment.name, desk.settings.after(environment)
    released = remote.ledger.live(name)
    events = [each for each in remote.ledger.events if each.environment == name and each.kind in RELEASES]
    since = seconds_of(desk.now()) - series.PACE_DAYS * series.DAY
    return {
        "released": _release(released) if released else None,
        "subject": _subject(desk, released.commit) if released else "",
        "next": following.name if following else None,
        "waiting": _waiting(desk, remote, environment, following),
        "days": seen.days.get(name, []) if seen else [],
        "pace": seen.pace.get(name, []) if seen else [],
        "marks": [
            _release(each) for each in events if each.ending == "done" and seconds_of(each.at) > since
        ],
    }


def _release(event: Event) -> dict[str, Any]:
    keys = "environment", "release", "kind", "ending", "commit", "actor"
    return {**{key: getattr(event, key) for key in keys}, "at": seconds_of(event.at)}


def _subject(desk: Desk, commit: str) -> str:
    """The first line of its message; "" where this clone lacks the commit."""
    with suppress(DeskError):
        return next((each.subject for each in desk.git.log(commit, None, 1)), "")
    return ""


def _waiting(
    desk: Desk, remote: Remote, environment: Environment, following: Environment | None
) -> dict[str, Any]:
    """The commits that the next environment lacks: whose they are, and since when the oldest waits."""
    head = remote.head(environment)
    found = desk.git.log(head, remote.head(following)) if head and following else []
    return {
        "people": Counter(each.author for each in found).most_common(6),
        "oldest": min((seconds_of(each.at) for each in found), default=None),
        "commits": [[each.id, each.author, each.subject] for each in found[:COMMIT_ROWS]],
    }


def _backups(ledger: Ledger, environment: Environment) -> list[dict[str, Any]]:
    kept = [each for each in records(ledger, environment.name).values() if not each.pruned]
    return [
        {
            "environment": environment.name,
            "backup": each.id,
            "taken": each.taken.timestamp(),
            "rows": each.rows,
            "bytes": each.bytes,
            "proven": seconds_of(each.proven) if each.proven else None,
            "fault": each.fault,
        }
        for each in sorted(kept, key=lambda record: record.taken, reverse=True)[:BACKUP_ROWS]
    ]


def _load(ledger: Ledger, environment: str) -> list[dict[str, Any]]:
    """The load tests, oldest first: the p95 of each one's slowest endpoint, in ms."""
    rows = []
    for event in ledger.proofs(environment, "load")[-LOAD_ROWS:]:
        load = event.detail.get("load")
        endpoints = load.get("endpoints") if isinstance(load, Mapping) else None
        p95 = [
            float(each["p95"])
            for each in (endpoints.values() if isinstance(endpoints, Mapping) else ())
            if isinstance(each, Mapping) and isinstance(each.get("p95"), int | float)
        ]
        known = _known(event, "level", "verdict")
        row = {"environment": environment, "at": seconds_of(event.at), "commit": event.commit, **known}
        rows.append({**row, "passed": event.ending == "done", "p95": max(p95, default=None)})
    return rows


def _known(event: Event, *keys: str) -> dict[str, Any]:
    return {key: event.detail.get(key) for key in keys}
