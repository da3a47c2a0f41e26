"""The Locust child: its arguments, its environment, its files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from scripts.quality.load.locust import LocustRun, machine, worker_command
from scripts.system.confinement import Confinement

SECRETS = {"LOAD_REST_KEY": "hush"}


def argv(folder: Path, workers: int, port: int) -> str:
    """The arguments of a run."""
    run = LocustRun(folder)
    return " ".join(run.command("https://x", SECRETS, workers=workers, port=port, seconds=10).argv)


def test_secrets_are_in_the_environment_never_in_the_arguments(tmp_path: Path) -> None:
    """The caller's own Locust configuration does not apply: HOME is the folder of the run."""
    command = LocustRun(tmp_path).command("https://x", SECRETS, workers=0, port=0, seconds=10)
    environment = dict(command.env or {})

    assert "hush" not in " ".join(command.argv)
    assert environment["LOAD_REST_KEY"] == "hush"
    assert (environment["HOME"], environment["LOAD_PARENT"]) == (str(tmp_path), str(os.getpid()))
    assert environment["LOAD_PLAN"] == str(tmp_path / "plan.json")
    assert command.timeout == 70


def test_processes_of_this_machine_meet_on_a_free_port(tmp_path: Path) -> None:
    """Two load tests on one machine don't meet."""
    one, two = argv(tmp_path, 2, 0), argv(tmp_path, 2, 0)

    assert "--processes 2 --master-bind-host 127.0.0.1" in one
    assert "5557" not in one
    assert "--master" not in argv(tmp_path, 0, 0)
    assert one.rpartition("--master-port")[2].split()[0].isdigit()
    assert two.startswith(one[:50])


def test_a_master_waits_for_workers_of_other_machines(tmp_path: Path) -> None:
    """On the port that was asked for."""
    assert "--master --master-bind-port 6000 --expect-workers 3 --expect-workers-max-wait 60" in argv(
        tmp_path, 3, 6000
    )


@pytest.mark.parametrize(
    ("master", "expected"),
    [
        ("m1", ("m1", "5557")),
        ("m1:6000", ("m1", "6000")),
        ("::1", ("::1", "5557")),
        ("[fd00::7]", ("fd00::7", "5557")),
        ("[fd00::7]:6000", ("fd00::7", "6000")),
    ],
)
def test_a_worker_makes_requests_to_one_host_only(
    tmp_path: Path, master: str, expected: tuple[str, str]
) -> None:
    """Whatever its master says."""
    command = worker_command(master, SECRETS, Confinement(tmp_path), "https://x", 60)
    options = dict(zip(command.argv[-4::2], command.argv[-3::2], strict=True))

    assert (options["--master-host"], options["--master-port"]) == expected
    assert dict(command.env or {})["LOAD_ONLY"] == "https://x"
    assert command.timeout == 60


def test_the_plan_names_the_files_of_the_run(tmp_path: Path) -> None:
    """The generator writes its result and progress there, and looks for a stop file."""
    run = LocustRun(tmp_path)
    run.write_plan("r1", {"peak": 5})

    assert json.loads((run.folder / "plan.json").read_text()) == {
        "peak": 5,
        "run": "r1",
        "result": str(run.result),
        "progress": str(run.folder / "progress.json"),
        "stop": str(run.folder / "stop"),
    }


@pytest.mark.parametrize(
    ("text", "result", "progress"), [(None, None, {}), ("{", None, {}), ("[1]", [1], {})]
)
def test_damaged_files_are_no_crash(
    tmp_path: Path, text: str | None, result: object, progress: dict[str, object]
) -> None:
    """A killed generator may leave anything."""
    run = LocustRun(tmp_path)
    if text is not None:
        run.result.write_text(text)
        (run.folder / "progress.json").write_text(text)

    assert (run.read_result(), run.read_progress()) == (result, progress)


def test_a_machine_is_known_by_what_latencies_depend_on() -> None:
    """Not by its name."""
    assert machine().endswith(f", {os.cpu_count()} cores")
    assert os.uname().nodename not in machine()
