"""Slack's and Discord's payloads: within every limit, harmless whatever a commit says, and complete."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.notify.chat import STYLES, TARGETS, discord, fit, for_discord, for_slack, slack, units
from scripts.notify.events import Fact, Kind, Notice
from scripts.sandbox import webhook_rules

HOSTILE = "<!channel> @everyone @here <@U123> <!subteam^S1> <@&1> [free](https://evil.example) https://evil.example"
RAW = re.compile(r"<!|<@|@everyone|@here|@U123|https://evil")
NOTICE = Notice(
    id="r7-success",
    kind="success",
    environment="staging",
    title="staging: v8 is live",
    facts=(
        Fact("who", "Ada"),
        Fact("where", "https://staging.example.org", link=True),
        Fact("commits", "aaaaaaaa Ada: better\nbbbbbbbb Bob: more"),
    ),
    hint="`invoke promote --to production`",
    at="2030-01-02T03:04:05+00:00",
)


def notice(**more: Any) -> Notice:
    """A notice of an ordinary release, changed."""
    return replace(NOTICE, **more)


def problems(made: Notice) -> list[object]:
    """What the vendors would say against it."""
    both = (webhook_rules.slack_error(slack(made)), webhook_rules.discord_error(discord(made)))
    return [problem for problem in both if problem]


def texts(made: Notice) -> list[str]:
    """Both payloads as text."""
    return [json.dumps(payload, ensure_ascii=False) for payload in (slack(made), discord(made))]


def test_both_chats_get_the_same_facts() -> None:
    """Title, facts, link, and the next command."""
    assert problems(NOTICE) == []
    for text in texts(NOTICE):
        for part in (
            "✅ staging: v8 is live",
            "Ada: better",
            "Bob: more",
            "invoke promote --to production",
        ):
            assert part in text
        assert "https://staging.example.org" in text


def test_every_kind_of_notice_has_a_style() -> None:
    """A new kind needs a mark and a colour."""
    assert set(STYLES) == set(get_args(Kind))
    assert len({mark for mark, _ in STYLES.values()}) == len(STYLES)


def test_every_target_makes_a_payload_from_its_variable() -> None:
    """Each reads a variable of its own."""
    assert [target.payload(NOTICE) for target in TARGETS.values()] == [slack(NOTICE), discord(NOTICE)]
    assert len({target.variable for target in TARGETS.values()}) == len(TARGETS)


@pytest.mark.parametrize("field", ["title", "label", "short", "long", "hint"])
def test_hostile_text_pings_nobody_and_links_nothing(field: str) -> None:
    """Wherever it is, and also when it is cut."""
    fact = Fact(HOSTILE if field == "label" else "why", HOSTILE * (40 if field == "long" else 1), link=True)
    made = notice(
        title=HOSTILE if field == "title" else "x",
        hint=HOSTILE if field == "hint" else "x",
        facts=(fact,) if field in ("label", "short", "long") else (),
    )

    assert problems(made) == []
    assert not webhook_rules.slack_pings(slack(made))
    assert not webhook_rules.discord_pings(discord(made))
    if field in ("short", "long"):  # the others are our own words, whose links are broken up as well
        assert "](" not in json.dumps(discord(made))
    assert [raw for text in texts(made) for raw in RAW.findall(text)] == []
    assert discord(made)["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("filler", ["&", "a", "<", "@", "\\", "*", "😀", "\n", "://", "x\n", "&amp; "])
def test_a_changelog_of_5000_characters_is_cut_and_says_so(filler: str) -> None:
    """In any place, whatever escaping makes of it; the next command is still there."""
    long = (filler * 5_000)[:5_000] + "end"
    facts = tuple(Fact(f"label {n}", long) for n in range(6))
    made = notice(title=long, facts=facts)

    assert problems(made) == []
    for text in texts(made):
        assert "more characters]" in text or "more facts" in text
        assert "invoke promote --to production" in text


def test_many_facts_are_counted_not_dropped_silently() -> None:
    """The number of omitted facts is shown."""
    made = notice(facts=tuple(Fact(f"label {n}", "short") for n in range(200)))

    assert problems(made) == []
    assert all("more facts" in text for text in texts(made))


@pytest.mark.parametrize("text", ["", " ", "\n", "\x1b[31m", "\u202e", "\ud800"])
def test_nothing_and_control_characters_are_shown_as_something(text: str) -> None:
    """Empty values would be refused; escapes and lone surrogates would drive a reader."""
    made = notice(
        facts=(Fact("label", text), Fact("where", text, link=True), Fact("", text)),
        hint=text,
        title=text or "x",
    )

    assert problems(made) == []
    assert "\x1b" not in "".join(texts(made))


def test_only_a_link_is_a_link() -> None:
    """The same address in somebody's text is broken up, and so is a link that is no plain address."""
    address = "https://a.example"
    made = notice(facts=(Fact("where", address, link=True), Fact("why", address)))

    assert [text.count(address) for text in texts(made)] == [1, 1]
    for odd in ("https://evil.example|x", "https://evil.example>", "javascript:alert(1)"):
        assert f"<{odd}>" not in texts(notice(facts=(Fact("where", odd, link=True),)))[0]


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
def test_every_notice_is_within_the_limits(facts: list[tuple[str, str]], title: str, hint: str) -> None:
    """The vendors accept it, and nobody is pinged."""
    made = notice(facts=tuple(Fact(*fact) for fact in facts), title=title, hint=hint)

    assert problems(made) == []
    assert not webhook_rules.slack_pings(slack(made))
    assert not webhook_rules.discord_pings(discord(made))
