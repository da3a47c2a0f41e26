"""What is written in the ledger by hand is checked before it is used."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.state.event_rules import fault_of, newer

GOOD: dict[str, Any] = {
    "environment": "staging",
    "kind": "release",
    "ending": "done",
    "release": "v3",
    "commit": "a" * 40,
    "actor": "Ada",
    "at": "2030-01-01T00:00:00+00:00",
    "run": "0123456789ab",
}
WRONG: list[tuple[str, list[Any]]] = [
    (
        "commit",
        [None, "", 7, True, [], {}, "a" * 39, "a" * 41, "A" * 40, "--upload-pack=x", f"{'a' * 40}\n"],
    ),
    ("environment", [None, "", 7, "***", "../x", "--all", "Staging", "a" * 32, "st\nging", ["staging"]]),
    ("kind", [None, "", 7, [], {"a": 1}, "../release", "--kind"]),
    ("ending", [None, "", "ok", 1, [], {}]),
    ("release", [None, "", "v0", "3", "v-1", "v" + "9" * 30, "v1; x", 3]),
    ("actor", [None, "", 7, "x" * 300, {"name": "Ada"}]),
    ("at", [None, "", "today", "2030-01-01", "2030-01-01T00:00:00", 5, "9" * 400]),
    ("run", [None, "", "../../x", "a b", "x" * 65, "-x/../y", 9]),
    ("steps", [5, "x", {}, [5], [{}], [{"name": 1, "seconds": 1}], [{"name": "x", "seconds": "1"}]]),
    ("tables", [5, "x", {}, [5]]),
    ("bad", [5, "", "--x", "abc", []]),
    ("schema", [5, [], {}]),
    ("built_for", [5, [], {}]),
    ("restored", [5, "x", []]),
    ("half_applied", [5, "x", [], {"stands": 5}, {"others": "x"}]),
    ("bytes", ["x", [], True, float("nan"), float("inf")]),
    ("version", ["1", [], True, float("nan")]),
]  # fmt: skip


def test_what_the_desk_writes_is_good() -> None:
    """A release; a restore, whose `tables` are something else; a correction, of no environment."""
    restore = {**GOOD, "kind": "restore", "release": "", "commit": "", "tables": {"a": 1}, "until": 5}
    correction = {**restore, "kind": "correction", "environment": "", "corrects": ["b" * 40]}

    assert [fault_of(each) for each in (GOOD, {**GOOD, "bad": None}, restore, correction)] == [""] * 4


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, value) for key, values in WRONG for value in values],
    ids=lambda each: repr(each)[:20],
)
def test_a_value_that_no_desk_writes_is_named(key: str, value: Any) -> None:
    """By its key."""
    fault = fault_of({**GOOD, key: value})

    if value is None and key not in GOOD:
        assert fault == ""
    else:
        assert fault.startswith(f"its `{key}` ")


@pytest.mark.parametrize("key", GOOD)
def test_a_key_that_is_not_there_is_named(key: str) -> None:
    """Every desk writes them all."""
    document = {name: value for name, value in GOOD.items() if name != key}

    assert fault_of(document) == f"its `{key}` is missing"


@pytest.mark.parametrize("until", [None, "", "zzzz", 5, "2030-01-01", []])
def test_a_freeze_has_an_end(until: Any) -> None:
    """Otherwise it would last for ever, or not at all."""
    assert fault_of({**GOOD, "kind": "freeze", "until": until}).startswith("its `until` ")


@pytest.mark.parametrize("corrects", [None, 5, "a" * 40, [5], ["x"]])
def test_a_correction_names_commits(corrects: Any) -> None:
    """Whole ids."""
    document = {**GOOD, "kind": "correction", "corrects": corrects}

    assert fault_of(document).startswith("its `corrects` ")


def test_a_newer_desk_is_known_by_version_and_kind() -> None:
    """Its other keys are no sign: they are kept as they are."""
    assert newer(GOOD) == newer({**GOOD, "version": 1, "colour": "red"}) == ""
    assert newer({**GOOD, "version": 2}) == "its format has version 2"
    assert newer({**GOOD, "kind": "canary"}) == "it is of the kind `canary`"
    assert newer({**GOOD, "kind": ["release"], "version": "9"}) == ""
