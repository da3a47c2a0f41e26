"""A watch: each fault is found in two intervals and one second look, with one alarm and one all-clear."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from scripts.monitor.checks import Look
from scripts.monitor.store import FILE
from scripts.state.remote import record
from tests.fakes.clock import START
from tests.fakes.world import World
from tests.support.disks import small
from tests.support.posts import Reply, webhook
from tests.unit.monitor.watches import BAD, GOOD, WARN, Watched, titles, whole

INTERVAL, SECOND_LOOK = 60, 3


def test_a_day_of_health_is_a_day_without_a_message(watched: Watched) -> None:
    """1440 passes, with a bad look here and there that the second look does not confirm."""
    first = watched.desk().settings.monitor.second_look
    watched.answers["page /"] = lambda now: BAD if now % 3600 < 1 and now % 60 < first else GOOD
    with watched.chat() as chat:
        watched.minutes(24 * 60)

    assert chat.taken == []
    assert [line for line in watched.notes.lines if "watching" not in line] == []
    assert len(watched.looked) > 24 * 60 * 10


@pytest.mark.parametrize("begins", [1, 30, 59])
@pytest.mark.parametrize("check", ["page /", "commit", "tls", "database", "backup", "lock"])
def test_a_fault_is_one_alarm_and_one_all_clear(watched: Watched, check: str, begins: float) -> None:
    """Within two intervals and a second look of its beginning, and of its end."""
    begin, end = 600 + begins, 1800 + begins
    watched.breaks(check, begin, end)
    with watched.chat() as chat:
        told: list[tuple[float, int]] = []
        for _ in range(60):
            watched.minutes(1)
            told += [(watched.world.clock.seconds - INTERVAL, len(chat.taken))]

    alarm = next(at for at, number in told if number == 1)
    clear = next(at for at, number in told if number == 2)
    assert alarm + SECOND_LOOK - begin <= 2 * INTERVAL + SECOND_LOOK
    assert clear + SECOND_LOOK - end <= 2 * INTERVAL + SECOND_LOOK
    down, up = titles(chat)
    assert "DOWN" in down
    assert "up again" in up
    assert f"`{check}`" in down + up


def test_many_faults_of_a_pass_are_one_message(watched: Watched) -> None:
    """With what came up in the same pass; environments that share a chat share the message."""
    watched.environments = ("staging", "production")
    watched.breaks("page /", 0, 360)
    watched.breaks("commit", 300, 600)
    watched.breaks("database", 300, 600)
    with watched.chat() as chat:
        watched.minutes(20)

    first, second, third = titles(chat)
    assert "staging, production" in first
    assert "`commit`" in second
    assert "`database`" in second
    assert "up again" in whole(chat.taken[1])
    assert "up again" in third


def test_a_warning_that_gets_worse_is_told_again(watched: Watched) -> None:
    """And its end once."""
    watched.answers["tls"] = lambda now: WARN if now < 300 else BAD if now < 600 else GOOD
    with watched.chat() as chat:
        watched.minutes(20)

    assert ["warning" in title for title in titles(chat)] == [True, False, False]
    assert ["DOWN" in title for title in titles(chat)] == [False, True, False]


def test_what_flaps_is_one_incident_and_not_a_message_a_minute(watched: Watched) -> None:
    """Four hours of one bad pass in two."""
    watched.answers["page /"] = lambda now: BAD if now // INTERVAL % 2 else GOOD
    with watched.chat() as chat:
        watched.minutes(4 * 60)
        assert ["DOWN" in title for title in titles(chat)] == [True, False, True]
        watched.answers.clear()
        watched.minutes(60)

    assert "up again" in titles(chat)[-1]
    assert any("it flaps" in whole(each) for each in chat.taken)


def test_a_release_is_named_by_what_went_bad_with_it(watched: Watched) -> None:
    """And it can be taken back by what the notice says."""
    record(watched.world.desk(), "production", "release", commit=watched.world.head("main"), release="v41")
    watched.breaks("page /", 180, 900)
    with watched.chat() as chat:
        watched.minutes(20)

    text = whole(chat.taken[0])
    assert "bad since v41, 3 min 0 s after it went live" in text
    assert "invoke rollback --env production" in text
    assert "monitor on laptop" in text
    assert "it answers 500; 00:03:00 UTC" in text


def test_nothing_is_told_while_a_release_is_at_work(watched: Watched, world: World) -> None:
    """The looks are written down; what is still bad afterwards is told then."""
    watched.breaks("page /", 0, 1800)
    with watched.chat() as chat:
        for minute in range(15):
            at = (START + timedelta(seconds=world.clock.seconds)).isoformat()
            watched.hold_lock(locked(world, minute, at))
            watched.minutes(1)
        assert chat.taken == []
        watched.free_lock()
        watched.minutes(2)
        assert len(chat.taken) == 1

    rows = sqlite3.connect(watched.folder / FILE).execute(
        "select counts, count(*) from looks group by counts"
    )
    assert dict(rows.fetchall()).keys() == {0, 1}


def test_a_dead_run_keeps_nobody_quiet(watched: Watched, world: World) -> None:
    """Its lock gives no sign of life."""
    watched.hold_lock(locked(world, 0, START.isoformat()))
    watched.breaks("page /", 0, 6000)
    with watched.chat() as chat:
        watched.minutes(20)

    assert len(chat.taken) == 1


def locked(world: World, beat: int, at: str) -> str:
    """The commit of a lock."""
    lock = {
        "run": "a" * 12,
        "nonce": "n",
        "actor": "Bob",
        "host": "ci",
        "task": "promote",
        "ttl": 600.0,
        "environment": "production",
        "commit": world.head("main"),
        "acquired_at": at,
        "beat": beat,
    }
    return world.remote.add({"lock.json": json.dumps(lock)}, (), "Bob", f"beat {beat}")


def test_a_restart_neither_forgets_nor_repeats(watched: Watched) -> None:
    """Killed after each pass: the same alarms as without."""
    watched.breaks("page /", 300, 1200)
    with watched.chat() as chat:
        for _ in range(40):
            watched.watcher = None
            watched.minutes(1)

    assert ["DOWN" in title for title in titles(chat)] == [True, False]


def test_a_kill_before_the_notice_is_told_by_the_next(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The incident is on disk before anybody is told of it."""
    watched.breaks("page /", 0, 600)
    with watched.chat() as chat:
        watched.minutes(1)
        with monkeypatch.context() as killed:
            killed.setattr("scripts.monitor.watcher.deliver.keep", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                watched.minutes(1)
        watched.watcher = None
        watched.minutes(20)

    assert ["DOWN" in title for title in titles(chat)] == [True, False]


def test_a_kill_while_a_notice_is_sent_tells_it_once(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the outbox, and that is known."""
    watched.breaks("page /", -1, 600)
    with watched.chat() as chat:
        with monkeypatch.context() as killed:
            killed.setattr(
                "scripts.monitor.watcher.deliver.flush",
                lambda _desk: 1 / 0 if watched.looked[-1][1] > 60 else None,
            )
            with pytest.raises(ZeroDivisionError):
                watched.minutes(5)
        watched.watcher = None
        watched.minutes(20)

    assert ["DOWN" in title for title in titles(chat)] == [True, False]


def test_a_webhook_that_is_down_gets_both_later(watched: Watched) -> None:
    """The alarm and the all-clear, once each, in order."""
    watched.breaks("page /", 0, 300)
    gone: list[Reply] = [(503, {}, "")] * 300
    with watched.chat(*gone) as chat:
        watched.minutes(10)
        assert chat.taken == []
        chat.replies.clear()
        watched.minutes(2)

    assert ["DOWN" in title for title in titles(chat)] == [True, False]


def test_a_full_disk_is_said_and_the_alarm_goes_out(watched: Watched, tmp_path: Path) -> None:
    """And the looks are written when there is room again."""
    with small(tmp_path / "disk", 2) as disk, watched.chat() as chat:
        if not disk.real:
            pytest.skip("no small disk can be mounted here")
        watched.folder = disk.folder / "state"
        watched.minutes(2)
        disk.fill()
        watched.breaks("page /", 0, 1800)
        watched.minutes(10)
        assert ["DOWN" in title for title in titles(chat)] == [True]
        disk.free()
        watched.minutes(30)
        assert ["DOWN" in title for title in titles(chat)] == [True, False]
        connection = sqlite3.connect(watched.folder / FILE)
        looks = connection.execute("select count(*) from looks where name = 'page /'").fetchone()[0]
        connection.close()

    said = "\n".join(watched.notes.lines)
    assert "can't be written" in said
    assert "can be written again" in said
    assert looks == sum(name == "page /" for name, _ in watched.looked)


def test_a_locked_or_damaged_file_stops_no_alarm(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is said."""
    watched.folder.mkdir(parents=True)
    (watched.folder / FILE).write_bytes(b"no database" * 100)
    watched.breaks("page /", 0, 6000)
    with watched.chat() as chat:
        watched.minutes(5)

    assert len(chat.taken) == 1
    assert sum("can't be" in line for line in watched.notes.lines) <= 2


def test_what_nobody_can_tell_changes_nothing(watched: Watched) -> None:
    """Neither an alarm nor an all-clear."""
    watched.answers["commit"] = lambda now: BAD if now < 300 else Look("unknown", "no ledger")
    with watched.chat() as chat:
        watched.minutes(30)

    assert len(chat.taken) == 1


def test_a_pass_is_reported_to_the_dead_mans_switch(watched: Watched) -> None:
    """Once a pass; one that takes no report is named without its address."""
    with webhook((405, {}, "")) as switch:
        watched.values["MONITOR_PING_URL"] = switch.url.reveal()
        watched.minutes(1)
    watched.minutes(1)

    said = [line for line in watched.notes.lines if "MONITOR_PING_URL" in line]
    assert len(said) == 2
    assert "can't connect" in said[1]
    assert "token" not in "".join(said)


def test_the_file_is_private(watched: Watched) -> None:
    """And those beside it."""
    watched.minutes(1)

    modes = {each.stat().st_mode & 0o777 for each in watched.folder.glob(f"{FILE}*")}
    assert modes == {0o600}
