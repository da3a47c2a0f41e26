"""`test-app`: a clean checkout of the very commit, confined; what becomes a proof."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.config.settings import App, AppTests
from scripts.errors import CommandFailed, DeskError, Refused, ReleaseFailed, UsageError
from scripts.quality.app_tests.command import test_app as run_app_tests
from scripts.quality.request import AppTestRequest
from scripts.replit.live import Expected
from tests.fakes.world import World, ending

PASSES = "print('2 passed')"
REPORTS = "open('r.xml', 'w').write('<testsuite><testcase name=\"a\"/></testsuite>')"


def run(world: World, script: str, **request: Any) -> Outcome:
    """Run a suite whose command is this Python text, in a commit that holds `file`."""
    settings = world.settings
    tests: dict[str, Any] = {key: request.pop(key) for key in list(request) if key.endswith("_report")}
    install = request.pop("install", "print('installed')")
    command = (sys.executable, "-c", script)
    desk = world.desk("Quinn")
    world.clock.sleep(1)  # a folder of reports is named by its second
    object.__setattr__(settings, "tests", AppTests(unit=command, integration=command, **tests))
    object.__setattr__(settings, "app", App(install=(sys.executable, "-c", install)))
    return run_app_tests(desk, AppTestRequest(**request))


def test_a_pass_is_a_proof_of_the_very_commit(world: World) -> None:
    """Its files are there, the branch's head is tested, and no value of an environment is in reach."""
    commit = world.commit("develop", {"file": "the files"})
    look = (
        "import os; assert open('file').read() == 'the files';"
        " assert os.environ['TEST_COMMIT'] and os.environ['CI'] == 'true';"
        " assert not {'DATABASE_URL', 'TEST_URL', 'REPLIT_MCP_TOKEN'} & set(os.environ); "
    )
    outcome = run(world, look + PASSES)
    (proof,) = world.ledger.proofs("", "unit")

    assert (outcome.ending, outcome.data["tests"]["passed"]) == ("done", 2)
    assert (proof.environment, proof.commit, proof.ending) == ("development", commit, "done")
    assert proof.detail["digest"].startswith("sha256:")
    assert Path(outcome.data["reports"], "output.txt").read_text() == "2 passed\n"


def test_a_failure_is_a_proof_too(world: World) -> None:
    """It revokes an earlier pass."""
    outcome = run(world, "print('1 failed'); raise SystemExit(1)", sha="staging")

    assert (outcome.code, outcome.data["verdict"]) == (1, "failed")
    assert [each.ending for each in world.ledger.proofs("", "unit")] == ["failed"]


@pytest.mark.parametrize("script", ["print('0 passed')", "print('all fine')"])
def test_no_tests_prove_nothing(world: World, script: str) -> None:
    """Nor does a number that is not known."""
    outcome = run(world, script)

    assert (outcome.code, outcome.data["verdict"]) == (1, "inconclusive")
    assert world.ledger.proofs("", "unit") == ()


def test_a_report_decides_where_one_is_named(world: World) -> None:
    """One that was committed is not taken for it."""
    world.commit("develop", {"r.xml": '<testsuite><testcase name="old"/></testsuite>'})
    stale = run(world, PASSES, unit_report="r.xml")
    fresh = run(world, REPORTS, unit_report="r.xml")

    assert stale.data["verdict"] == "infrastructure"
    assert (fresh.data["verdict"], fresh.data["tests"]["passed"]) == ("passed", 1)


def test_a_report_that_is_a_link_is_not_read(world: World, tmp_path: Path) -> None:
    """Neither itself, nor a folder above it."""
    (tmp_path / "r.xml").write_text('<testsuite><testcase name="a"/></testsuite>')
    links = [f"os.symlink({str(tmp_path / 'r.xml')!r}, 'r.xml')", f"os.symlink({str(tmp_path)!r}, 'd')"]
    for link, name in zip(links, ("r.xml", "d/r.xml"), strict=True):
        outcome = run(world, f"import os; {link}; {PASSES}", unit_report=name)

        assert outcome.data["verdict"] == "infrastructure"


def test_packages_that_can_not_be_installed_are_told(world: World) -> None:
    """Nothing was tested, and nothing is proven."""
    fault = ending(lambda: run(world, PASSES, install="raise SystemExit(7)"))

    assert isinstance(fault, CommandFailed)
    assert "nothing was tested: " in fault.message
    assert world.ledger.proofs("", "unit") == ()


def test_integration_tests_go_to_what_is_live_there(world: World) -> None:
    """They get the address; another commit that is served is not tested, and none where customers are."""
    look = "import os; assert os.environ['TEST_URL'] == 'https://staging.example.org'; "
    outcome = run(world, look + PASSES, suite="integration")
    (proof,) = world.ledger.proofs("staging", "integration")

    assert (outcome.ending, proof.commit) == ("done", world.head("staging"))

    world.drivers["staging"].serve(Expected("b" * 40, "staging"))
    assert isinstance(ending(lambda: run(world, PASSES, suite="integration")), ReleaseFailed)
    assert isinstance(ending(lambda: run(world, PASSES, suite="integration", env="production")), Refused)


@pytest.mark.parametrize(("suite", "kind"), [("e2e", UsageError), ("unit", Refused)])
def test_what_is_not_there_is_refused(world: World, suite: str, kind: type[DeskError]) -> None:
    """A suite that nobody knows, or that has no command."""
    fault = ending(lambda: run_app_tests(world.desk(), AppTestRequest(suite=suite)))

    assert isinstance(fault, kind)
