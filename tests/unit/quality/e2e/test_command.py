"""`test-e2e`: what is tested, with which variables, and what becomes a proof."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.outcome import Outcome
from scripts.config.settings import E2E
from scripts.errors import CommandTimedOut, Refused, ReleaseFailed, UsageError
from scripts.git import merge
from scripts.quality.e2e import command, prerequisites, pytest_run
from scripts.quality.request import E2eRequest
from scripts.replit.live import Expected
from scripts.system.command import Command
from tests.fakes.world import Notes, World

SEEN = "".join(
    f'<property name="desk-{name}" value="{number}"/>'
    for name, number in {"asked": 1, "checked": 1, "failures": 0}.items()
)
CLEANUP = "delete from t where m like 'e2e-{run}-%'"
CASE = '<testcase classname="t" name="one" time="0.1">'
PASSED = f"<testsuites>{CASE}<properties>{SEEN}</properties></testcase></testsuites>"
FAILED = f'<testsuites>{CASE}<failure message="no button"/></testcase></testsuites>'


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """The pytest runs: each writes a report in which one test passed."""
    made: list[Command] = []
    run_with(monkeypatch, made, PASSED)
    monkeypatch.setattr(pytest_run, "missing_package", lambda: "")
    monkeypatch.setattr(prerequisites, "SHIPPED_NEED", ())
    return made


def run_with(
    monkeypatch: pytest.MonkeyPatch,
    made: list[Command],
    report: str,
    after: Callable[[], Any] = lambda: 0,
    left: str = "[]",
) -> None:
    """Replace the child: it writes the report, then does `after`, and ends with 0."""

    def child(call: Command, _output: Callable[[str], None]) -> int:
        made.append(call)
        place = next(part for part in call.argv if part.startswith("--junitxml="))
        file = Path(place.partition("=")[2])
        file.write_text(report)
        file.with_name("omitted.json").write_text(left)
        after()
        return 0

    monkeypatch.setattr(command, "stream_lines", child)


def run_journeys(world: World, **request: Any) -> Outcome:
    """What `test-e2e --env staging` gives."""
    return command.test_e2e(world.desk("Quinn"), E2eRequest(**{"env": "staging", **request}))


@pytest.mark.parametrize(("report", "ending"), [(PASSED, "done"), (FAILED, "failed")])
def test_the_step_ends_as_every_step_does(
    world: World, calls: list[Command], monkeypatch: pytest.MonkeyPatch, report: str, ending: str
) -> None:
    """A terminal shows anything but `done` as a failure."""
    run_with(monkeypatch, calls, report)
    desk = world.desk(progress=(notes := Notes()))
    command.test_e2e(desk, E2eRequest(env="staging"))

    assert notes.ended == [("journeys", ending)]


def test_a_pass_is_a_proof_for_the_served_commit(world: World, calls: list[Command]) -> None:
    """With the digest of the report; the next step is named."""
    outcome = run_journeys(world)
    (proof,) = world.ledger.proofs("staging", "e2e")

    assert (outcome.ending, outcome.data["verdict"], outcome.data["failed"]) == ("done", "passed", [])
    assert outcome.hint == "next: `invoke promote --to production --plan`"
    assert (proof.ending, proof.commit, proof.detail["level"]) == ("done", world.head("staging"), "full")
    assert outcome.data["proof"] == {
        "counts": True,
        "said": "a proof, recorded; production demands no browser tests",
    }
    assert re.fullmatch("sha256:[0-9a-f]{64}", proof.detail["digest"])
    assert Path(outcome.data["html"]).read_text().startswith("<!doctype html>")
    assert len(calls) == 1


def test_a_part_of_the_suite_leads_nowhere(world: World, calls: list[Command]) -> None:
    """It proves nothing, so no promotion is named."""
    outcome = run_journeys(world, k="page")

    assert (outcome.ending, outcome.hint) == ("done", None)
    assert outcome.data["proof"]["counts"] is False


def test_a_failure_is_a_proof_too(
    world: World, calls: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It revokes an earlier pass."""
    run_with(monkeypatch, calls, FAILED)
    outcome = run_journeys(world)

    assert (outcome.code, outcome.data["failed"]) == (1, ["t::one"])
    assert "| t::one: no button" in outcome.message
    assert [proof.ending for proof in world.ledger.proofs("staging", "e2e")] == ["failed"]


