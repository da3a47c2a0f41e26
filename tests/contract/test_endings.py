"""How calls end: the exit code, and the one document for programs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.desks import PIPELINE, ROOT, Ended, configured, environment, invoke
from tests.support.repositories import Repository, seeded

SHARED = {"ending", "code", "message", "hint"}


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A clone of the app whose remote has a `develop` and nothing else."""
    return seeded(tmp_path_factory.mktemp("app"))[1]


@pytest.fixture(scope="module")
def env_dir(person: Repository, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration for it."""
    return configured(tmp_path_factory.mktemp("env"), person.folder)


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose remote is not there."""
    folder = tmp_path_factory.mktemp("far")
    person = seeded(folder)[1]
    person.git("remote", "set-url", "origin", "file:///nowhere/at/all.git")
    return configured(folder / "env", person.folder)


def check(ended: Ended, code: int, ending: str, *, said: str = "") -> None:
    """The shared keys, the same code twice, the words on standard error, and no traceback."""
    document = ended.document

    assert set(document) >= SHARED
    assert (code, code, ending) == (ended.code, document["code"], document["ending"])
    assert said in document["message"]
    assert document["message"].splitlines()[0] in ended.err
    assert "Traceback" not in ended.err + ended.out
    if ending not in ("done", "nothing"):
        assert f"error: {document['message'].splitlines()[0]}" in ended.err.splitlines()


@pytest.mark.parametrize(
    "call", [("deploy",), ("promote",), ("deploy", "--plan"), ("promote", "--yes")], ids=" ".join
)
def test_no_environment_named(call: tuple[str, ...], env_dir: Path) -> None:
    """Nothing is the default: code 2, and the option is named."""
    ended = invoke(*call, "--json", env_dir=env_dir)

    needed = {"deploy": "--env", "promote": "--to"}[call[0]]
    check(ended, 2, "failed", said=f"`{call[0]}` needs `{needed}`")


@pytest.mark.parametrize(
    "call",
    [("deploy", "--env", "prdo"), ("promote", "--to", "prdo"), ("history", "--env", "prdo")],
    ids=" ".join,
)
def test_an_unknown_environment(call: tuple[str, ...], env_dir: Path) -> None:
    """A typing mistake is code 1, and the hint lists the names."""
    ended = invoke(*call, "--json", env_dir=env_dir)

    check(ended, 1, "failed", said="there is no environment `prdo`")

    assert "`staging`, `production`" in ended.document["hint"]


def test_nothing_promotes_into_the_first(env_dir: Path) -> None:
    """The first of the chain is deployed to: code 1, and the hint is that command."""
    ended = invoke("promote", "--to", "staging", "--json", env_dir=env_dir)

    check(ended, 1, "failed", said="staging is the first of the chain")

    assert "invoke deploy --env staging" in ended.document["hint"]


BROKEN = {
    "no toml": ("chain = [", "at its end: not TOML"),
    "unknown key": (PIPELINE.replace("migrations =", "migratoins ="), "did you mean `app.migrations`?"),
    "several": (
        PIPELINE.replace('branch = "main"', "branch = 7").replace("request_timeout = 2", ""),
        "has 1 fault",
    ),
    "empty": ("", "`chain` should be a list of environment names"),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("task", ["status", "deploy --env staging"])
def test_a_broken_configuration(how: str, task: str, person: Repository, tmp_path: Path) -> None:
    """Every fault of `pipeline.toml` is code 1, with its path, before anything is asked or changed."""
    text, said = BROKEN[how]
    folder = configured(tmp_path / "env", person.folder, text)

    check(invoke(*task.split(), "--json", env_dir=folder), 1, "failed", said=said)


def test_no_configuration(tmp_path: Path) -> None:
    """A wrong `AIRHOST_ENV_DIR` is code 1, and the hint names the variable."""
    ended = invoke("status", "--json", env_dir=tmp_path / "nowhere")

    check(ended, 1, "failed", said="there is no `")

    assert "AIRHOST_ENV_DIR" in ended.document["hint"]


def test_a_repository_that_is_no_checkout(tmp_path: Path) -> None:
    """`app.repository` that leads elsewhere is code 1."""
    folder = configured(tmp_path / "env", tmp_path)

    check(invoke("status", "--json", env_dir=folder), 1, "failed", said="which is no git checkout")


@pytest.mark.parametrize(
    "call",
    [("status",), ("history",), ("deploy", "--env", "staging"), ("promote", "--to", "prod", "--plan")],
    ids=" ".join,
)
def test_a_remote_that_is_not_there(call: tuple[str, ...], unreachable: Path) -> None:
    """Another program's failure is code 3."""
    check(invoke(*call, "--json", env_dir=unreachable), 3, "failed")


def test_a_branch_that_is_not_there(env_dir: Path) -> None:
    """A remote without the environment's branch is code 1, and the hint makes it."""
    ended = invoke("deploy", "--env", "staging", "--json", env_dir=env_dir)

    check(ended, 1, "failed", said="the remote has no branch `staging`")

    assert "git push origin HEAD:refs/heads/staging" in ended.document["hint"]


def test_an_empty_history_is_nothing(env_dir: Path) -> None:
    """Before the first release there is nothing to tell, and that is code 0."""
    ended = invoke("history", "--json", env_dir=env_dir)

    check(ended, 0, "nothing")

    assert ended.document["events"] == []


def unread(env_dir: Path, *arguments: str, out: str, err: str) -> tuple[int, str]:
    """The exit code, and standard error, of a call whose streams nobody reads: `full`, `gone` or `file`."""
    reading, writing = os.pipe()
    os.close(reading)
    full = os.open("/dev/full", os.O_WRONLY)
    with tempfile.TemporaryFile() as file:
        streams: dict[str, Any] = {"full": full, "gone": writing, "file": file}
        ended = subprocess.run(
            [sys.executable, "-m", "invoke", *arguments],
            cwd=ROOT, env=environment(env_dir), stdin=subprocess.DEVNULL, stdout=streams[out],
            stderr=streams[err], timeout=60, check=False,
        )  # fmt: skip
        file.seek(0)
        said = file.read().decode()
    os.close(writing)
    os.close(full)
    return ended.returncode, said if err == "file" else ""


@pytest.mark.parametrize(("call", "code"), [(("history",), 0), (("deploy", "--env", "staging"), 1)])
@pytest.mark.parametrize(
    ("out", "err"),
    [("full", "file"), ("gone", "file"), ("file", "full"), ("file", "gone"), ("gone", "gone")],
)
def test_output_that_nobody_reads_changes_no_ending(
    env_dir: Path, call: tuple[str, ...], code: int, out: str, err: str
) -> None:
    """A full disk is said, a closed pipe is not; there is never a traceback."""
    for more in ((), ("--json",)):
        ended, said = unread(env_dir, *call, *more, out=out, err=err)

        assert ended == code
        assert "Traceback" not in said
        assert ("the document could not be written" in said) == (
            bool(more) and (out, err) == ("full", "file")
        )


STATUS_KEYS = {
    "name",
    "branch",
    "head",
    "live",
    "release",
    "schema",
    "url",
    "lock",
    "hold",
    "pending",
    "problems",
}


def test_the_status_has_its_contract(env_dir: Path) -> None:
    """Every environment has every key, also where nobody answers."""
    ended = invoke("status", "--json", env_dir=env_dir)

    check(ended, 0, "done")

    assert [each["name"] for each in ended.document["environments"]] == ["staging", "production"]
    for each in ended.document["environments"]:
        assert set(each) >= STATUS_KEYS
        assert {"commits", "migrations"} <= set(each["pending"])
        assert each["problems"]


REFUSED = [("deploy",), ("promote", "--to", "prdo"), ("deploy", "--env", "staging")]


@pytest.mark.parametrize("call", REFUSED, ids=" ".join)
def test_errors_are_on_standard_error_alone(call: tuple[str, ...], env_dir: Path) -> None:
    """A pipe gets results, and never a reason why there are none."""
    ended = invoke(*call, env_dir=env_dir)

    assert ended.out == ""
    assert "error: " in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("task", "says"), [("status", "2 environments, 2 problems"), ("history", "ledger")]
)
def test_results_are_on_standard_output(task: str, says: str, env_dir: Path) -> None:
    """So that `status | grep staging` finds something."""
    assert says in invoke(task, env_dir=env_dir).out.splitlines()[0]


@pytest.mark.parametrize(
    "variables",
    [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}, {"LC_ALL": "C"}, {"COLUMNS": "20"}],
    ids=str,
)
def test_no_terminal_no_escapes(variables: dict[str, str], env_dir: Path) -> None:
    """A log has no colours, no carriage returns, and works in any locale."""
    ended = invoke("status", env_dir=env_dir, **variables)

    assert ended.code == 0
    assert not {"\x1b", "\r"} & set(ended.err)


