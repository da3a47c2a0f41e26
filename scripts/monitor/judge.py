# pure
"""What an answer says: good, a warning, bad. Each judgement is a few lines, without any I/O."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from scripts.config.monitor_settings import Monitor, MonitorCheck
from scripts.http import Response
from scripts.monitor.checks import Look
from scripts.replit.live import Answer, Expected, fault
from scripts.state.ledger import Event
from scripts.state.lock import Lock
from scripts.system.connection import Certificate
from scripts.system.documents import parse_json

SHOWN = 80  # characters of a value from outside
DAY = 86_400.0
GOOD = Look("good")
REFUSED = (401, 403)


def bad(why: str) -> Look:
    """A bad look."""
    return Look("bad", why)


def warn(why: str) -> Look:
    """A warning."""
    return Look("warn", why)


def unknown(why: str) -> Look:
    """Nothing is known."""
    return Look("unknown", why)


def page(wanted: MonitorCheck, response: Response) -> Look:
    """The answer of an address against what its table says."""
    status = response.status
    expected = status == wanted.status if wanted.status != 200 else 200 <= status < 300
    if not expected:
        return bad(f"it answers {status}" + (f", not {wanted.status}" if wanted.status != 200 else ""))
    text = response.body.decode("utf-8", "replace")
    if wanted.contains and wanted.contains not in text:
        return bad(f"its answer lacks `{_short(wanted.contains)}`")
    if not (wanted.json or wanted.min_rows):
        return GOOD
    try:
        value = at_path(parse_json(response.body), wanted.json)
    except ValueError:
        return bad("its answer is no JSON" if response.complete else "its answer is too long to be read")
    except LookupError:
        return bad(f"its JSON has no `{wanted.json}`")
    return _value(wanted, value)


def _value(wanted: MonitorCheck, value: Any) -> Look:
    if wanted.equals and _plain(value) != wanted.equals:
        return bad(f"`{wanted.json}` is `{_short(_plain(value))}`, not `{_short(wanted.equals)}`")
    if wanted.min_rows and not isinstance(value, list):
        return bad("its JSON is no list")
    if wanted.min_rows and len(value) < wanted.min_rows:
        hidden = ": a policy may hide them (PostgREST answers 200 with `[]`)" if not value else ""
        return bad(f"{len(value)} rows, not {wanted.min_rows} or more{hidden}")
    return GOOD


def at_path(document: Any, path: str) -> Any:
    """The value at `data.0.id`; the document itself for "".

    Raises:
        LookupError: there is none.
    """
    for part in path.split(".") if path else ():
        if isinstance(document, list) and part.isdecimal():
            document = document[int(part)]
        elif isinstance(document, dict):
            document = document[part]
        else:
            raise LookupError(part)
    return document


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def pace(look: Look, limit: float) -> Look:
    """A good look that took longer than `limit` seconds is a warning."""
    if look.level != "good" or look.seconds is None or look.seconds <= limit:
        return look
    return look._replace(level="warn", why=f"slow: {look.seconds:.1f} s, more than {limit:g} s")


def commit(answer: Answer, released: Event | None, environment: str) -> Look:
    """What is served against the ledger."""
    if released is None:
        return unknown("nothing was released here yet")
    found = fault(answer, Expected(released.commit, environment, released.built_for))
    if found and answer.commit not in (None, released.commit):
        return bad(f"{found} ({released.release}): somebody published something else")
    return bad(found) if found else Look("good", f"{released.release} `{released.commit[:12]}`")


def certificate(shown: Certificate, now: float, days: int) -> Look:
    """Bad some days before its end; a warning twice as early."""
    if shown.refused:
        return bad(f"the certificate is refused: {shown.refused}")
    if shown.expires is None:
        return unknown(f"no certificate was shown: {shown.unseen}")
    left = int((shown.expires - now) // DAY)
    said = f"the certificate ends in {left} days"
    return bad(said) if left < days else warn(said) if left < 2 * days else Look("good", said)


class Figures(NamedTuple):
    """What a database says of itself; `query` in seconds."""

    used: int
    most: int
    query: float
    bytes: int


def connections(figures: Figures, monitor: Monitor) -> Look:
    """How many are in use."""
    said = f"{figures.used} of {figures.most} connections are in use"
    return bad(said) if figures.used >= monitor.connections * figures.most else Look("good", said)


def queries(figures: Figures, monitor: Monitor) -> Look:
    """The one that runs longest."""
    said = f"a query runs for {figures.query / 60:.0f} min"
    return warn(said) if figures.query > monitor.query_minutes * 60 else GOOD


def size(figures: Figures, monitor: Monitor) -> Look:
    """How large it is."""
    said = f"the database has {figures.bytes / 1024**3:.2f} GB"
    over = monitor.database_gb and figures.bytes > monitor.database_gb * 1024**3
    return bad(f"{said}, more than {monitor.database_gb}") if over else Look("good", said)


def health(response: Response) -> Look:
    """A service of Supabase: that it refuses what was asked is an answer."""
    gone = response.status == 404 or response.status >= 500
    return bad(f"it answers {response.status}") if gone else GOOD


def edge_function(response: Response) -> Look:
    """What an Edge Function says to `OPTIONS`."""
    gone = response.status == 404 or response.status >= 500
    return bad(f"it answers {response.status} to `OPTIONS`") if gone else GOOD


def whatsapp(right: Response, wrong: Response, unsigned: Response, challenge: str) -> Look:
    """Meta's handshake with the right and a wrong token, and a delivery that nobody signed."""
    if right.status != 200 or right.body.decode("utf-8", "replace").strip() != challenge:
        return bad(f"the handshake fails: it answers {right.status}, and not with the challenge")
    if wrong.status not in REFUSED:
        return bad(f"a wrong verify token is not refused: it answers {wrong.status}")
    if unsigned.status not in (400, *REFUSED):
        return bad(f"a delivery with a wrong signature is not refused: it answers {unsigned.status}")
    return GOOD


def issues(count: int, newest: str, most: int) -> Look:
    """New issues of the live release at Sentry."""
    said = f"{count} new issue{'' if count == 1 else 's'} of this release at Sentry"
    return bad(f"{said}: {newest}") if count > most else Look("good", said)


def problems(found: Collection[str], *, empty: Look = GOOD) -> Look:
    """What other parts of the desk found to be wrong."""
    return bad("; ".join(found)) if found else empty


def held(lock: Lock, now: str, minutes: float, still: float) -> Look:
    """A lock is no trouble unless its run is dead, or takes too long.

    Args:
        still: seconds since its last heartbeat, by the monitor's own clock.
    """
    if still > lock.ttl:
        return bad(f"the run that holds the lock gives no sign of life: {lock}")
    try:
        age = (datetime.fromisoformat(now) - datetime.fromisoformat(lock.acquired_at)).total_seconds() / 60
    except (ValueError, TypeError):  # something that no desk wrote
        return bad(f"locked by {lock}")
    return (
        bad(f"locked for {age:.0f} min by {lock}") if age > minutes else Look("good", f"locked by {lock}")
    )


def drill(proof: Event | None, now: str, days: int) -> Look:
    """When the last drill passed."""
    if proof is None or proof.ending != "done":
        return warn("there is no drill that passed")
    age = (datetime.fromisoformat(now) - datetime.fromisoformat(proof.at)).total_seconds() / DAY
    return warn(f"the last drill is {age:.0f} days old; {days} are allowed") if age > days else GOOD


def percentiles(seconds: Collection[float]) -> tuple[float, float] | None:
    """p50 and p95; None without any."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    return ordered[(len(ordered) - 1) // 2], ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
