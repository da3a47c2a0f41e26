"""`test` and `check` run programs, and end as they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.setup import request, self_check
from scripts.system.command import Command
from tests.fakes.world import Notes

MEETING = """
import pathlib, sys, time
print("begin {name}", flush=True)
pathlib.Path("{name}.begun").touch()
for _ in range(1500):
    if pathlib.Path("{other}.begun").exists():
        print("{name} met")
        sys.exit({code})
    time.sleep(0.02)
sys.exit(9)
"""


def test_every_program_runs_and_the_failed_ones_are_named() -> None:
    """One that failed does not stop the next."""
    notes = Notes()
    outcome = self_check.run_all(notes, (("no_such_module_x7",), ("this",)))

    assert (outcome.code, outcome.data["failed"]) == (1, ["no_such_module_x7"])
    assert self_check.run_all(notes, (("this",),)).code == 0


def test_those_of_a_group_run_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ends only once the other has begun; what passed shows its last line, what failed shows all."""
    for name, other in (("first", "second"), ("second", "first")):
        (tmp_path / f"{name}.py").write_text(
            MEETING.format(name=name, other=other, code=int(name == "second"))
        )
    monkeypatch.setattr(self_check, "DESK", tmp_path)
    notes = Notes()
    outcome = self_check.run_all(notes, (("first",), ("second",)))

    assert (outcome.code, outcome.data["failed"]) == (1, ["second"])
    assert [line for line in notes.lines if "$" not in line] == ["first met", "begin second\nsecond met"]


def test_the_tests_can_be_chosen_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-k` is handed to pytest; `--no-tests` runs the checks alone."""
    ran: list[object] = []
    monkeypatch.setattr(self_check, "run_all", lambda _progress, *groups: ran.append(groups))
    self_check.test(Notes(), request.TestRequest(k="one"))
    self_check.test(Notes(), request.TestRequest(k=""))
    self_check.check(Notes(), request.SelfCheckRequest(tests=True))
    self_check.check(Notes(), request.SelfCheckRequest(tests=False))
    chosen, every, checks = (*self_check.TESTS, "-k", "one"), self_check.TESTS, self_check.CHECKS

    assert ran == [((chosen,),), ((every,),), (checks, (every,)), (checks,)]


def test_bytecode_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the machine's setting forbids it: the tests call the desk a thousand times."""
    ran: list[Command] = []
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("DESK_LONG", "0")
    monkeypatch.setattr(self_check, "stream_lines", lambda command, _show: ran.append(command))
    self_check.run_all(Notes(), (("this",),))

    assert ("PYTHONDONTWRITEBYTECODE" in ran[0].env, ran[0].env["DESK_LONG"]) == (False, "0")
