"""`load-test` from outside, against the stand-in of an app: false greens, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import skips
from tests.support.load import THRESHOLDS, LoadWorld, load_world
from tests.support.processes import alive, wait_until

INCONCLUSIVE = 8
pytestmark = skips.LONG


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadWorld]:
    """One stand-in for all tests here."""
    with load_world(tmp_path_factory.mktemp("load")) as made:
        yield made


@pytest.fixture(autouse=True)
def _as_new(world: LoadWorld) -> None:
    world.behave()
    world.configure()


def asked(world: LoadWorld, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Its exit code and its document, which agree."""
    ended = world(*arguments)
    document = ended.document
    assert ended.code == document["code"], ended.err
    assert "Traceback" not in ended.err
    return ended.code, document


def generators(world: LoadWorld) -> list[int]:
    """The pids of all Locust processes that work on this stand-in."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "locust" in line and any(each.endswith(f":{world.port}") for each in line):
            found.append(int(place.name))
    return [each for each in found if alive(each)]


def test_a_good_app_passes_and_is_proven(world: LoadWorld) -> None:
    """Two processes share the schedule; every report is there; the proof names commit and digest."""
    code, document = asked(world, "--profile", "steady", "--rate", "100", "--processes", "2")

    assert (0, "passed", []) == (code, document["verdict"], document["reasons"])
    assert {"home", "properties", "bookings", "book", "whatsapp"} == set(document["endpoints"])
    assert 400 == document["total"]["requests"]
    folder = Path(document["reports"])
    names = {"locust.html", "report.html", "junit.xml", "summary.md", "result.json"}
    assert names <= {each.name for each in folder.iterdir()}
    assert "load-" in document["left"][0]
    proof = world.proofs()[-1]
    assert ("proof", "load", world.commit) == (proof["kind"], proof["what"], proof["commit"])
    assert ("steady (changed)", "passed") == (proof["level"], proof["verdict"])
    assert proof["digest"].startswith("sha256:")


def test_a_bad_app_fails(world: LoadWorld) -> None:
    """Code 1, and each threshold that it broke; a redirect to another host is not followed."""
    world.behave(
        delay={"/api/properties": 600},
        fail={"/api/bookings": 20},
        location={"/": "http://127.0.0.1:9/elsewhere"},
    )

    code, document = asked(world, "--profile", "steady", "--rate", "60", "--seconds", "3")

    assert (1, "failed") == (code, document["verdict"])
    assert "total p95" in document["message"]
    assert "total failures" in document["message"]
    errors = {each["error"] for each in document["errors"]}
    assert {"302: redirected to 127.0.0.1:9, which is not followed", "answered 500"} <= errors


def test_another_commit_gets_no_load(world: LoadWorld) -> None:
    """The old one is still served: inconclusive, before the first request of a load."""
    world.behave(commit="0" * 40)

    code, document = asked(world, "--profile", "steady")

    assert (INCONCLUSIVE, "inconclusive", "unknown") == (code, document["verdict"], document["ending"])
    assert "is served, where" in document["message"]


def test_a_release_in_the_middle(world: LoadWorld) -> None:
    """Two commits under one load are neither's proof: inconclusive, and it ends early."""
    before = len(world.proofs())
    child = world.start("--profile", "steady", "--seconds", "40", "--rate", "40")
    assert wait_until(lambda: generators(world), 20)
    time.sleep(4)
    world.behave(commit="1" * 40)
    out, err = child.communicate(timeout=30)

    document = json.loads(out)
    assert (INCONCLUSIVE, "inconclusive") == (child.returncode, document["verdict"]), err
    assert "redeployed in the middle" in document["message"]
    assert before == len(world.proofs())


def test_an_endpoint_that_nobody_asks(world: LoadWorld) -> None:
    """A threshold on a renamed endpoint passes nothing."""
    world.configure(THRESHOLDS + "[load.endpoints.frontpage]\np95 = 500\n")

    code, document = asked(world, "--profile", "steady", "--seconds", "3", "--rate", "60")

    assert (INCONCLUSIVE, "inconclusive") == (code, document["verdict"])
    assert "frontpage requests: nothing" in document["message"]


def test_nobody_answers(world: LoadWorld) -> None:
    """A host that is not there is infrastructure: code 3."""
    text = (world.env_dir / "pipeline.toml").read_text()
    (world.env_dir / "pipeline.toml").write_text(text.replace(f"127.0.0.1:{world.port}", "127.0.0.1:9"))

    code, document = asked(world, "--profile", "steady")

    assert (3, "infrastructure") == (code, document["verdict"])


def test_a_worker_killed_in_the_middle(world: LoadWorld) -> None:
    """Half the load is gone: inconclusive at once; with both alive, the figures are those of both."""
    child = world.start("--profile", "steady", "--seconds", "30", "--rate", "40", "--processes", "2")
    assert wait_until(lambda: len(generators(world)) == 3, 20)
    time.sleep(3)
    os.kill(max(generators(world)), signal.SIGKILL)
    out, err = child.communicate(timeout=30)

    document = json.loads(out)
    assert (INCONCLUSIVE, "inconclusive") == (child.returncode, document["verdict"]), err
    assert "of 2 workers were lost" in document["message"]
    assert wait_until(lambda: not generators(world), 5)


