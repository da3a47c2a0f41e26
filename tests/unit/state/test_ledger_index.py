"""An index of the ledger answers as the ledger does that is read anew, however it grew and was kept."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.database.edge_functions import record
from scripts.database.migrations import aftermath, known_state, measurements, rollback_scripts
from scripts.git.chain import Link, link_of, repeated
from scripts.state.ledger import FILE, Choice, Ledger
from scripts.state.ledger_bytes import decode, encode
from scripts.state.ledger_index import Index, blob_id
from scripts.state.read_chain import ledger_of
from tests.unit.state.test_event_rules import GOOD

NAMES = ("staging", "production", "qa")
COMMITS = tuple(letter * 40 for letter in "abcde")
TREES = {COMMITS[0]: "1" * 40, COMMITS[1]: "1" * 40, COMMITS[2]: "2" * 40}  # the others are not here
KINDS = (
    *("release", "release", "rollback", "release-hold", "freeze", "unfreeze", "proof", "approval"),
    *("restore", "begin", "canary"),
)
MAPPING = st.sampled_from([None, {}, {"x": {"seconds": 1}}])
EVENTS = st.builds(
    lambda core, detail: {**GOOD, "until": GOOD["at"], **core, **detail},
    st.fixed_dictionaries({
        "environment": st.sampled_from(NAMES),
        "kind": st.sampled_from(KINDS),
        "ending": st.sampled_from(("done", "done", "failed", "error", "?")),
        "release": st.integers(1, 9).map("v{}".format),
        "commit": st.sampled_from(COMMITS),
        "actor": st.sampled_from(("Ada", "Bob")),
        "run": st.integers(1, 30).map("r{}".format),
    }),
    st.fixed_dictionaries(
        {},
        optional={
            "bad": st.sampled_from(COMMITS),
            "what": st.sampled_from(("drill", "e2e", "rehearsal", 5)),
            "functions": MAPPING,
            "half_applied": MAPPING,
            "measured": MAPPING,
            "pull_request": st.just({"merged_as": COMMITS[4]}),
        },
    ),
)  # fmt: skip
CORRECTIONS = st.builds(
    lambda numbers, departed: {"corrects": numbers, "departed": departed},
    st.lists(st.integers(1, 12), max_size=2),
    st.lists(st.sampled_from(NAMES), max_size=1),
)
CHAINS = st.lists(EVENTS | EVENTS | EVENTS | CORRECTIONS | st.just("no JSON"), min_size=1, max_size=12)


def ids(number: int) -> str:
    """The id of a commit of the ledger."""
    return f"{number:040x}"


def texts_of(documents: Sequence[Mapping[str, Any] | str]) -> list[str]:
    """The files of a chain; a correction names commits before it."""
    texts = []
    for number, each in enumerate(documents, 1):
        if isinstance(each, str):
            texts.append(each)
        elif "corrects" in each:
            known = {"environment": "", "kind": "correction", "release": "", "commit": ""}
            corrects = [ids(other) for other in each["corrects"] if other < number]
            texts.append(json.dumps({**GOOD, **known, **each, "corrects": corrects}))
        else:
            texts.append(json.dumps(each))
    return texts


def links_of(texts: Sequence[str], after: int = 0) -> list[Link]:
    """The links after so many, as git's chain gives them: it knows no file of an earlier commit."""
    links, seen = list[Link](), set[str]()
    for number, text in enumerate(texts[after:], after + 1):
        parents = (ids(number - 1),) if number > 1 else ()
        link = link_of(ids(number), parents, FILE, text)
        if text in seen:
            link = Link(ids(number), parents, fault=repeated(FILE))
        seen.add(text)
        raw = text.encode()
        links.append(replace(link, blob=blob_id(raw), size=len(raw), text=text))
    return links


def kept(index: Index, texts: Sequence[str]) -> bytes:
    """The bytes of a file."""
    sizes = [index.ends[number] - index.start(number) for number in range(len(index))]
    return encode(index) + "".join(text for text, size in zip(texts, sizes, strict=True) if size).encode()


def reopened(raw: bytes, texts: Sequence[str]) -> Index | None:
    """The index in these bytes; git has the files."""
    found = decode(io.BytesIO(raw).read)
    if found is None:
        return None
    index, start = found
    files = {blob_id(text.encode()): text.encode() for text in texts}
    index.texts = lambda at, size: raw[start + at : start + at + size]
    index.blob = files.get
    return index


def grown(texts: Sequence[str], *cuts: int) -> Index:
    """The index, kept and reopened at each cut."""
    index = Index("")
    for cut in sorted({*cuts, len(texts)} - {0}):
        if not index.grow(ids(cut), links_of(texts[:cut], len(index))):
            index = Index("")
            assert index.grow(ids(cut), links_of(texts[:cut]))
        index.learn(TREES)
        again = reopened(kept(index, texts[:cut]), texts)
        assert again is not None
        index = again
    return index


