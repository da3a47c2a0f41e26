"""`monitor.logs --ship`: send the lines to a sink that speaks Loki's push form, such as Grafana Cloud's.

Every line is on disk before it is sent, and the sink's good answer comes before it is forgotten: while the
sink, the network or this process is away, nothing is lost. What was sent and not answered is sent again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.config.addresses import keeps_secrets
from scripts.errors import CommandFailed, Refused
from scripts.http import HEADERS, FetchError, fetch
from scripts.monitor.log_lines import Line
from scripts.system.secret import Secret, redact

FILE, URL = "ship.sqlite3", "LOGS_PUSH_URL"
BATCH, SECONDS, MOST_BYTES = 500, 20.0, 4096
PASSING = (401, 403, 404, 408, 425, 429)  # a person, or time, puts it right; other 4xx stay as they are
SCHEMA = """
create table if not exists lines (id text primary key, at real, environment text, document text);
create index if not exists waiting on lines (environment, at) where document <> '';
create table if not exists marks (environment text primary key, at real);
"""


class Buffer:
    """The lines that wait, the ids of those that were sent, and up to when all was read."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = folder / FILE
        with self._faults():
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(self._file, timeout=5)
            self._db.executescript(SCHEMA)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """A buffer that can't be written is no buffer: the command ends, and the next one reads again."""
        try:
            yield
        except (sqlite3.Error, OSError) as fault:
            raise CommandFailed(
                f"`{self._file}` can't be used: {fault}", "nothing is lost: try again"
            ) from None

    def add(self, lines: Iterable[Line], marks: Sequence[tuple[str, float]], oldest: float) -> None:
        """Keep what is new, and up to when all was read, as one; forget ids that are too old."""
        rows = [(_id(each), each.at, each.environment, json.dumps(each._asdict())) for each in lines]
        with self._faults(), self._db:
            self._db.executemany("insert or ignore into lines values (?, ?, ?, ?)", rows)
            self._db.executemany("insert or replace into marks values (?, ?)", marks)
            self._db.execute("delete from lines where document = '' and at < ?", (oldest,))

    def mark(self, environment: str) -> float | None:
        """Up to when all was read; None: nothing was."""
        with self._faults():
            row = self._db.execute("select at from marks where environment = ?", (environment,)).fetchone()
        return float(row[0]) if row else None

    def waiting(self, environment: str) -> list[tuple[str, Line]]:
        """The oldest lines that were not sent, with their ids."""
        with self._faults():
            rows = self._db.execute(
                "select id, document from lines where environment = ? and document <> ''"
                " order by at limit ?",
                (environment, BATCH),
            ).fetchall()
        return [(number, Line(**json.loads(document))) for number, document in rows]

    def sent(self, ids: Iterable[str]) -> None:
        """They are done; their ids stay, so that they are not sent again."""
        with self._faults(), self._db:
            self._db.executemany("update lines set document = '' where id = ?", [(each,) for each in ids])


def push(buffer: Buffer, environment: str, app: str, url: str) -> tuple[int, str]:
    """Send all that waits; how many lines were taken, and why not all of them ("": all were)."""
    count = 0
    while batch := buffer.waiting(environment):
        why, over = _post(url, document(app, [line for _, line in batch]))
        if over:
            buffer.sent(number for number, _ in batch)
        if why:
            lost = f"; it refuses {len(batch)} lines for good" if over else ""
            return count, f"{why}{lost}"
        count += len(batch)
    return count, ""


def require_url(value: str, environment: str) -> str:
    """The sink's address, which is a secret: it may hold a user and a token.

    Raises:
        Refused: there is none, or lines would travel unencrypted.
    """
    if not keeps_secrets(value):
        raise Refused(
            f"`{URL}` of {environment} is missing, or no https address",
            f"set it in `.env.{environment}`: `https://<user>:<token>@<host>/loki/api/v1/push`",
        )
    return Secret(value).reveal()


def document(app: str, lines: Sequence[Line]) -> dict[str, Any]:
    """Few labels, as Loki wants them; the release, and the run, are metadata of each line."""
    streams: dict[tuple[str, str], list[list[Any]]] = {}
    for line in sorted(lines, key=lambda each: each.at):
        metadata = {"release": line.release or "none", "place": line.source}
        entry = [str(round(line.at * 1e6) * 1000), line.text, metadata]
        streams.setdefault((line.environment, line.source.partition(" ")[0]), []).append(entry)
    return {
        "streams": [
            {
                "stream": {"service_name": app, "environment": environment, "source": source},
                "values": values,
            }
            for (environment, source), values in streams.items()
        ]
    }


def _post(url: str, sent: dict[str, Any]) -> tuple[str, bool]:
    """Why it was not taken ("": it was), and whether there is no use in trying again."""
    headers = {**HEADERS, "Content-Type": "application/json"}
    body = json.dumps(sent).encode()
    try:
        answer = fetch(
            url, seconds=SECONDS, most_bytes=MOST_BYTES, method="POST", headers=headers, body=body
        )
    except FetchError as fault:
        return f"the sink gives no answer ({fault.why})", False
    if 200 <= answer.status < 300:
        return "", True
    said = redact(answer.body.decode("utf-8", "replace")).strip()[:200]
    over = 400 <= answer.status < 500 and answer.status not in PASSING
    return f"the sink answers {answer.status} {said}".rstrip(), over


def _id(line: Line) -> str:
    """Loki, too, takes two entries with the same stream, time and text for one."""
    return hashlib.sha256(repr((line.environment, line.source, line.at, line.text)).encode()).hexdigest()