def test_a_plan_changes_nothing(person: Repository, tmp_path: Path) -> None:
    """`--plan` ends with the plan, and neither remote nor clone has a new ref."""
    origin = Repository(Path(person.git("remote", "get-url", "origin").removeprefix("file://")))
    folder = configured(
        tmp_path / "env", person.folder, PIPELINE.replace('branch = "staging"', 'branch = "develop"')
    )
    before = origin.refs()

    ended = invoke("deploy", "--env", "staging", "--plan", "--json", env_dir=folder)

    check(ended, 0, "done", said="nothing was changed")

    assert {"steps", "commits", "migrations", "refused"} <= set(ended.document)
    assert ended.document["refused"] is None
    assert before == origin.refs()


def test_a_guarded_environment_is_not_changed_without_a_person(person: Repository, tmp_path: Path) -> None:
    """Without a terminal and without `--yes` nobody confirms: code 6, `declined`, nothing changed."""
    origin = Repository(Path(person.git("remote", "get-url", "origin").removeprefix("file://")))
    text = PIPELINE.replace('branch = "staging"', 'branch = "develop"\nguarded = true')
    before = origin.refs()

    ended = invoke(
        "deploy", "--env", "staging", "--json", env_dir=configured(tmp_path / "env", person.folder, text)
    )

    check(ended, 6, "declined")

    assert before == origin.refs()


@pytest.mark.parametrize(
    ("call", "problem", "hint"),
    [
        ("env.check --env staging --json status", "several", "`invoke env.check ... && invoke status ...`"),
        ("deploy --env staging --yes --json status --json", "several", "&& invoke status ...`"),
        ("--dry status --json", "`--dry` means `--plan`, and `status` has none", "`invoke status --help`"),
    ],
    ids=["after a check", "after a release", "dry"],
)
def test_what_invoke_would_ignore_is_refused(call: str, problem: str, hint: str, unreachable: Path) -> None:
    """A second task would never run, and `--dry` would be ignored: code 2, before anything is asked."""
    ended = invoke(*call.split(), env_dir=unreachable)

    check(ended, 2, "failed", said=problem)

    assert hint in ended.document["hint"]


def test_a_dry_run_by_a_variable_is_refused(unreachable: Path) -> None:
    """`INVOKE_RUN_DRY` is `--dry` by another way."""
    ended = invoke("status", "--json", env_dir=unreachable, INVOKE_RUN_DRY="1")

    check(ended, 2, "failed", said="`--dry` means `--plan`")