def test_workers_of_other_machines(world: LoadWorld) -> None:
    """They find the master, get its plan, and end with it; the verdict is over what both measured."""
    plan = ("--profile", "steady", "--seconds", "4", "--rate", "80")
    master = world.start(*plan, "--workers-expected", "2", "--port", "5567")
    workers = [world.start("--master", "127.0.0.1:5567") for _ in range(2)]
    out, err = master.communicate(timeout=60)

    document = json.loads(out)
    assert (0, 320) == (master.returncode, document["total"]["requests"]), err
    assert [0, 0] == [each.wait(20) for each in workers if each.communicate()]


def test_hosts_that_log_in(world: LoadWorld) -> None:
    """The clock starts after their log-ins; one that is refused is told."""
    world.configure(THRESHOLDS + "[load.mix]\ninbox = 20\nbrowse = 20\n")
    values = {
        "STAGING_LOAD_ACCOUNTS": "a@x.example:p,b@x.example:p",
        "STAGING_VITE_SUPABASE_URL": f"http://127.0.0.1:{world.port}",
        "STAGING_VITE_SUPABASE_ANON_KEY": "key",
    }
    run = ("--profile", "steady", "--seconds", "4", "--rate", "80")
    done = world(*run, **values)
    world.behave(status={"/auth/v1/token": 400})
    refused = world(*run, **values)

    assert (done.code, done.document["verdict"]) == (0, "passed"), done.err
    assert done.document["endpoints"]["inbox"]["requests"] > 50
    assert refused.code == INCONCLUSIVE
    assert "2 log-ins failed" in refused.document["message"]


def test_a_freeze_of_two_seconds_fails(world: LoadWorld) -> None:
    """Of a run in which the p95 stays where it was."""
    child = world.start("--profile", "steady", "--seconds", "60", "--rate", "20")
    assert wait_until(lambda: bool(generators(world)), 20)
    time.sleep(8)
    world.child.send_signal(signal.SIGSTOP)
    time.sleep(2)
    world.child.send_signal(signal.SIGCONT)
    out, err = child.communicate(timeout=100)

    document = json.loads(out)
    assert (1, "failed") == (child.returncode, document["verdict"]), err
    assert "total worst_second" in document["message"]
    assert re.search(r"\d+ %, [\d.]+/s, p95 [\d.]+ ms, \d+ failed after [23]0 s\n", err)
    assert document["total"]["p95"] < 500


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_stops_at_once_and_leaves_nothing_running(world: LoadWorld, number: int) -> None:
    """Ctrl-C, a cancelled job, even a killed desk: no more load."""
    child = world.start("--profile", "steady", "--seconds", "60", "--rate", "20", "--processes", "2")
    assert wait_until(lambda: len(generators(world)) == 3, 20)
    time.sleep(2)
    begun = time.monotonic()
    child.send_signal(number)
    out, _ = child.communicate(timeout=20)

    assert time.monotonic() - begun < 8
    if number != signal.SIGKILL:
        assert 130 == child.returncode
        assert "load-" in json.loads(out)["message"]
    assert wait_until(lambda: not generators(world), 6)


def test_two_machines_take_turns(world: LoadWorld) -> None:
    """The second is refused with the name of the first, or waits; a killed one's lease ends."""
    first = world.start("--profile", "steady", "--seconds", "60", "--rate", "20")
    assert wait_until(lambda: bool(generators(world)), 20)
    out, _ = world.start_elsewhere("--profile", "steady").communicate(timeout=30)
    refused = json.loads(out)
    second = world.start_elsewhere("--profile", "steady", "--rate", "80", "--wait")
    first.kill()
    first.communicate(timeout=20)
    out, err = second.communicate(timeout=90)

    assert (5, "failed") == (refused["code"], refused["ending"])
    assert "a load test of staging is under way: " in refused["message"]
    assert (0, "passed") == (second.returncode, json.loads(out)["verdict"]), err
    assert "waiting: a load test of staging is under way" in err


def test_customers_are_not_loaded_without_a_person(world: LoadWorld) -> None:
    """Production needs the typed name, its cap is lower, and nothing is written there."""
    assert 6 == asked(world, "--env", "production", "--profile", "smoke", "--seconds", "2")[0]
    code, document = asked(world, "--env", "production", "--profile", "spike", "--yes")
    assert 1 == code
    assert "60 requests/s (at most 20)" in document["message"]
    code, document = asked(world, "--env", "production", "--users", "10", "--seconds", "4", "--yes")
    assert not {"book", "whatsapp"} & set(document["endpoints"])
    assert ["book", "whatsapp"] == document["left_out"]
