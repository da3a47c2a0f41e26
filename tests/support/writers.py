"""People who write at full speed, each with a diary of what was committed; what must be there then."""

# ruff: noqa: S608 - the queries are put together from the names below

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

TABLES = ("public.journal_a", "public.journal_b", "public.journal_c")  # the last has no key
ROWS = 200  # in each, before anybody writes
MAKE = "".join(
    f"create table {table} (id bigint {key}, value text not null);\n"
    f"insert into {table} select i, 'first ' || i from generate_series(1, {ROWS}) i;\n"
    for table, key in zip(TABLES, ("primary key", "primary key", "not null"), strict=True)
)
ALL = " union all ".join(
    f"select '{table}', id, value from {{}}{table.partition('.')[2]}" for table in TABLES
)

State = dict[str, dict[int, str]]  # table -> id -> value


class Entry(NamedTuple):
    """One committed statement: `value` is None for a delete."""

    table: str
    id: int
    value: str | None


@dataclass
class Writer:
    """Writes until it is told to stop; nobody else touches its rows.

    Args:
        diary: what was committed, in order.
        refused: errors of the server, after which nothing was committed.
    """

    url: str
    number: int
    seed: int
    diary: list[Entry] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the statement under way."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _write(self) -> None:
        import psycopg

        dice = random.Random(self.seed)  # noqa: S311 - no secret
        own = itertools.count(10**6 * (self.seed * 2 + self.number + 1))
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self._stop.is_set():
                for entry in self._statements(dice, next(own)):
                    try:
                        if _run(connection, entry):
                            self.diary.append(entry)
                    except psycopg.errors.Error as refusal:
                        self.refused.append(str(refusal.sqlstate))

    def _statements(self, dice: random.Random, number: int) -> list[Entry]:
        """Inserts between all others: by them it is known when each was committed."""
        found = []
        for table in TABLES:
            found.append(Entry(table, number, f"new {number}"))
            if table != TABLES[2]:
                old = dice.randrange(1, ROWS // 2) * 2 + self.number
                gone = dice.random() < 0.02
                found.append(Entry(table, -old, None if gone else f"changed {number}"))
        return found


def _run(connection: Any, entry: Entry) -> bool:
    """Whether it touched a row; a negative id is that of a row that was there before."""
    if entry.id > 0:
        order = f"insert into {entry.table} values (%s, %s)"
        return bool(connection.execute(order, [entry.id, entry.value]).rowcount)
    if entry.value is None:
        order = f"delete from {entry.table} where id = %s"
        return bool(connection.execute(order, [-entry.id]).rowcount)
    order = f"update {entry.table} set value = %s where id = %s"
    return bool(connection.execute(order, [entry.value, -entry.id]).rowcount)


def read(url: str, schema: str = "public.") -> State:
    """What is in the tables of a schema."""
    import psycopg

    state: State = {table: {} for table in TABLES}
    with psycopg.connect(url, autocommit=True) as connection:
        for table, id_, value in connection.execute(ALL.replace("{}", schema).encode()):
            assert id_ not in state[table]
            state[table][id_] = value
    return state


def played(before: State, entries: list[Entry]) -> State:
    """The state after these statements."""
    state = {table: dict(rows) for table, rows in before.items()}
    for table, id_, value in entries:
        if value is None:
            state[table].pop(-id_, None)
        else:
            state[table][abs(id_)] = value
    return state


def until_switch(writer: Writer, aside: State) -> list[Entry]:
    """Its entries that were committed before the switch: a beginning of its diary, or the test is wrong.

    An insert was if what was kept has it, even if it is live as well; a statement between two inserts was
    if the kept row has its value, or has gone.
    """
    marks = [index for index, entry in enumerate(writer.diary) if entry.id > 0]
    kept = [writer.diary[index].id in aside[writer.diary[index].table] for index in marks]
    assert kept == sorted(kept, reverse=True), "a later insert was kept, and an earlier one was not"
    end = marks[kept.index(False)] if False in kept else len(writer.diary)
    start = marks[kept.index(False) - 1] if False in kept and kept.index(False) else 0
    for index in range(end - 1, start, -1):
        table, id_, value = writer.diary[index]
        if id_ < 0 and aside[table].get(-id_) != value:
            end = index
    return writer.diary[:end]


def lost(was: State, now: State) -> Mapping[str, tuple[int, int, int]]:
    """By table, the rows inserted, updated and deleted that are live no longer, or again."""
    found = {}
    for table in TABLES:
        old, new = was[table], now[table]
        if table == TABLES[2]:
            gone, back = (
                Counter(old.items()) - Counter(new.items()),
                Counter(new.items()) - Counter(old.items()),
            )
            counts = sum(gone.values()), 0, sum(back.values())
        else:
            updated = sum(old[id_] != new[id_] for id_ in old.keys() & new.keys())
            counts = len(old.keys() - new.keys()), updated, len(new.keys() - old.keys())
        if any(counts):
            found[table] = counts
    return found
