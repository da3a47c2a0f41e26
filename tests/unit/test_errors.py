"""The one error family."""

from __future__ import annotations

import pytest

from scripts import errors

CODES: dict[type[errors.DeskError], int] = {
    errors.DeskError: 1,
    errors.Refused: 1,
    errors.ConfigError: 1,
    errors.ReleaseFailed: 1,
    errors.TakenBack: 1,
    errors.CommandFailed: 3,
    errors.DiskFull: 3,
    errors.Unreachable: 3,
    errors.Unanswered: 3,
    errors.CommandTimedOut: 4,
    errors.Locked: 5,
    errors.Declined: 6,
    errors.LiveUnknown: 7,
    errors.Interrupted: 130,
}


def family(root: type[errors.DeskError]) -> set[type[errors.DeskError]]:
    """A class and all that derive from it."""
    return {root}.union(*(family(each) for each in root.__subclasses__()))


def test_the_table_of_codes_is_whole() -> None:
    """Every error of the family has its code of the design, and none is forgotten here."""
    assert {each: each.code for each in family(errors.DeskError)} == CODES


@pytest.mark.parametrize("kind", [each for each in CODES if each is not errors.TakenBack])
def test_message_and_hint_are_kept(kind: type[errors.DeskError]) -> None:
    """What is said, and what can be typed instead, travel with the error."""
    fault = kind("what", "hint")

    assert ("what", "what", "hint", {}) == (str(fault), fault.message, fault.hint, dict(fault.data))
    assert kind("what").hint is None


def test_what_was_taken_back_knows_whether_it_was_bad() -> None:
    """A commit that was undone for another reason may come again."""
    fault = errors.TakenBack("what", bad=False)

    assert ("what", None, False) == (fault.message, fault.hint, fault.bad)


def test_the_docstring_draws_the_family_as_it_is() -> None:
    """The tree at the top of the file names every class with its code."""
    lines = (errors.__doc__ or "").splitlines()

    for kind, code in CODES.items():
        if kind is not errors.DeskError:
            (line,) = (line for line in lines if f"── {kind.__name__} " in line)

            assert str(code) == line.split(kind.__name__)[1].split()[0]


def test_only_a_person_declines_and_only_doubt_is_unknown() -> None:
    """`ending` differs from `failed` in two cases alone."""
    endings = {each.__name__: each.ending for each in CODES if each.ending != "failed"}

    assert {"Declined": "declined", "LiveUnknown": "unknown"} == endings
