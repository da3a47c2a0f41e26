"""What is done to a history: recorded, dropped, or left to a person."""

from __future__ import annotations

from scripts.database.adopt import judge
from scripts.database.adopt.history import Adoption, adoption, lines
from scripts.database.migrations.files import Applied
from tests.unit.database.adopt.samples import INIT, NOTE, NOTED, SEED, STEPS, WIDE

VERDICTS = judge.judge(STEPS, WIDE)


def test_what_stands_is_recorded_and_what_can_not_be_told_is_not() -> None:
    """Unless a person says so."""
    assert adoption(VERDICTS, (), (), whole=True) == Adoption(("1", "2", "3"))
    assert adoption(VERDICTS, (), ("4",), whole=True).record == ("1", "2", "3", "4")
    assert not adoption(VERDICTS, [Applied(each) for each in "123"], (), whole=True)


def test_what_is_older_than_what_stands_and_is_not_recorded_is_told() -> None:
    """The next release would refuse it as too late."""
    part = (*judge.judge(STEPS[:2], {"table t": {"policy p": "policy p true"}}), *VERDICTS[2:])

    assert adoption(part, (), (), whole=False).late == ("1", "2")


def test_rows_of_the_same_text_under_another_version_give_their_place() -> None:
    """Also of a file that writes rows alone: that text was applied."""
    history = [Applied("100", "x", (INIT.sql,)), Applied("400", "seed", (SEED.sql,)), Applied("9", "note")]
    found = adoption(VERDICTS, history, (), whole=False)

    assert found.record == ("1", "2", "3", "4")
    assert dict(found.drop) == {
        "100": "`1_init.sql` is the same",
        "400": "`4_seed.sql` is the same",
        "9": "`2_note.sql` is the same",
    }


def test_a_squashed_history_is_dropped_where_the_files_make_all_that_stands() -> None:
    """And kept where something else stands, or the row is newer than the files."""
    history = [Applied("0", "a", ("select 1",)), Applied("3", "b", ("select 2",)), Applied("7", "c")]
    whole = adoption(VERDICTS[:3], history, (), whole=True)
    other = adoption(VERDICTS[:3], history, (), whole=False)

    assert (whole.record, whole.dropped, whole.kept) == (("1", "2", "3"), ("0",), ("7",))
    assert (other.dropped, other.kept) == ((), ("0", "7"))


def test_each_file_has_a_line() -> None:
    """What stands, what is done about it, and what only a person knows."""
    known = [Applied("2", "note", (NOTE.sql,)), Applied("8")]
    verdicts = judge.judge(STEPS, NOTED)
    found = adoption(verdicts, known, (), whole=False)

    assert list(lines(verdicts, found, {"2", "8"}, 3)) == [
        "1_init.sql: stands; to be recorded",
        "2_note.sql: stands; recorded already",
        "3_wider.sql: does not stand; not recorded, and older than what is",
        "4_seed.sql: can't be told; not recorded, and older than what is",
        "  it writes rows alone, which no schema shows",
        "  not to be seen in a schema: inserts into t",
        "8: in the history, and no file has it",
    ]
