"""The benches that were asked for, and what becomes of one that can't measure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.errors import UsageError
from scripts.setup import bench as workflow
from scripts.setup.request import BenchRequest
from tests.bench import report
from tests.bench.benches import BENCHES
from tests.bench.clock import Spent, spend
from tests.bench.plan import Bench, Broken, Limit, Run
from tests.bench.run import chosen, run_all
from tests.bench.turns import Row
from tests.fakes.world import Notes
from tests.support.processes import PYTHON

WHERE = {"cores": 2, "load": 0.1}
DOUBLE = Row.of("x", [Spent(2.0, 0.1)], [Spent(1.0, 0.1)], beside="y", limit=Limit(ratio=1.3))


def one_row(_run: Run) -> Iterator[Row]:
    """A bench over its limit."""
    yield DOUBLE


def breaks(_run: Run) -> Iterator[Row]:
    """A bench that breaks after its first row."""
    yield DOUBLE
    raise Broken("no server answers")


GOOD, BROKEN = Bench("good", "it", "1.3 x", one_row), Bench("broken", "it", "1.3 x", breaks)
LACKING = Bench("lacking", "it", "none", one_row, lambda: "`wrk`: apt-get install wrk")


def test_benches_are_chosen_by_name() -> None:
    """All without a name; repeated or with commas; an unknown one is refused with those there are."""
    every = (GOOD, BROKEN, LACKING)

    assert chosen(every, []) == [*every]
    assert chosen(every, ["lacking, good", "broken"]) == [LACKING, GOOD, BROKEN]
    with pytest.raises(Broken, match="no bench `x`; there are good, broken, lacking"):
        chosen(every, ["x"])


def test_names_are_unique_and_every_bench_has_words() -> None:
    """They are what `--only` takes."""
    assert len({bench.name for bench in BENCHES}) == len(BENCHES)
    assert [bench.name for bench in BENCHES if not (bench.about and bench.limit)] == []


def test_a_bench_that_can_not_measure_is_told_of_and_stops_nothing() -> None:
    """What is missing is named with its package; what broke keeps its rows."""
    said: list[str] = []
    kept: list[int] = []
    results = run_all(
        (LACKING, BROKEN, GOOD),
        runs=1,
        size="small",
        say=said.append,
        keep=lambda all_: kept.append(len(all_)),
    )
    found = report.document(results, WHERE, 1, "small")
    text = report.markdown(results, WHERE, 1, "small")

    assert [result.state for result in results] == ["not run", "failed", "ran"]
    assert kept == [1, 2, 3]
    assert [len(result.rows) for result in results] == [0, 1, 1]
    assert (found["over"], found["ok"]) == (2, 0)
    assert "not run: `wrk`: apt-get install wrk" in text
    assert "failed: no server answers" in text
    assert "| x | 2 | 0.1 | y | 1 | 0.1 | 2.00 (2.00 to 2.00) | 1.3 x | over |" in text
    assert "lacking: not run: `wrk`: apt-get install wrk" in said


def test_the_children_of_a_program_count(tmp_path: Path) -> None:
    """Its CPU seconds include those of a child that it waits for; what fails is quoted."""
    child = "sum(range(10**7))"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    idle = spend(PYTHON, "-c", "pass", cwd=tmp_path)

    assert spend(PYTHON, "-c", parent, cwd=tmp_path).cpu > 2 * idle.cpu
    with pytest.raises(Broken, match=r"ended with 3\n  . told"):
        spend(PYTHON, "-c", "print('told'); raise SystemExit(3)", cwd=tmp_path)
    with pytest.raises(Broken, match="can't run `no-such-program`"):
        spend("no-such-program", cwd=tmp_path)


def called(tmp_path: Path, notes: Notes | None = None, **more: Any) -> Outcome:
    """The workflow, with its output in a folder of the test's own."""
    return workflow.bench(notes or Notes(), BenchRequest(out=str(tmp_path / "out"), **more))


def test_a_bench_from_end_to_end(tmp_path: Path) -> None:
    """The task starts it, shows its table, and has its document; no figure makes it fail."""
    notes = Notes()
    ended = called(tmp_path, notes, only="startup", runs=1)

    assert ended.code == 0, ended.message
    assert ended.data["benches"][0]["rows"][0]["case"] == "`invoke --list`"
    assert ended.data["ok"] + ended.data["over"] == 4
    assert "### startup: ran" in (tmp_path / "out" / "bench.md").read_text()
    assert any("bare `invoke --list`" in line for line in notes.lines)


def test_the_benches_are_listed(tmp_path: Path) -> None:
    """With what each lacks here; nothing runs."""
    ended = called(tmp_path, limits=True)

    assert (ended.code, [each["name"] for each in ended.data["benches"]]) == (0, [b.name for b in BENCHES])


def test_benches_that_can_not_begin_are_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of the tests may be missing; the figures of an older run are not taken for new ones."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "bench.json").write_text("{}")
    monkeypatch.setattr(workflow, "stream_lines", lambda _command, tell: tell("no module") or 1)
    ended = called(tmp_path)

    assert (ended.code, ended.message) == (1, "the benches ended with 1")


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"only": "no-such"}, "there is no bench `no-such`"),
        ({"size": "huge"}, "there is no size `huge`"),
        ({"runs": 0}, "`--runs` is at least 1"),
    ],
)
def test_what_can_not_be_asked_is_refused(tmp_path: Path, asked: dict[str, Any], problem: str) -> None:
    """Before anything is measured."""
    with pytest.raises(UsageError, match=problem):
        called(tmp_path, **asked)


@pytest.mark.parametrize(
    ("strict", "over", "state", "code"),
    [
        (False, 1, "ran", 0),
        (True, 1, "ran", 1),
        (True, 0, "ran", 0),
        (False, 0, "not run", 0),
        (True, 0, "not run", 1),
        (False, 0, "failed", 1),
    ],
)
def test_only_strict_fails_for_a_limit(strict: bool, over: int, state: str, code: int) -> None:
    """A bench that failed is a failure in any case."""
    found = {"ok": 0, "over": over, "benches": [{"state": state}]}

    assert workflow._judged(found, BenchRequest(strict=strict), Path("out")).code == code