def test_a_doubtful_run_proves_nothing(
    world: World, calls: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another release came in between."""
    run_with(
        monkeypatch, calls, PASSED, lambda: world.drivers["staging"].serve(Expected("b" * 40, "staging"))
    )
    outcome = run_journeys(world)

    assert (outcome.code, outcome.data["verdict"]) == (1, "inconclusive")
    assert world.ledger.proofs("staging", "e2e") == ()


def test_a_timeout_is_no_pass(world: World, calls: list[Command], monkeypatch: pytest.MonkeyPatch) -> None:
    """The report may even look complete."""

    def timeout() -> None:
        raise CommandTimedOut("pytest took too long")

    run_with(monkeypatch, calls, PASSED, timeout)
    outcome = run_journeys(world)

    assert outcome.data["reasons"] == ["the test runner took too long"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ((PASSED.replace('"1"', '"0"'), "[]"), "t::one: it asked the environment nothing"),
        ((PASSED, '["test_b.py"]'), "not run (ignored, deselected, or an early end): `test_b.py`"),
        ((PASSED, ""), "`the end of the session`"),
    ],
    ids=["nothing asked", "a file ignored", "no end"],
)
def test_a_suite_that_says_nothing_is_no_pass(
    world: World, calls: list[Command], monkeypatch: pytest.MonkeyPatch, written: tuple[str, str], said: str
) -> None:
    """Its tests passed, and no proof is written."""
    run_with(monkeypatch, calls, written[0], left=written[1])
    outcome = run_journeys(world)

    assert (outcome.code, outcome.data["verdict"]) == (1, "inconclusive")
    assert said in outcome.message
    assert world.ledger.proofs("staging", "e2e") == ()


@pytest.mark.parametrize(("suite", "key"), [("full", "min_tests"), ("smoke", "min_smoke_tests")])
def test_a_suite_that_is_too_small_names_the_key(
    world: World, calls: list[Command], suite: str, key: str
) -> None:
    """A new app begins with one test."""
    world.settings = replace(world.settings, e2e=E2E(min_tests=2, min_smoke_tests=2))
    outcome = run_journeys(world, suite=suite)

    assert "1 tests ran, at least 2 must" in outcome.message
    assert f"`{key}` in `[e2e]`" in str(outcome.hint)


def test_the_rows_of_a_run_are_removed(
    world: World, calls: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its id, after the full suite; what can't be removed is told. The suite `smoke` writes nothing."""
    asked: list[str] = []

    def remove(_desk: object, _environment: object, statements: list[str], mark: str) -> Any:
        asked.extend(statements)
        return (f"test data is left: {mark}",), None

    monkeypatch.setattr(command, "remove_rows", remove)
    world.settings = replace(world.settings, e2e=E2E(cleanup=(CLEANUP,)))
    full = run_journeys(world)
    world.clock.sleep(1)  # a folder of reports is named by its second
    run_journeys(world, suite="smoke")
    run = (calls[0].env or {})["E2E_RUN"]

    assert asked == [CLEANUP.replace("{run}", run)]
    assert full.data["left"] == [f"test data is left: it carries `e2e-{run}-`"]
    assert "test data is left" in full.message


def test_an_apps_own_tests_get_the_shipped_fixtures(
    world: World, calls: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`page`, `api` and `target`, as a plugin; and the addresses that count as the environment."""
    monkeypatch.setattr(merge, "export_folder", lambda _git, _commit, folder, into: into / folder)
    world.settings = replace(world.settings, e2e=E2E(path="journeys"))
    run_journeys(world)

    assert "-p release_desk_observer -p release_desk_fixtures" in " ".join(calls[0].argv)
    assert calls[0].argv[-1].endswith("commit/journeys")
    assert json.loads((calls[0].env or {})["E2E_OWN"]) == ["https://staging.example.org"]


def test_a_part_of_a_suite_proves_nothing(world: World, calls: list[Command]) -> None:
    """Even if it passes."""
    outcome = run_journeys(world, k="home")

    assert (outcome.ending, world.ledger.proofs("staging", "e2e")) == ("done", ())
    assert "no proof" in outcome.message
    assert "-k home" in " ".join(calls[0].argv)


def test_an_old_commit_is_not_tested(world: World, calls: list[Command]) -> None:
    """It waits `[verify] timeout` for the commit, and never calls the tests."""
    world.drivers["staging"].serve(Expected("b" * 40, "staging"))
    with pytest.raises(ReleaseFailed, match=r"nothing was tested: .* does not serve"):
        run_journeys(world)

    assert calls == []
    assert 5 <= world.clock() < 15


def test_one_good_answer_is_not_enough(world: World, calls: list[Command]) -> None:
    """It may come from an instance that is about to be replaced."""
    driver = world.drivers["staging"]
    good, answers = driver.served, iter("good old old good good".split())
    driver.faults["live"] = lambda: (
        good if next(answers, "good") == "good" else replace(good, commit="b" * 40)
    )
    run_journeys(world)

    assert list(answers) == []


@pytest.mark.parametrize(
    ("request_of", "message"),
    [
        ({"suite": "huge"}, "there is no suite `huge`"),
        ({"env": "production", "suite": "full"}, "production is guarded, and the full suite writes"),
        ({"env": "production", "suite": "smoke"}, "nothing was released on production yet"),
    ],
)
def test_it_refuses_before_anything_is_run(
    world: World, calls: list[Command], request_of: dict[str, str], message: str
) -> None:
    """Each with a hint that can be pasted."""
    with pytest.raises((Refused, UsageError), match=message) as refused:
        run_journeys(world, **request_of)

    assert refused.value.hint
    assert calls == []


def test_the_tests_get_this_environment_and_the_hosts_of_others(
    world: World, calls: list[Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Build variables and `[e2e] variables` only; a host that environments share is not foreign."""
    values = {
        "development": {
            "VITE_SUPABASE_URL": "https://dev.supabase.co",
            "VITE_SITE_URL": "https://shared.example",
        },
        "staging": {
            "VITE_SUPABASE_URL": "https://stage.supabase.co",
            "VITE_SITE_URL": "https://shared.example",
            "WHATSAPP_VERIFY_TOKEN": "t",
            "DATABASE_URL": "postgresql://secret",
        },
        "production": {},
    }
    app = world.settings.app._replace(build_variables=("VITE_SUPABASE_URL", "VITE_SITE_URL"))
    world.settings = replace(world.settings, app=app, e2e=E2E(variables=("WHATSAPP_VERIFY_TOKEN",)))
    desk = world.desk(values=lambda environment: values[environment.name], progress=Notes())
    command.test_e2e(desk, E2eRequest(env="staging", headed=True))
    variables = dict(calls[0].env or {})

    assert variables["E2E_URL"] == "https://staging.example.org"
    assert variables["E2E_COMMIT"] == world.head("staging")
    assert (variables["WHATSAPP_VERIFY_TOKEN"], variables["E2E_HEADED"]) == ("t", "yes")
    assert "DATABASE_URL" not in variables
    assert json.loads(variables["E2E_FOREIGN"]) == [
        "https://dev.example.org",
        "https://dev.supabase.co",
        "https://example.org",
    ]
