"""Notices: within every limit of Slack and Discord, harmless whatever a commit says, and complete."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.git.client import Commit
from scripts.notify import events
from scripts.notify.chat import discord, fit, for_discord, for_slack, slack, units
from scripts.notify.events import Deed, Notice
from scripts.release import messages
from scripts.release.plan import decide
from scripts.release.request import RollbackRequest
from scripts.sandbox import inbox
from tests.unit.release.test_plan import DEV, PRODUCTION, PROMOTE, STAGING, THREE, TWO, A, C, event

HOSTILE = "<!channel> @everyone @here <@U123> <!subteam^S1> <@&1> [free](https://evil.example) https://evil.example"
DEED = Deed("r7", "Ada", "2030-01-02T03:04:05+00:00", 83.4, "it is time")
RAW = re.compile(r"<!|<@|@everyone|@here|@U123|https://evil")


def notice(**more: Any) -> Notice:
    """A notice of an ordinary release."""
    made = messages.of_release(decide(PROMOTE), DEED, "v8", "production")
    return replace(made, **more)


def faults(made: Notice) -> list[object]:
    """What the vendors would say against it."""
    both = (inbox.slack_fault(slack(made)), inbox.discord_fault(discord(made)))
    return [each for each in both if each]


def said(made: Notice) -> list[str]:
    """Both payloads as text."""
    return [json.dumps(each, ensure_ascii=False) for each in (slack(made), discord(made))]


def test_a_release_says_who_what_where_how_long_and_what_next() -> None:
    """Both chats get the same facts."""
    for text in said(notice()):
        for word in (
            "staging: v8 is live",
            "Ada",
            "better",
            "promote",
            "development",
            "1 min 23 s",
            "it is time",
        ):
            assert word in text
        assert "https://staging.example.org" in text
        assert "invoke promote --to production" in text


def test_a_start_names_commit_and_migrations() -> None:
    """And how to watch it."""
    plan = decide(replace(PROMOTE, committed=(*PROMOTE.committed, TWO, THREE)))
    made = messages.of_start(plan, replace(DEED, seconds=None))

    assert ("start", "r7-start") == (made.kind, made.id)
    assert ("migrations", "2_x.sql\n3_x.sql") in made.facts
    assert "invoke lock.show" in made.hint
    assert "took" not in dict(made.facts)


def test_a_rollback_says_that_the_line_is_held() -> None:
    """What is live again, what is bad, and how to go on."""
    target = event("staging", "v1", A)
    facts = replace(PROMOTE, request=RollbackRequest(), source=None, target=target)
    made = messages.of_rollback(decide(facts), DEED, "v9")

    assert "rollback" == made.kind
    assert "staging: rolled back to v1, which is live again as v9" == made.title
    assert "held" in dict(made.facts)
    assert f"v1 ({C[:12]})" == dict(made.facts)["marked bad"]
    assert "invoke release-hold --env staging" in made.hint


@pytest.mark.parametrize(("rolled_back", "kind"), [(True, "rollback"), (False, "failure")])
def test_a_failure_is_one_notice(rolled_back: bool, kind: str) -> None:
    """An automatic rollback is told with the failure that it follows."""
    made = messages.of_failure(
        decide(PROMOTE),
        DEED,
        why="/ gives 500",
        hint="`invoke status`",
        at_step="verify",
        release="v9",
        live="`cccccccccccc`",
        rolled_back=rolled_back,
    )

    assert kind == made.kind
    assert "staging: the promote of v9 failed at verify" in made.title
    assert rolled_back == ("v1 is live again" in made.title)
    assert "/ gives 500" == dict(made.facts)["why"]


def test_freeze_hold_and_drill_have_notices() -> None:
    """Each with what to type next."""
    frozen = events.of_freeze(PRODUCTION, DEED, until="2031-01-01T00:00:00+00:00")
    thawed = events.of_freeze(PRODUCTION, DEED, until=None)
    held = events.of_hold(PRODUCTION, DEED, lifted=False)
    lifted = events.of_hold(PRODUCTION, DEED, lifted=True)
    drill = events.of_drill(PRODUCTION, DEED, passed=False, found=[("fault", "an app that answers 500")])

    assert ["freeze", "freeze", "hold", "hold", "drill"] == [
        each.kind for each in (frozen, thawed, held, lifted, drill)
    ]
    assert "frozen until 2031" in frozen.title
    assert "invoke unfreeze --env production" in frozen.hint
    assert "invoke release-hold" in held.hint
    assert "FAILED" in drill.title
    assert [] == [fault for each in (frozen, thawed, held, lifted, drill) for fault in faults(each)]


def test_a_first_release_has_no_way_back_to_name() -> None:
    """The last environment of the chain names the rollback, where there is one."""
    first = decide(replace(PROMOTE, ledger=replace(PROMOTE.ledger, events=())))

    assert "" == messages.of_release(first, DEED, "v1", None).hint
    assert "invoke rollback --env staging" in messages.of_release(decide(PROMOTE), DEED, "v2", None).hint


@pytest.mark.parametrize("place", ["author", "why", "actor", "reason"])
def test_hostile_text_pings_nobody_and_links_nothing(place: str) -> None:
    """Wherever it stands, and also when it is cut."""
    commit = Commit(A, HOSTILE if place == "author" else "Ada", "", HOSTILE * 40)
    plan = decide(replace(PROMOTE, commits=(commit,) * 40))
    actor, reason = (HOSTILE if place == each else "x" for each in ("actor", "reason"))
    deed = replace(DEED, actor=actor, reason=reason)
    made = messages.of_release(plan, deed, "v8", None)
    made = replace(made, facts=(*made.facts, ("why", HOSTILE if place == "why" else "x")))

    assert [] == faults(made)
    assert not inbox.slack_pings(slack(made))
    assert not inbox.discord_pings(discord(made))
    assert "](" not in json.dumps(discord(made))
    assert [] == [found for text in said(made) for found in RAW.findall(text)]
    assert {"parse": []} == discord(made)["allowed_mentions"]


@pytest.mark.parametrize("filler", ["&", "a", "<", "@", "\\", "*", "😀", "\n", "://", "x\n", "&amp; "])
def test_a_changelog_of_5000_characters_is_cut_and_says_so(filler: str) -> None:
    """In any place, whatever escaping makes of it; the next command is still there."""
    long = (filler * 5_000)[:5_000] + "end"
    facts = tuple((f"label {n}", long) for n in range(6))
    made = notice(title=long, facts=facts)

    assert [] == faults(made)
    for text in said(made):
        assert "more characters]" in text or "more facts" in text
        assert "invoke promote --to production" in text


def test_many_facts_are_counted_not_dropped_silently() -> None:
    """What has no room is said."""
    made = notice(facts=tuple((f"label {n}", "short") for n in range(200)))

    assert [] == faults(made)
    assert all("more facts" in text for text in said(made))


def test_many_commits_are_counted() -> None:
    """Ten are shown."""
    plan = decide(replace(PROMOTE, commits=PROMOTE.commits * 31))
    made = messages.of_release(plan, DEED, "v8", None)

    assert "and 21 more commits" in dict(made.facts)["commits"]


@pytest.mark.parametrize("text", ["", " ", "\n", "\x1b[31m", "\u202e", "\ud800"])
def test_nothing_and_control_characters_are_shown_as_something(text: str) -> None:
    """Empty values would be refused; escapes and lone surrogates would drive a reader."""
    made = notice(facts=(("label", text), ("where", text), ("", text)), hint=text, title=text or "x")

    assert [] == faults(made)
    assert "\x1b" not in "".join(said(made))


def test_only_our_own_address_is_a_link() -> None:
    """And only in its own place."""
    made = notice(facts=(("where", "https://a.example"), ("why", "https://a.example")))

    assert 1 == json.dumps(slack(made)).count("https://a.example")
    assert 1 == json.dumps(discord(made)).count("https://a.example")
    assert "<https://evil.example|x>" not in json.dumps(
        slack(notice(facts=(("where", "https://evil.example|x"),)))
    )


TEXTS = st.text(st.sampled_from(["&", "<", ">", "@", "/", ":", "!", "\\", "*", "a", "é", "😀", "\n", " "]))


@given(TEXTS.map(lambda text: text * 40), st.sampled_from([for_slack, for_discord]), st.integers(100, 400))
def test_fit_keeps_the_limit_and_halves_no_escape(text: str, escape: Any, limit: int) -> None:
    """Any text: short enough, and what is kept is an escaped beginning of it."""
    cut = fit(text, limit, escape)
    kept, _, _ = cut.partition("… [")
    whole = fit(text, 10**9, escape)

    assert 1 <= units(cut) <= limit
    assert whole.startswith(kept) or cut == "-"
    assert not re.search(r"&(?!amp;|lt;|gt;)", kept) or escape is for_discord
    assert not re.search(r"(?<!\\)(\\\\)*\\$", kept) or escape is for_slack


@given(st.lists(st.tuples(TEXTS, TEXTS.map(lambda text: text * 90)), max_size=30), TEXTS, TEXTS)
def test_every_notice_is_taken(facts: list[tuple[str, str]], title: str, hint: str) -> None:
    """No limit of the table is ever broken, and nobody is pinged."""
    made = notice(facts=tuple(facts), title=title, hint=hint)

    assert [] == faults(made)
    assert not inbox.slack_pings(slack(made))
    assert not inbox.discord_pings(discord(made))


def test_environments_of_the_table_are_told_apart() -> None:
    """A notice names where it happened."""
    assert ["development", "staging"] == [
        events.of_hold(each, DEED, lifted=True).environment for each in (DEV, STAGING)
    ]
