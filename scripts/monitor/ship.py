"""`monitor.logs --ship`: send the lines to a sink that speaks Loki's push form, or OTLP.

Every line is on disk before it is sent, and the sink's good answer comes before it is forgotten: while the
sink, the network or this process is away, nothing is lost. What was sent and not answered is sent again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from scripts.config.addresses import keeps_secrets
from scripts.errors import CommandFailed, Refused
from scripts.http import HEADERS, FetchError, Response, fetch
from scripts.monitor.log_lines import Line
from scripts.monitor.ship_forms import document, headers_of, partial, speaks_otlp
from scripts.notify.webhook import requested_wait
from scripts.system.secret import Secret, redact
from scripts.system.text import sanitize_output

FILE, URL, HEADERS_OF = "ship.sqlite3", "LOGS_PUSH_URL", "LOGS_PUSH_HEADERS"
BATCH, SECONDS, MOST_BYTES = 500, 20.0, 65_536
LONGEST_PAUSE, SHOWN, TOO_LARGE = 3600.0, 200, 413
PASSING = (401, 403, 404, 408, 425, 429)  # a person, or time, puts it right; other 4xx stay as they are
SCHEMA = """
create table if not exists lines (id text primary key, at real, environment text, document text);
create index if not exists waiting on lines (environment, at) where document <> '';
create table if not exists marks (environment text primary key, at real);
create table if not exists pauses (environment text primary key, until real);
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

    def waiting(self, environment: str, most: int) -> list[tuple[str, Line]]:
        """The oldest lines that were not sent, with their ids."""
        with self._faults():
            rows = self._db.execute(
                "select id, document from lines where environment = ? and document <> ''"
                " order by at limit ?",
                (environment, most),
            ).fetchall()
        return [(number, Line(**json.loads(document))) for number, document in rows]

    def pause(self, environment: str, until: float) -> None:
        """The sink wants to be left alone until then, in seconds since 1970."""
        with self._faults(), self._db:
            self._db.execute("insert or replace into pauses values (?, ?)", (environment, until))

    def paused(self, environment: str) -> float:
        """Until when; 0.0: it takes lines."""
        with self._faults():
            row = self._db.execute(
                "select until from pauses where environment = ?", (environment,)
            ).fetchone()
        return float(row[0]) if row else 0.0

    def sent(self, ids: Iterable[str]) -> None:
        """They are done; their ids stay, so that they are not sent again."""
        with self._faults(), self._db:
            self._db.executemany("update lines set document = '' where id = ?", [(each,) for each in ids])


class Sink(NamedTuple):
    """Where an environment's lines go. Address and headers are secrets.

    Args:
        headers: beside the usual ones.
    """

    environment: str
    app: str
    url: str
    headers: Mapping[str, str] = {}


class Pushed(NamedTuple):
    """What came of a push.

    Args:
        number: lines that were taken.
        why: lines wait; "": none does.
        said: what people should know beside it: lines that were refused for good.
    """

    number: int
    why: str = ""
    said: str = ""


def push(buffer: Buffer, sink: Sink, now: float) -> Pushed:
    """Send all that waits, unless the sink has asked for a pause that is not over."""
    environment, count, most, said = sink.environment, 0, BATCH, ""
    if (until := buffer.paused(environment)) > now:
        return Pushed(0, f"the sink has asked to wait {until - now:.0f} s more")
    while batch := buffer.waiting(environment, most):
        answer = _post(sink, [line for _, line in batch], now)
        if answer.large:
            most = len(batch) // 2
            continue
        if not answer.over:
            if answer.pause:
                buffer.pause(environment, now + min(answer.pause, LONGEST_PAUSE))
            return Pushed(count, answer.why, said)
        buffer.sent(number for number, _ in batch)
        count, said, most = count + len(batch) - answer.lost, answer.why or said, BATCH
    return Pushed(count, "", said)


def require_sink(values: Mapping[str, str], environment: str, app: str) -> Sink:
    """The sink's address, which is a secret: it may hold a user and a token; and its headers.

    Raises:
        Refused: there is none, or lines would travel unencrypted; or the headers are no headers.
    """
    value = values.get(URL, "")
    if not keeps_secrets(value):
        raise Refused(
            f"`{URL}` of {environment} is missing, or no https address",
            f"set it in `.env.{environment}`: `https://<user>:<token>@<host>/loki/api/v1/push`",
        )
    headers = headers_of(values.get(HEADERS_OF, ""), HEADERS_OF)
    known = {key: Secret(each).reveal() for key, each in headers.items()}
    return Sink(environment, app, Secret(value).reveal(), known)


class Answer(NamedTuple):
    """What the sink said of a batch.

    Args:
        why: in words; "" if it took all.
        over: there is no use in trying again. `lost`: lines of it that it did not take.
        pause: seconds for which it wants to be left alone.
        large: it takes smaller batches only.
    """

    why: str = ""
    over: bool = False
    lost: int = 0
    pause: float = 0.0
    large: bool = False


def _post(sink: Sink, lines: Sequence[Line], now: float) -> Answer:
    headers = {**HEADERS, **sink.headers, "Content-Type": "application/json"}
    body = json.dumps(document(sink.app, lines, sink.url)).encode()
    try:
        answer = fetch(
            sink.url, seconds=SECONDS, most_bytes=MOST_BYTES, method="POST", headers=headers, body=body
        )
    except FetchError as fault:
        return Answer(f"the sink gives no answer ({fault.why})")
    if 200 <= answer.status < 300:
        return _taken(sink, answer, len(lines))
    said = redact(answer.body.decode("utf-8", "replace")).strip()[:SHOWN]
    why = f"the sink answers {answer.status} {said}".rstrip()
    if 400 <= answer.status < 500 and answer.status not in PASSING:
        if answer.status == TOO_LARGE and len(lines) > 1:
            return Answer(why, large=True)
        return Answer(f"{why}; it refuses {len(lines)} lines for good", over=True, lost=len(lines))
    return Answer(why, pause=requested_wait(answer.headers, answer.body, now) or 0.0)


def _taken(sink: Sink, answer: Response, number: int) -> Answer:
    if "html" in answer.headers.get("content-type", ""):  # a proxy's sign-in page
        return Answer("the sink answers with a web page")
    if not speaks_otlp(sink.url):
        return Answer(over=True)
    rejected, why = partial(answer.body)
    words = redact(sanitize_output(why)).strip()[:SHOWN]
    if not rejected:
        return Answer(f"the sink warns: {words}" if words else "", over=True)
    lost = min(rejected, number)
    return Answer(f"the sink refuses {lost} lines for good: {words}".rstrip(": "), over=True, lost=lost)


def _id(line: Line) -> str:
    """Loki, too, takes two entries with the same stream, time and text for one."""
    return hashlib.sha256(repr((line.environment, line.source, line.at, line.text)).encode()).hexdigest()
