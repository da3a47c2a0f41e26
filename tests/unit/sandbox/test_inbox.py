"""The inbox refuses what the vendors refuse, plays faults once, and an older world gets one."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.sandbox import inbox, stand_in, world_facts
from scripts.system import daemon, ports

TOKEN = "the-token-of-a-world"
EMBED = {"fields": [{"name": "who", "value": "Ada"}]}
LONG = {"name": "n" * 256, "value": "v" * 1_024}


@dataclass(frozen=True)
class Running:
    """An inbox that runs."""

    folder: Path
    port: int

    def post(self, path: str, payload: object, token: str = TOKEN) -> requests.Response:
        """Tell it something."""
        address, _, query = path.partition("?")
        url = f"http://127.0.0.1:{self.port}/{address}/staging/{token}?{query}"
        return requests.post(url, json=payload, timeout=5)

    def lines(self, name: str) -> list[dict[str, Any]]:
        """What it noted."""
        file = self.folder / f"{name}.jsonl"
        return [json.loads(each) for each in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests; started twice, which is harmless."""
    folder = tmp_path_factory.mktemp("world") / "inbox"
    (port,) = ports.find_free(1)
    try:
        inbox.start(folder, port, TOKEN)
        inbox.start(folder, port, TOKEN)
        yield Running(folder, port)
    finally:
        stand_in.stop(folder)
    assert daemon.running(folder / "pid") is None
    assert not ports.accepts_connections(port)


def section(**parts: object) -> dict[str, Any]:
    """A Slack payload with one section."""
    return {"text": "x", "blocks": [{"type": "section", **parts}]}


def marked(text: str) -> dict[str, Any]:
    """Slack's text object."""
    return {"type": "mrkdwn", "text": text}


SLACK = [
    ({"text": "x"}, 200, "ok"),
    (section(text=marked("x" * 3_000)), 200, "ok"),
    ({}, 400, "no_text"),
    ("text", 400, "invalid_payload"),
    (section(text=marked("x" * 3_001)), 400, "invalid_payload"),
    (section(text=marked("")), 400, "invalid_payload"),
    (section(), 400, "invalid_payload"),
    (section(fields=[marked("x")] * 11), 400, "invalid_payload"),
    (section(fields=[marked("x" * 2_001)]), 400, "invalid_payload"),
    ({"text": "x", "blocks": [{"type": "header", "text": marked("x")}]}, 400, "invalid_payload"),
    ({"text": "x", "blocks": [section(text=marked("x"))["blocks"][0]] * 51}, 400, "invalid_payload"),
    ({"text": "x", "blocks": [section(text=marked("x" * 3_000))["blocks"][0]] * 5}, 400, "invalid_payload"),
]
DISCORD = [
    ({"content": "x" * 2_000}, 204),
    ({"embeds": [{"fields": [LONG] * 4, "description": "d" * 880}]}, 204),
    ({}, 400),
    ({"content": "x" * 2_001}, 400),
    ({"content": "😀" * 1_001}, 400),
    ({"embeds": [EMBED] * 11}, 400),
    ({"embeds": [{"fields": [{"name": "", "value": "x"}]}]}, 400),
    ({"embeds": [{"fields": [{"name": "x", "value": "v" * 1_025}]}]}, 400),
    ({"embeds": [{"fields": [EMBED["fields"][0]] * 26}]}, 400),
    ({"embeds": [{"fields": [LONG] * 4, "description": "d" * 881}]}, 400),
    ({"embeds": [{"description": "x", "timestamp": "yesterday"}]}, 400),
]


@pytest.mark.parametrize(("payload", "status", "word"), SLACK)
def test_slack(running: Running, payload: object, status: int, word: str) -> None:
    """Plain text, as Slack answers."""
    before = len(running.lines("slack"))
    answer = running.post("slack", payload)

    assert (status, word) == (answer.status_code, answer.text)
    assert (status == 200) == (len(running.lines("slack")) == before + 1)


@pytest.mark.parametrize(("payload", "status"), DISCORD)
def test_discord(running: Running, payload: object, status: int) -> None:
    """Silence, or JSON."""
    before = len(running.lines("discord"))
    answer = running.post("discord", payload)

    assert status == answer.status_code
    assert (status == 204) == (len(running.lines("discord")) == before + 1)
    assert ("" if status == 204 else "message") in answer.text


def test_discord_shows_the_message_to_who_waits(running: Running) -> None:
    """`?wait=true`."""
    answer = running.post("discord?wait=true", {"content": "x"})

    assert 200 == answer.status_code
    assert answer.json()["id"]


def test_strangers_are_refused(running: Running) -> None:
    """Each in the vendor's words."""
    assert (403, "invalid_token") == (
        (answer := running.post("slack", {"text": "x"}, "wrong")).status_code,
        answer.text,
    )
    assert 401 == running.post("discord", {"content": "x"}, "wrong").status_code
    assert 404 == running.post("teams", {"text": "x"}).status_code


def test_faults_are_played_in_turn_and_only_for_their_target(running: Running) -> None:
    """Then all is well again."""
    reply = {"status": 429, "headers": {"Retry-After": "1"}, "body": "slow"}
    file = running.folder / "faults.json"
    file.write_text(json.dumps({"slack": [reply, {"down": True}]}))
    first = running.post("slack", {"text": "x"})

    assert 204 == running.post("discord", {"content": "x"}).status_code
    assert (429, "1", "slow") == (first.status_code, first.headers["retry-after"], first.text)
    with pytest.raises(requests.ConnectionError):
        running.post("slack", {"text": "x"})
    assert 200 == running.post("slack", {"text": "x"}).status_code
    file.write_text(json.dumps({"down": True}))
    with pytest.raises(requests.ConnectionError):
        running.post("discord", {"content": "x"})
    file.unlink()
    assert [429, 204, None, 200, None] == [each["status"] for each in running.lines("asked")[-5:]]


def test_its_token_is_private(running: Running) -> None:
    """And in nothing that it notes."""
    assert 0o600 == stat.S_IMODE((running.folder / "inbox.json").stat().st_mode)
    noted = [each for each in running.folder.iterdir() if each.name != "inbox.json"]
    assert [] == [each for each in noted if TOKEN in each.read_text()]


def test_a_world_of_before_gets_an_inbox(tmp_path: Path) -> None:
    """Its `world.json` is still read, and keeps all that it had."""
    world_facts.invent(tmp_path).save()
    file = tmp_path / world_facts.MARKER
    record = json.loads(file.read_text())
    file.write_text(json.dumps({key: each for key, each in record.items() if not key.startswith("inbox_")}))
    old = world_facts.read(tmp_path)
    assert old is not None
    new = world_facts.with_inbox(old)

    assert (0, "") == (old.inbox_port, old.inbox_token)
    assert ports.LOWEST <= new.inbox_port <= ports.HIGHEST
    assert (old.environments, new) == (new.environments, world_facts.with_inbox(new))
