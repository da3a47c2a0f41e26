"""What `github.workflows` writes: schema and auditor find nothing, and each command is one of ours."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.setup.workflows.check import heading
from scripts.setup.workflows.command import generate
from scripts.setup.workflows.yaml import dump
from tests.contract.hints.typist import parse
from tests.support.desks import ROOT
from tests.support.workflows import documents, places, settings

PLACES = places()
ACTION = r"actions/[a-z-]+@[0-9a-f]{40}"
SECRET = re.compile(r"\bsecrets\.(\w+)")
OF_THE_APP = re.compile(r"\b(test-app|test-e2e|load-test|npm run|npm test|npm ci(?! --ignore-scripts))\b")
WORDS = {"$BRANCH": "feature/x", "$environment": "staging", "$GITHUB_SHA": "a" * 40, "$REASON": "because"}


def jobs(way: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every job of every workflow."""
    for name, document in documents(PLACES[way]).items():
        for job, value in document["jobs"].items():
            yield f"{name}.{job}", value


def steps(way: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step of every job."""
    for name, job in jobs(way):
        yield from ((name, step) for step in job["steps"])


@pytest.mark.parametrize("way", PLACES)
def test_the_schema_and_the_auditor_find_nothing(way: str, tmp_path: Path) -> None:
    """check-jsonschema with GitHub's schema, and zizmor, without the network."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name, document in generate(PLACES[way], monitors=True).items():
        (folder / f"{name}.yml").write_text(dump({**heading("About."), **document}))
    programs = str(Path(sys.executable).parent)
    files = sorted(map(str, folder.iterdir()))
    calls = [
        [f"{programs}/check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files],
        [f"{programs}/zizmor", "--offline", "--no-progress", "--quiet", str(tmp_path)],
    ]
    for call in calls:
        ended = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)
        assert (ended.returncode, ended.stdout + ended.stderr) == (0, ended.stdout + ended.stderr)
    assert len(files) == 7


def test_the_desks_own_workflow_is_as_good() -> None:
    """It calls what CI runs anywhere."""
    programs, file = str(Path(sys.executable).parent), ROOT / ".github" / "workflows" / "check.yml"
    calls = [
        [f"{programs}/check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)],
        [f"{programs}/zizmor", "--offline", "--no-progress", "--quiet", str(file)],
    ]

    assert [
        subprocess.run(call, capture_output=True, timeout=120, check=False).returncode for call in calls
    ] == [0, 0]
    assert "run: exec .ci/run\n" in file.read_text()


def test_the_auditor_would_find_something(tmp_path: Path) -> None:
    """A title of a pull request in a script is what it looks for."""
    workflow = {
        "on": "pull_request",
        "jobs": {"x": {"runs-on": "x", "steps": [{"run": "echo ${{ github.event.pull_request.title }}"}]}},
    }
    file = tmp_path / ".github" / "workflows" / "x.yml"
    file.parent.mkdir(parents=True)
    file.write_text(dump(workflow))
    call = [f"{Path(sys.executable).parent}/zizmor", "--offline", "--no-progress", "--quiet", str(tmp_path)]

    assert subprocess.run(call, capture_output=True, timeout=120, check=False).returncode


@pytest.mark.parametrize("way", PLACES)
def test_every_command_of_the_desk_can_be_typed(way: str) -> None:
    """Invoke's own parser takes it, and the desk takes the shell's place."""
    typed = set()
    for name, step in steps(way):
        if "scripts/bootstrap" in step.get("run", ""):
            last = step["run"].splitlines()[-1]
            assert last.startswith("exec "), name
            last = last.replace('${RELEASE:+--to="$RELEASE"}', "--to=v3")
            for variable, value in WORDS.items():
                last = last.replace(f'"{variable}"', value)
            words = shlex.split(last)
            assert words[1] == f"{PLACES[way].desk}/scripts/bootstrap".removeprefix("./"), name
            assert not re.search("[$`]", last), last
            typed.add(parse(words[2:]).name)
    assert typed >= {"deploy", "promote", "rollback", "test-app", "test-e2e", "load-test", "env.check"}
    assert typed >= {
        "db.rehearse",
        "db.drift",
        "backup.take",
        "backup.list",
        "backup.prune",
        "backup.verify",
    }
    assert typed >= {"preview.up", "preview.down", "preview.sweep"}


@pytest.mark.parametrize("way", PLACES)
def test_no_expression_is_in_a_script_and_every_action_is_pinned(way: str) -> None:
    """Text of others reaches a shell by variables alone."""
    for name, step in steps(way):
        assert "${{" not in step.get("run", ""), name
        assert re.fullmatch(ACTION, step.get("uses", f"actions/x@{'a' * 40}")), name
    text = "".join(map(dump, generate(PLACES[way], monitors=True).values()))
    used = re.findall(r"^[ -]*uses: (.*)$", text, re.MULTILINE)
    assert used
    assert all(re.fullmatch(ACTION + r" # v\d+\.\d+\.\d+", each) for each in used)


@pytest.mark.parametrize("way", PLACES)
def test_production_secrets_and_the_apps_code_never_meet(way: str) -> None:
    """A job with a guarded environment runs nothing of the app's; one that does has no such environment."""
    seen = set()
    for name, job in jobs(way):
        environment = job.get("environment", "")
        environment = environment["name"] if isinstance(environment, dict) else environment
        runs_app = any(OF_THE_APP.search(step.get("run", "")) for step in job["steps"])
        secrets = {each for step in job["steps"] for each in SECRET.findall(str(step.get("env", "")))}
        assert not (runs_app and environment.startswith("production")), name
        assert environment or not secrets, name
        assert not (runs_app and "DESK_GITHUB_TOKEN" in str(job)), name
        seen |= {(environment, runs_app)}
        for step in job["steps"]:
            if SECRET.search(str(step.get("env", ""))):
                assert "scripts/bootstrap" in step["run"] or "SSH_KEY" in step["env"], name
    assert ("staging", True) in seen
    assert ("production", False) in seen


@pytest.mark.parametrize("way", PLACES)
def test_a_job_may_do_what_it_needs_alone(way: str) -> None:
    """Nothing by default; only jobs that write the ledger may write."""
    assert all(document["permissions"] == {} for document in documents(PLACES[way]).values())
    for name, job in jobs(way):
        writes = "write" in job["permissions"].values()
        assert writes == (not name.startswith(("check.", "monitor."))), name
        assert job["timeout-minutes"]
        if "environment" in job:
            assert job["concurrency"]["cancel-in-progress"] is False


def test_a_service_that_is_configured_gets_its_right_and_its_token() -> None:
    """Pull requests, Sentry; not otherwise."""
    found = settings(app={"land": "pull-request"}, sentry={"organization": "o", "projects": ["p"]})
    job = documents(places(found)["copied"])["promote"]["jobs"]["promote-production"]
    plain = documents(PLACES["copied"])["promote"]["jobs"]["promote-production"]

    assert job["permissions"] == {**plain["permissions"], "pull-requests": "write"}
    assert {"deployments": "write", "statuses": "write"}.items() <= plain["permissions"].items()
    silent = documents(places(settings(github={"tell": False}))["copied"])["promote"]["jobs"]
    told = {"contents": "write", "checks": "read", "statuses": "read"}
    assert silent["promote-production"]["permissions"] == told
    assert job["steps"][-1]["env"]["PRODUCTION_SENTRY_AUTH_TOKEN"] == "${{ secrets.SENTRY_AUTH_TOKEN }}"
    assert "PRODUCTION_SENTRY_AUTH_TOKEN" not in plain["steps"][-1]["env"]


def test_only_what_the_configuration_has_gets_a_job() -> None:
    """No database: no migrations, no night. A named check: no second run of the same tests."""
    backup = {"bucket": "", "recipients": []}
    bare = settings(
        app={"migrations": ""}, tests={"unit_check": "unit"}, backup=backup, preview={"slots": {}}
    )
    found = documents(places(bare)["copied"])

    assert sorted(found) == ["check", "deploy", "monitor", "promote", "rollback"]
    assert "monitor" not in generate(PLACES["copied"])
    assert "migrations" not in found["check"]["jobs"]
    assert "unit-tests" in documents(PLACES["copied"])["deploy"]["jobs"]
    assert "unit-tests" not in found["deploy"]["jobs"]


@pytest.mark.parametrize(
    ("base", "head", "fork", "code"),
    [
        ("main", "staging", False, 0),
        ("main", "develop", False, 1),
        ("main", "staging", True, 1),
        ("main", "fix/login", False, 1),
        ("staging", "develop", False, 0),
        ("staging", "backmerge/main-into-staging", False, 0),
        ("main", "promote/staging-into-main", False, 0),
        ("main", "promote/develop-into-main", False, 1),
        ("staging", "backmerge/main-into-develop", False, 1),
        ("develop", "feature/x", True, 0),
        ("main", '$(touch broken)"; exit 0; "', False, 1),
    ],
)
def test_a_pull_request_comes_from_the_branch_before(
    base: str, head: str, fork: bool, code: int, tmp_path: Path
) -> None:
    """The required check `source`, as bash runs it."""
    (step,) = documents(PLACES["copied"])["check"]["jobs"]["source"]["steps"]
    repository = "x/r" if fork else "o/r"
    env = {"GITHUB_REPOSITORY": "o/r", "BASE": base, "HEAD": head, "HEAD_REPOSITORY": repository}
    call = ["bash", "-e", "-c", step["run"]]
    ended = subprocess.run(call, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (ended.returncode, list(tmp_path.iterdir())) == (code, [])
    assert ("::error::" in ended.stdout) == bool(code)
