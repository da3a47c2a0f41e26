"""Supabase's logs through its Management API: `analytics/endpoints/logs`, asked in ClickHouse's SQL.

`logs.all`, which had a table for each source, was removed in September 2026. A request may cover at most
24 hours, and its ends are rounded to minutes; rows must be filtered by source, and limited.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import CommandFailed
from scripts.github.client import require_readable
from scripts.http import get_json
from scripts.monitor.log_lines import Raw
from scripts.secrets.project import Project, access

SCOPE = "logs (`analytics_logs_read`, with OAuth `analytics:read`)"
WHAT, SECONDS = "analytics/endpoints/logs", 30.0
SPAN, MINUTE = 23 * 3600.0, 60.0  # seconds of one request, with room for the rounding
MOST, REQUESTS = 1000, 40  # rows of one request; a time that has more is halved, so many requests long
SOURCES = (
    *("edge_logs", "postgres_logs", "auth_logs", "function_edge_logs", "function_logs"),
    *("storage_logs", "realtime_logs", "postgrest_logs", "supavisor_logs"),
)
SQL = f"""-- release desk: monitor.logs
select id, timestamp, source, event_message from logs
where source in ({", ".join(f"'{source}'" for source in SOURCES)})
order by timestamp desc limit {MOST}"""  # noqa: S608 - of constants


def read(desk: Desk, environment: Environment, begin: float, end: float) -> Iterator[Raw | str]:
    """The entries of a time; a text says what is missing of them.

    Raises:
        Refused: project or token are not named.
        Unreachable: no answer, or the token may not read logs.
        CommandFailed: the answer is none.
    """
    project = Project(*access(desk, environment, f"the right to read {SCOPE}"))
    count = math.ceil((end - begin) / SPAN)
    spans = deque((begin + n * SPAN, min(begin + (n + 1) * SPAN, end)) for n in range(count))
    asked = 0
    while spans:
        begin, until = spans.popleft()
        rows, asked = _rows(project, begin - MINUTE, until + MINUTE), asked + 1
        if len(rows) >= MOST and until - begin > 2 * MINUTE and asked < REQUESTS:
            middle = (begin + until) / 2
            spans.extendleft([(middle, until), (begin, middle)])
            continue
        if len(rows) >= MOST:
            yield f"Supabase has more than {MOST} lines before {_iso(until)}: take a shorter `--since`"
        raws = [_raw(row) for row in rows]
        if None in raws:
            yield f"Supabase gave {raws.count(None)} lines without a time"
        yield from (raw for raw in raws if raw and begin <= raw.at < until)


def _rows(project: Project, begin: float, end: float) -> list[Mapping[str, Any]]:
    query = {"sql": SQL, "iso_timestamp_start": _iso(begin), "iso_timestamp_end": _iso(end)}
    url = f"{project.address(WHAT)}?{urlencode(query)}"
    status, document, _ = get_json(url, project.token, SECONDS)
    require_readable(status, "Supabase", SCOPE)
    rows = document.get("result") if isinstance(document, Mapping) else None
    if not isinstance(rows, list):
        why = document.get("error") if isinstance(document, Mapping) else None
        raise CommandFailed(f"Supabase gave no logs: {str(why or 'the answer has no `result`')[:300]}")
    return [row for row in rows if isinstance(row, Mapping)]


def _raw(row: Mapping[str, Any]) -> Raw | None:
    """None for a row without a time; one without a zone is UTC."""
    try:
        at = datetime.fromisoformat(str(row.get("timestamp")))
    except ValueError:
        return None
    moment = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    source = str(row.get("source", "supabase"))[:40]
    text = str(row.get("event_message", ""))
    return Raw(str(row.get("id") or f"{moment} {source} {text}"), moment, source, text)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
