"""Notices of single events: complete, and with what to type next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scripts.notify import events
from scripts.notify.events import Deed, Fact
from scripts.state.ledger import Event
from scripts.system.secret import MASK, remember
from tests.support.tables import environment

STAGING = environment("staging")
DEED = Deed("r7", "Ada", "2030-01-02T03:04:05+00:00", 83.4, "it is time")


def stop(kind: str, **detail: Any) -> events.Notice:
    """The notice of a ledger event that stops the releases of staging, or lets them go on."""
    event = Event("staging", kind, "done", "v3", "a" * 40, "Ada", DEED.at, "r7", detail)
    return events.of_stop(STAGING, event)


def test_a_freeze_names_its_end_and_how_to_lift_it() -> None:
    """The reason is a fact."""
    notice = stop("freeze", until="2031-01-01T00:00:00+00:00", reason="holidays")

    assert (notice.id, notice.kind, notice.environment) == ("r7-freeze", "freeze", "staging")
    assert notice.title == "staging is frozen until 2031-01-01T00:00:00+00:00"
    assert notice.hint == "to lift it: `invoke unfreeze --env staging --reason TEXT`"
    assert Fact("reason", "holidays") in notice.facts


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("unfreeze", ("freeze", "staging is no longer frozen")),
        ("release-hold", ("hold", "staging: the hold is released")),
    ],
)
def test_the_end_of_a_stop_points_to_the_status(kind: str, expected: tuple[str, str]) -> None:
    """Nothing is left to lift."""
    notice = stop(kind)

    assert ((notice.kind, notice.title), notice.hint) == (expected, "`invoke status`")


@pytest.mark.parametrize(("passed", "title"), [(True, "the drill passed"), (False, "the drill FAILED")])
def test_a_drill_says_how_it_ended(passed: bool, title: str) -> None:
    """With the facts of the caller after who and where."""
    notice = events.of_drill(STAGING, DEED, passed=passed, facts=[Fact("caught", "/ gives 500")])

    assert notice.title == f"staging: {title}"
    assert notice.facts[-1] == Fact("caught", "/ gives 500")
    assert ("invoke drill --env staging" in notice.hint) is not passed


def test_a_restore_names_the_command_that_drops_the_old_schemas() -> None:
    """It is kept until somebody says that all is well."""
    notice = events.of_restore(STAGING, DEED, [Fact("backup", "b1")])

    assert notice.id == "r7-restore"
    assert "invoke db.drop-aside --env staging" in notice.hint


@pytest.mark.parametrize(("hint", "shown"), [("`a`", "`a`"), ("", "`invoke backup --env staging`")])
def test_a_missing_backup_is_a_failure_with_a_command(hint: str, shown: str) -> None:
    """The error's own hint, or how to take a backup."""
    notice = events.of_backup(STAGING, DEED, why="the disk is full", hint=hint)

    assert (notice.kind, notice.title) == ("failure", "staging: NO PROVEN BACKUP")
    assert (notice.facts[-1], notice.hint) == (Fact("why", "the disk is full"), shown)


def test_who_gives_the_person_reason_place_duration_and_run() -> None:
    """Only the environment's own URL is a link."""
    assert events.who(STAGING, DEED) == [
        Fact("who", "Ada"),
        Fact("reason", "it is time"),
        Fact("where", "https://staging.example.org", link=True),
        Fact("took", "1 min 23 s"),
        Fact("run", "r7"),
    ]
    bare = events.who(STAGING, replace(DEED, actor="", seconds=None, reason=""))
    assert [fact.label for fact in bare] == ["who", "where", "run"]
    assert bare[0].text == "somebody"


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, ""), (2, "0\n1"), (12, "\n".join([*map(str, range(10)), "and 2 more commits"]))],
)
def test_long_lists_are_counted(number: int, expected: str) -> None:
    """Ten lines are listed."""
    assert events.first_lines([str(n) for n in range(number)], "commits") == expected


def test_long_subjects_are_cut_and_counted() -> None:
    """On one line, whatever was in them."""
    assert events.shorten(" one\n two ") == "one two"
    assert events.shorten("x" * 103) == "x" * 100 + "… [3 more characters]"


def test_a_secret_is_masked_before_a_text_is_cut_in_the_midst_of_it() -> None:
    """What would be left of it could not be known."""
    remember("s3cr3t-of-a-subject")

    assert events.shorten("x" * 90 + "s3cr3t-of-a-subject") == "x" * 90 + MASK


@pytest.mark.parametrize(("seconds", "text"), [(4.16, "4.2 s"), (59.9, "59.9 s"), (200.7, "3 min 20 s")])
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    """Tenths below a minute, whole seconds above."""
    assert events.duration(seconds) == text
