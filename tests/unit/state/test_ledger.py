"""What the events of the ledger say together."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scripts.state.ledger import Event, Ledger, event_of

A, B, C = "a" * 40, "b" * 40, "c" * 40


def event(release: str = "v1", commit: str = A, ending: str = "done", **more: Any) -> Event:
    """A release on staging."""
    known: dict[str, Any] = {
        "environment": "staging",
        "kind": "release",
        "actor": "Ada",
        "at": "2024",
        "run": "r",
    }
    return Event(**{**known, **more}, release=release, commit=commit, ending=ending)


def ledger(*events: Event) -> Ledger:
    """A ledger of these events."""
    return Ledger("tip", events)


EMPTY = Ledger(None, ())


def test_an_empty_ledger_knows_nothing() -> None:
    """Before the first release there is no live one, no verdict, and the next is v1."""
    assert EMPTY.live("staging") is None
    assert EMPTY.last("staging") is None
    assert EMPTY.verdict("staging", A) is None
    assert "v1" == EMPTY.next_release("staging")


def test_releases_are_counted_per_environment() -> None:
    """Each environment has its own numbers; failed attempts and rollbacks count, other kinds don't."""
    found = ledger(
        event("v1"),
        event("v1", environment="production"),
        event("v2", ending="failed"),
        event("v3", ending="error"),
        event("v4", kind="rollback"),
        event("", kind="freeze"),
        event("", kind="proof"),
    )

    assert ("v5", "v2", "v1") == tuple(map(found.next_release, ("staging", "production", "development")))


def test_live_is_the_last_that_was_proven() -> None:
    """Failed releases and errors leave the one before them live."""
    found = ledger(event("v1", A), event("v2", B), event("v3", C, "failed"), event("v4", C, "error"))

    assert (found.events[1], None) == (found.live("staging"), found.live("production"))


def test_a_rollback_makes_its_commit_live() -> None:
    """After a rollback the commit that it brought back is the live one."""
    found = ledger(event("v1", A), event("v2", B), event("v3", A, kind="rollback"))

    assert ("v3", A) == ((live := found.live("staging")) and live.release, live and live.commit)


def test_other_kinds_make_nothing_live() -> None:
    """An approval or a backup that is done says nothing about what is live."""
    found = ledger(event("v1", A), event("", B, kind="approval"), event("", C, kind="backup"))

    assert found.events[0] == found.live("staging") == found.last("staging")


def test_the_last_is_the_newest_however_it_ended() -> None:
    """`last` sees failures and errors as well."""
    found = ledger(event("v1", A), event("v2", B, "error"), event("v9", environment="production"))

    assert found.events[1] == found.last("staging")


def test_the_verdict_is_the_last_judgement() -> None:
    """A later success lifts a failure, a later failure a success; an error judges nothing."""
    found = ledger(
        event("v1", A, "failed"),
        event("v2", A),
        event("v3", B),
        event("v4", B, "failed"),
        event("v5", A, "error"),
    )

    assert (found.events[1], found.events[3]) == (found.verdict("staging", A), found.verdict("staging", B))
    assert found.verdict("staging", C) is None
    assert found.verdict("production", A) is None


TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXT),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
CORE = ("environment", "kind", "ending", "release", "commit", "actor", "at", "run")
EVENTS = st.builds(
    lambda core, detail: {**detail, **core},
    st.fixed_dictionaries(dict.fromkeys(CORE, TEXT.filter(str.isprintable))),
    st.dictionaries(TEXT, JSON, max_size=4),
)


@given(EVENTS)
def test_unknown_keys_survive(document: dict[str, Any]) -> None:
    """What an older desk does not know, it keeps and writes back."""
    assert document == event_of(json.loads(json.dumps(document))).document()


def test_a_detail_never_hides_the_core() -> None:
    """A detail that is called like a field of the event does not replace it."""
    assert A == event(detail={"commit": B, "schema": "7"}).document()["commit"]


def test_a_key_that_is_not_there_is_empty() -> None:
    """An event of another desk that lacks keys, or has null for them, can be read."""
    assert Event("", "", "", "", "", "", "", "") == event_of({})
    assert "" == event_of({"release": None}).release


def test_the_subject_is_one_line_for_people() -> None:
    """`git log deploy-ledger` reads as a history."""
    assert "staging v1 release aaaaaaaaaaaa done" == event().subject


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["done", "failed", "error"]))))
def test_release_ids_never_repeat(kinds: list[tuple[str, str]]) -> None:
    """However releases end and mix, each environment counts v1, v2, v3 ..."""
    found = EMPTY
    given_ids: dict[str, list[str]] = {"a": [], "b": []}
    for environment, ending in kinds:
        release = found.next_release(environment)
        given_ids[environment].append(release)
        found = ledger(*found.events, event(release, A, ending, environment=environment))

    for ids in given_ids.values():
        assert [f"v{number}" for number in range(1, len(ids) + 1)] == ids
