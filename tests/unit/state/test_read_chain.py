"""The events of the ledger, whatever stands between them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.database.backups import catalog
from scripts.database.migrations import aftermath, known_state, measurements, rollback_scripts
from scripts.database.restore.plan import last_rate
from scripts.git.chain import Link
from scripts.quality.gates import Candidate, check_gates
from scripts.state.event_rules import KINDS
from scripts.state.ledger import Ledger
from scripts.state.read_chain import ledger_of
from tests.support.tables import environment
from tests.unit.state.test_event_rules import GOOD


def ids(number: int) -> str:
    """The id of a commit of the ledger."""
    return f"{number:040x}"


def ledger(*documents: dict[str, Any] | str, parents: dict[int, tuple[str, ...]] | None = None) -> Ledger:
    """The ledger of these events; a text is the fault of a commit that is none. `parents`: more of them."""
    links = [
        Link(ids(n), (ids(n - 1), *(parents or {}).get(n, ())), fault=each)
        if isinstance(each, str)
        else Link(ids(n), (ids(n - 1), *(parents or {}).get(n, ())), each)
        for n, each in enumerate(documents, 1)
    ]
    return ledger_of(ids(len(links)), links)


def release(number: int, **changes: Any) -> dict[str, Any]:
    """A release on staging."""
    return {**GOOD, "release": f"v{number}", "run": f"r{number}", "commit": f"{number}" * 40, **changes}


def correction(*numbers: int, **more: Any) -> dict[str, Any]:
    """A correction of these commits of the ledger."""
    known = {
        "environment": "",
        "kind": "correction",
        "release": "",
        "commit": "",
        "corrects": [*map(ids, numbers)],
    }
    return {**GOOD, **known, **more}  # fmt: skip


def test_what_is_no_event_is_skipped_and_named() -> None:
    """The others count as if it were not there."""
    found = ledger(release(1), "it holds no file", release(2), release(3, commit="--upload-pack=x"))

    assert [event.release for event in found.events] == ["v1", "v2"]
    assert [(doubt.commit, doubt.why) for doubt in found.skipped] == [
        (ids(2), "it holds no file"),
        (ids(4), "its `commit` is no commit id"),
    ]
    assert len(found.problems(["staging"])) == 2


def test_a_release_id_is_never_used_twice() -> None:
    """Not even that of a release that is skipped, or was taken back."""
    assert ledger(release(1), release(2, ending="?")).next_release("staging") == "v3"
    assert ledger(release(1), release(2), release(3), correction(3)).next_release("staging") == "v4"
    assert (
        ledger(release(1), release(2), {"kind": "release", "release": "v99"}).next_release("staging")
        == "v3"
    )


def test_a_corrected_commit_neither_counts_nor_is_named() -> None:
    """Whether it was no event or a wrong one; the correction can be corrected as well."""
    events = release(1), "no JSON", release(2)
    settled = ledger(*events, correction(2, 3))
    undone = ledger(*events, correction(2, 3), correction(4))

    assert ([event.release for event in settled.events], settled.doubts) == (["v1", ""], ())
    assert [event.release for event in undone.events] == ["v1", "v2", ""]
    assert [doubt.commit for doubt in undone.doubts] == [ids(2)]


def test_a_newer_desk_is_named_and_what_is_known_of_it_counts() -> None:
    """An event that this desk could not use is skipped as well."""
    found = ledger(release(1, version=2), {**release(2), "kind": "canary"}, release(3, version=2, commit=5))

    assert [event.release for event in found.events] == ["v1", "v2"]
    assert [doubt.newer for doubt in found.doubts] == [True, True, True]
    assert found.skipped == ()
    assert all("was written by a newer desk" in problem for problem in found.problems(["staging"]))


def test_a_merge_by_hand_is_named() -> None:
    """Only a decision between two ledgers is a merge; then the other one is known."""
    accept = {**correction(), "kind": "accept"}
    by_hand = ledger(release(1), release(2), parents={2: (ids(9),)})
    decided = ledger(release(1), accept, parents={2: (ids(9),)})

    assert ([doubt.why for doubt in by_hand.doubts], by_hand.merged) == (["it is a merge"], ())
    assert (decided.doubts, decided.merged) == ((), (ids(9),))


def test_events_of_an_environment_that_left_are_named_until_that_is_said() -> None:
    """They stay in the ledger."""
    found = ledger(release(1), release(1, environment="qa"), release(2, environment="qa"))
    said = "the ledger has 2 events of `qa`, which is no environment of the chain"
    left = ledger(release(1), release(1, environment="qa"), correction(departed=["qa"]))

    assert (found.problems(["staging"]), found.problems(["staging", "qa"])) == ((said,), ())
    assert left.problems(["staging"]) == ()
    assert left.live("qa") is not None


TEXT = st.text(max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
KEYS = (
    *(
        "environment",
        "ending",
        "release",
        "commit",
        "at",
        "run",
        "steps",
        "tables",
        "bad",
        "schema",
        "what",
    ),
    *("built_for", "restored", "half_applied", "bytes", "until", "reason", "measured", "pairs", "backup"),
    *("removed", "machine", "place", "proven", "rows", "seconds", "level", "digest", "report", "to", "for"),
    *(
        "things",
        "load",
        "alike",
        "corrects",
        "departed",
        "manifest",
        "bucket",
        "version",
        "actor",
        "of_run",
    ),
)
DOCUMENTS = st.builds(
    lambda kind, changes: {**GOOD, "kind": kind, "corrects": [], **changes},
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3),
)


@settings(deadline=None)
@given(st.lists(DOCUMENTS | st.dictionaries(TEXT, JSON, max_size=3), max_size=4))
def test_whatever_stands_there_no_reader_fails(documents: list[dict[str, Any]]) -> None:
    """Every question that the desk asks of the ledger has an answer."""
    found = ledger(release(1), *documents)
    staging = environment("staging")
    for name in ("staging", "production"):
        live = found.live(name)
        for answer in (found.good, found.bad, found.hold, found.next_release, found.last):
            answer(name)
        found.freeze(name, GOOD["at"])
        found.approvals(name, "a" * 40)
        catalog.records(found, name)
        catalog.needed_by_releases(found, name)
        measurements.remembered(found, [], name)
        last_rate(found.events, name)
        rollback_scripts.proven(found)
        half = aftermath.recorded(found, name)
        if half:
            aftermath.still_standing(half[0], {})
            aftermath.reminder(*half)
        state = known_state.live_state(found, name)
        if live and state:
            list(known_state.problems(state, ["1"], [], []))
    for gate in check_gates(Candidate("a" * 40, staging, found, GOOD["at"]), staging.gates):
        str(gate)
    found.problems(["staging"])
    assert len(found.events) + len(found.doubts) >= len(documents)