def answers(ledger: Ledger) -> Iterator[object]:
    """All that the desk asks of a ledger."""
    yield from (ledger.tip, [*ledger.events], ledger.doubts, [*ledger.commits], ledger.merged)
    yield from ([*ledger.begun], ledger.departed, ledger.problems(["staging"]))
    yield from (ids(3) in ledger.commits, ids(99) in ledger.commits, ledger.events[-1:], ledger.count(None))
    yield rollback_scripts.proven(ledger)
    for name in NAMES:
        live = ledger.live(name)
        yield from (live, ledger.last(name), ledger.good(name), ledger.bad(name), ledger.hold(name))
        yield from (ledger.freeze(name, GOOD["at"]), ledger.next_release(name), ledger.count(name))
        yield from (ledger.live_behind(name, COMMITS[4]), known_state.live_state(ledger, name))
        yield from (aftermath.recorded(ledger, name), measurements.remembered(ledger, [], name))
        yield (record.recorded(ledger, name), live and record.recorded_at(ledger, live))
        for what in ("drill", "e2e"):
            yield from (ledger.proof(name, what), ledger.proofs(name, what), ledger.proofs("", what))
        for commit in COMMITS:
            same = {commit, COMMITS[0]}
            yield from (ledger.verdict(name, same), ledger.rolled_back(name, same))
            yield from (ledger.bad(name, same), ledger.approvals(name, {commit}, same))
            yield from (ledger.proofs(name, "e2e", {commit}), [*ledger.newest(Choice(name), about=same)])
        for kind in ("release", "begin"):
            yield from (ledger.of_run(f"r{number}", kind, name) for number in (1, 2, 3))


def alike(ledger: Ledger, commit: str) -> list[str]:
    """The commits of the ledger with the tree of this one, by what git has."""
    found = dict.fromkeys(ledger.named(TREES[commit]))
    return [each for each in found if each in TREES and TREES[each] == TREES[commit]]


@settings(deadline=None)
@given(CHAINS, st.sets(st.integers(1, 12), max_size=3))
def test_an_index_answers_as_the_ledger_that_is_read_anew(
    documents: list[dict[str, Any] | str], cuts: set[int]
) -> None:
    """In one go or in steps, with corrections, repeated files, and what is no event."""
    texts = texts_of(documents)
    fresh = ledger_of(ids(len(texts)), links_of(texts))
    found = grown(texts, *(cut for cut in cuts if cut < len(texts))).ledger()

    assert [*answers(found)] == [*answers(fresh)]
    for commit in COMMITS[:3]:
        assert alike(found, commit) == alike(fresh, commit)


SAMPLE = texts_of([
    {**GOOD, "release": f"v{number}", "run": f"r{number}", "commit": COMMITS[number % 5]}
    for number in range(1, 9)
])  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_byte_that_changed_gives_no_other_state(data: st.DataObject) -> None:
    """Damage is found out: at once, or by the id of the text that is read."""
    raw = bytearray(kept(grown(SAMPLE), SAMPLE))
    place = data.draw(st.integers(0, len(raw) - 1))
    change = data.draw(st.sampled_from(("flip", "cut", "insert", "zero", "tail")))
    if change == "flip":
        raw[place] ^= data.draw(st.integers(1, 255))
    elif change == "cut":
        del raw[place:]
    elif change == "insert":
        raw[place:place] = b"x"
    elif change == "zero":
        raw[place:] = bytes(len(raw) - place)
    else:
        del raw[:place]
    found = reopened(bytes(raw), SAMPLE)
    fresh = ledger_of(ids(len(SAMPLE)), links_of(SAMPLE))

    assert found is None or [*answers(found.ledger())] == [*answers(fresh)]


def test_a_text_that_is_wrong_is_read_from_git() -> None:
    """The bytes of the index are whole, those behind them are not."""
    raw = kept(grown(SAMPLE), SAMPLE)
    found = reopened(raw[:-300] + bytes(300), SAMPLE)
    assert found is not None
    asked, blob = list[str](), found.blob
    found.blob = lambda name: asked.append(name) or blob(name)  # type: ignore[func-returns-value]

    assert found.ledger().live("staging") == ledger_of(ids(8), links_of(SAMPLE)).live("staging")
    assert asked == [blob_id(SAMPLE[-1].encode())]


@pytest.mark.parametrize("name", ["FORMAT", "VERSION"])
def test_the_bytes_of_another_desk_are_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Of an older format, or of another version, which may read the events in another way."""
    raw = kept(grown(SAMPLE), SAMPLE)
    assert reopened(raw, SAMPLE) is not None
    monkeypatch.setattr(f"scripts.state.ledger_bytes.{name}", "another")

    assert reopened(raw, SAMPLE) is None


def test_few_texts_are_read() -> None:
    """What is live costs one, however many events there are."""
    texts = texts_of([
        {**GOOD, "release": f"v{number}", "run": f"r{number}", "environment": NAMES[number % 2]}
        for number in range(1, 200)
    ])  # fmt: skip
    index = grown(texts)
    read, texts_at = list[int](), index.texts
    index.texts = lambda at, size: read.append(at) or texts_at(at, size)  # type: ignore[func-returns-value]
    ledger = index.ledger()
    live = ledger.live("staging")

    assert (live and live.release, ledger.next_release("staging"), ledger.count("staging")) == (
        "v198",
        "v199",
        99,
    )
    assert live is not None
    assert ledger.hold("staging") is None
    assert (record.recorded(ledger, "staging"), record.recorded_at(ledger, live)) == ({}, {})
    assert (known_state.live_state(ledger, "staging"), aftermath.recorded(ledger, "staging")) == (
        live,
        None,
    )
    assert len(read) == 1
