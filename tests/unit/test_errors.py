"""The one error family."""

from __future__ import annotations

import pytest

from scripts import errors

CODES: dict[type[errors.DeskError], int] = {
    errors.DeskError: 1,
    errors.Refused: 1,
    errors.ConfigError: 1,
    errors.BackupFault: 1,
    errors.ReleaseFailed: 1,
    errors.TakenBack: 1,
    errors.UsageError: 2,
    errors.CommandFailed: 3,
    errors.DiskFull: 3,
    errors.Unreachable: 3,
    errors.Unanswered: 3,
    errors.PushRefused: 3,
    errors.CommandTimedOut: 4,
    errors.Locked: 5,
    errors.Declined: 6,
    errors.LiveUnknown: 7,
    errors.Interrupted: 130,
}


def family(root: type[errors.DeskError]) -> set[type[errors.DeskError]]:
    """A class and its subclasses, at any depth."""
    return {root}.union(*(family(child) for child in root.__subclasses__()))


def test_the_table_of_codes_is_whole() -> None:
    """Every error of the family has its code of the design, and none is forgotten here."""
    kinds = family(errors.DeskError)
    own = {kind for kind in kinds if kind.__module__ == errors.__name__}

    assert {kind: kind.code for kind in own} == CODES
    assert all(kind.code == kind.__mro__[1].code for kind in kinds - own)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [kind for kind in CODES if kind is not errors.TakenBack])
def test_message_and_hint_are_kept(kind: type[errors.DeskError]) -> None:
    """Message and hint are attributes of the error; the message is also its text."""
    fault = kind("what", "hint")

    assert (str(fault), fault.message, fault.hint, dict(fault.data)) == ("what", "what", "hint", {})
    assert kind("what").hint is None


def test_a_run_that_was_undone_says_whether_its_commit_is_bad() -> None:
    """A commit that was undone for another reason may be released again."""
    fault = errors.TakenBack("what", bad=False)

    assert (fault.message, fault.hint, fault.bad) == ("what", None, False)


def test_the_docstring_draws_the_family_as_it_is() -> None:
    """The tree at the top of the file names every class with its code."""
    lines = (errors.__doc__ or "").splitlines()

    for kind, code in CODES.items():
        if kind is not errors.DeskError:
            (line,) = (line for line in lines if f"── {kind.__name__} " in line)

            assert line.split(kind.__name__)[1].split()[0] == str(code)


def test_two_errors_have_an_ending_of_their_own() -> None:
    """Every ending is `failed` except where a person declined, or where what is live is unknown."""
    endings = {kind.__name__: kind.ending for kind in CODES if kind.ending != "failed"}

    assert endings == {"Declined": "declined", "LiveUnknown": "unknown"}
