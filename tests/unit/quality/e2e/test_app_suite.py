"""`[e2e] command`: the app's own suite is run on a clean checkout, and its report decides."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.config.settings import E2E, App
from scripts.errors import Refused
from scripts.quality.e2e import app_suite, command
from scripts.quality.request import E2eRequest
from tests.fakes.world import World, ending

ASK = "import os; open(os.environ['E2E_ASKED'], 'w').close(); "
REPORT = "open('junit.xml', 'w').write('<testsuite>{}</testsuite>'); "
CASE = '<testcase name="a">{}</testcase>'
GOOD = ASK + REPORT.format(CASE.format(""))


def run(world: World, script: str, *, smoke: str = "", **request: Any) -> Outcome:
    """What `test-e2e --env staging` gives where the suite is this Python text."""
    argv = [(sys.executable, "-c", each) if each else () for each in (script, smoke)]
    app = App(install=(sys.executable, "-c", ""))
    world.settings = replace(world.settings, app=app, e2e=E2E(command=argv[0], smoke_command=argv[1]))
    return command.test_e2e(world.desk("Quinn"), E2eRequest(**{"env": "staging", **request}))


def test_a_pass_is_a_proof(world: World) -> None:
    """The suite gets the address where Playwright looks for it, and leaves traces."""
    look = (
        "import os; assert os.environ['PLAYWRIGHT_TEST_BASE_URL'] == 'https://staging.example.org'; "
        "assert os.environ['E2E_COMMIT'] and os.environ['PLAYWRIGHT_JUNIT_OUTPUT_FILE'] == "
        "os.path.abspath('junit.xml'); os.makedirs('test-results/a'); "
        "open('test-results/a/x.txt', 'w').write('seen'); "
    )
    outcome = run(world, look + GOOD)
    (proof,) = world.ledger.proofs("staging", "e2e")

    assert (outcome.ending, outcome.data["tests"]["passed"]) == ("done", 1)
    assert (proof.ending, proof.detail["measured"]["command"][0]) == ("done", sys.executable)
    assert Path(outcome.data["report"]).with_name("test-results").joinpath("a/x.txt").exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.spec.ts", "test.only('x', () => {});", "`test.only` in `a.spec.ts` leaves the other tests out"),
        ("deep/b.test.js", "describe.only('x', () => {});", "`describe.only` in `deep/b.test.js`"),
        ("c.spec.js", "test.describe.parallel.only ('x')", "`test.describe.parallel.only`"),
        ("node_modules/d.spec.js", "test.only('x')", ""),
        ("e.spec.js", "// the only one: contest.only(1)", ""),
        ("only.js", "test.only('x')", ""),
    ],
)
def test_a_test_that_runs_alone_is_no_suite(world: World, name: str, text: str, said: str) -> None:
    """What somebody forgot while he looked for a fault."""
    file = repr(name)
    write = (
        f"import pathlib; f = pathlib.Path({file}); f.parent.mkdir(exist_ok=True); f.write_text({text!r}); "
    )
    outcome = run(world, write + GOOD)

    assert outcome.data["verdict"] == ("inconclusive" if said else "passed")
    assert said in outcome.message


@pytest.mark.parametrize(
    ("script", "verdict", "said"),
    [
        (ASK, "infrastructure", "no report that can be read: the test runner ended with 0"),
        (ASK + REPORT.format(""), "inconclusive", "no test was found"),
        (REPORT.format(CASE.format("")), "inconclusive", "its `baseURL` should be `E2E_URL`"),
        (
            ASK + REPORT.format(CASE.format("<flakyFailure/>")),
            "inconclusive",
            "it passed on a retry only",
        ),
        (ASK + REPORT.format(CASE.format("<failure/>")), "failed", "a: failed"),
        (GOOD + "raise SystemExit(1)", "inconclusive", "the test runner ended with 1"),
    ],
    ids=["no report", "no test", "asks nobody", "flaky", "fails", "bad end"],
)
def test_anything_else_is_no_pass(world: World, script: str, verdict: str, said: str) -> None:
    """The report decides, and a suite that tests a server of its own says nothing."""
    outcome = run(world, script)

    assert (outcome.code, outcome.data["verdict"]) == (1, verdict)
    assert said in outcome.message


def test_what_writes_does_not_run_as_smoke(world: World) -> None:
    """The suite `smoke` has a command of its own; pytest's options are no business of it."""
    other = run(world, GOOD, smoke="raise SystemExit(9)", suite="smoke")
    lacking = ending(lambda: run(world, GOOD, suite="smoke"))
    part = ending(lambda: run(world, GOOD, k="home"))

    assert other.data["verdict"] == "infrastructure"
    assert isinstance(lacking, Refused)
    assert lacking.message == "`pipeline.toml` names no command for the suite `smoke`"
    assert isinstance(part, Refused)


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
def test_a_node_process_that_asks_is_seen(tmp_path: Path) -> None:
    """By any of its clients; one that asks another address is not."""
    observer, asked = Path(app_suite.__file__).with_name(app_suite.OBSERVER), tmp_path / "asked"
    with socket.create_server(("127.0.0.1", 0)) as own, socket.create_server(("127.0.0.1", 0)) as other:
        for server, seen in ((other, False), (own, True)):
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            text = f"fetch('{url}').catch(() => 0); setTimeout(() => process.exit(), 100)"
            environment = {
                "PATH": str(Path(str(shutil.which("node"))).parent),
                "E2E_OWN": json.dumps([f"http://127.0.0.1:{own.getsockname()[1]}"]),
                "E2E_ASKED": str(asked),
            }
            argv = [str(shutil.which("node")), "--require", str(observer), "-e", text]
            subprocess.run(argv, env=environment, check=True, timeout=20)

            assert asked.exists() is seen
