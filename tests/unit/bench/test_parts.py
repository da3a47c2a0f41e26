"""What benches stand on: distance, git over HTTP, made histories."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

from scripts.state.ledger import REF
from tests.bench.parts.far import far, git_over_http
from tests.bench.parts.histories import history
from tests.support.repositories import Repository, seeded
from tests.support.servers import serving, text

AWAY = 0.05  # seconds


def test_what_is_far_away_answers_later() -> None:
    """To connect and to be answered take a way there and back each; every byte arrives."""
    body = "x" * 300_000
    with serving() as server, far(server.server_address[1], AWAY) as port:
        server.answers["/"] = text(body)
        began = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            found = answer.read().decode()
        took = time.monotonic() - began

    assert found == body
    assert took >= 2 * AWAY


def test_git_goes_over_http(tmp_path: Path) -> None:
    """Clone, push and fetch, over connections that stay open."""
    origin, person = seeded(tmp_path / "app")
    with git_over_http(origin.folder.parent) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/origin.git"
        person.git("clone", "-q", "-b", "develop", address, str(tmp_path / "other"))
        other = Repository(tmp_path / "other")
        other.git("push", "-q", "origin", "HEAD:refs/heads/pushed")

    assert origin.refs()["refs/heads/pushed"] == other.git("rev-parse", "HEAD")
    assert any("git-receive-pack" in request for request in server.asked)


def test_a_history_has_the_size_that_was_asked_for(tmp_path: Path) -> None:
    """Commits and events; the newest release of each environment names the head of its branch."""
    person = history(tmp_path / "made", commits=70, events=12)
    ledger = f"refs/remotes/origin/{REF.removeprefix('refs/heads/')}"
    ids = person.git("rev-list", "--reverse", ledger).split()
    events = [json.loads(person.git("show", f"{each}:event.json")) for each in ids]
    live = {each["environment"]: each["commit"] for each in events if each["kind"] == "release"}

    assert (person.git("rev-list", "--count", "develop"), len(events)) == ("70", 12)
    heads = {"development": "develop", "staging": "staging", "production": "main"}
    assert live == {name: person.refs()[f"refs/remotes/origin/{branch}"] for name, branch in heads.items()}
