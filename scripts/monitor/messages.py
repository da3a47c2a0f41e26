# pure
"""What the team is told: one notice a pass, for all that changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from scripts.config.settings import Environment
from scripts.monitor.incidents import HOUR, Incident
from scripts.notify.events import MAX_LINES, Fact, Kind, Notice, duration, first_lines

# what a person types next, by the name of the check; `{}` is the environment
HINTS = {
    "commit": "`invoke status`",
    "migrations": "`invoke db.status --env {}`",
    "backup": "`invoke backup --env {}`",
    "lock": "`invoke resume --env {}`",
}
AGAIN = "`invoke monitor.check --env {}`"


def of_changes(
    environments: Sequence[Environment], changed: Sequence[Incident], host: str, at: str
) -> Notice:
    """The notice of what changed in these environments, which share their chats.

    Args:
        environments: in the order of the chain; the notice goes the way of the last one.
        changed: each has something `untold`.
    """
    down = [each for each in changed if each.untold() in ("down", "worse")]
    up = [each for each in changed if each.untold() == "up"]
    names = ", ".join(each.name for each in environments)
    now = datetime.fromisoformat(at).timestamp()
    named = len(environments) > 1
    facts = [
        *([Fact("since", _lines(down, now, named=named))] if down else []),
        *([Fact("up again", _lines(up, now, named=named))] if up else []),
        Fact("who", f"the monitor on {host}"),
        *(Fact("where", each.url, link=True) for each in environments),
    ]
    kind: Kind = "down" if down else "up"
    first = (down or up)[0]
    return Notice(
        f"{first.id}-{kind if first.untold() != 'worse' else 'worse'}", kind, environments[-1].name,
        f"{names}: {_title(down or up, down=bool(down))}", tuple(facts), hint_of(first), at,
    )  # fmt: skip


def _title(incidents: Sequence[Incident], *, down: bool) -> str:
    severe = any(each.level == "bad" for each in incidents)
    word = ("DOWN" if severe else "warning") if down else "up again"
    listed = ", ".join(f"`{each.check}`" for each in incidents[:3])
    more = f" and {len(incidents) - 3} more" if len(incidents) > 3 else ""
    return f"{word}: {listed}{more}"


def _lines(incidents: Sequence[Incident], now: float, *, named: bool) -> str:
    lines = [f"{f'{each.environment} ' if named else ''}{line_of(each, now)}" for each in incidents]
    return first_lines(lines, "checks") if len(lines) > MAX_LINES else "\n".join(lines)


def line_of(incident: Incident, now: float) -> str:
    """`page /: it answers 500; 12:03 UTC, 2 min 3 s; bad since v41, 3 min 0 s after it went live`."""
    lasted = duration((incident.ended or now) - incident.began)
    since = datetime.fromtimestamp(incident.began, UTC).strftime("%H:%M:%S UTC")
    flaps = (
        f"; it flaps: {incident.flapping} incidents, each within an hour" if incident.flapping > 1 else ""
    )
    return f"{incident.check}: {incident.why}; {since}, {lasted}{_release(incident)}{flaps}"


def _release(incident: Incident) -> str:
    if not incident.release:
        return ""
    if incident.live_for > 24 * HOUR:
        return f"; {incident.release} had been live for {incident.live_for / 24 / HOUR:.0f} d"
    return f"; bad since {incident.release}, {duration(incident.live_for)} after it went live"


def hint_of(incident: Incident) -> str:
    """What to type next."""
    if incident.ended is not None:
        return "`invoke status`"
    if (
        incident.release
        and incident.live_for < HOUR
        and incident.check not in HINTS
        and incident.level == "bad"
    ):
        return f"to take {incident.release} back: `invoke rollback --env {incident.environment}`"
    return HINTS.get(incident.check, AGAIN).format(incident.environment)
