"""Telling: it raises nothing, keeps to its budget, and leaves nothing undelivered that can be delivered."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.config.settings import Environment, Notices
from scripts.errors import ConfigError, Interrupted
from scripts.git.client import Git
from scripts.notify import deliver, tell
from scripts.notify import webhook as notify_webhook
from scripts.notify.events import Notice
from scripts.notify.outbox import Outbox
from scripts.system.secret import Secret
from scripts.system.signals import Stop
from tests.support.desks import ROOT
from tests.support.posts import Reply, Webhook, webhook
from tests.support.processes import wait_until
from tests.support.servers import closed_port
from tests.support.tables import settings

BUDGET = 0.8
GONE: Reply = (404, {}, "no_service")


@dataclass
class Notes:
    """A progress that remembers what was noted."""

    said: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Remember it."""
        self.said.append(text)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a notice does not {name}")


@dataclass
class Teller:
    """A toolbox whose `.env` values a test writes."""

    tools: Desk
    values: dict[str, Any]
    notes: Notes

    def tell(self, number: int, environment: str = "staging", **more: Any) -> float:
        """Tell one event; the seconds that it took."""
        at = "2030-01-02T03:04:05+00:00"
        made = Notice(f"r{number}-success", "success", environment, f"event {number}", (), "", at)
        began = time.monotonic()
        tell.tell(self.tools, replace(made, **more))
        return time.monotonic() - began

    @property
    def waiting(self) -> list[Path]:
        """What lies in the outbox."""
        return sorted((self.tools.state_folder / "outbox").glob("*.json"))


@pytest.fixture
def desk(tmp_path: Path) -> Teller:
    """No webhook is configured."""
    values: dict[str, Any] = {"development": {}, "staging": {}, "production": {}}
    notes = Notes()

    def found(environment: Environment) -> Mapping[str, str]:
        known = values[environment.name]
        if isinstance(known, Exception):
            raise known
        return {name: url.reveal() for name, url in known.items()}

    tools = Desk(
        settings=replace(settings(), notices=Notices(BUDGET)),
        git=Git(tmp_path, "origin"),
        progress=notes,
        values=found,
        config_folder=tmp_path / "env",
        state_folder=tmp_path / "state",
        actor="Ada",
        host="laptop",
        now=lambda: "2030-01-02T03:04:05+00:00",
        new_id=lambda: "r1",
        clock=time.monotonic,
    )
    return Teller(tools, values, notes)


@pytest.fixture
def chat() -> Iterator[Webhook]:
    """A webhook that takes everything."""
    with webhook() as server:
        yield server


def titles(server: Webhook) -> list[str]:
    """Which events a chat was told."""
    return [str(each.get("content") or each["text"]).strip("✅ .") for each in server.taken]


def test_nothing_configured_costs_nothing(desk: Teller) -> None:
    """No file, no word, no thread."""
    assert desk.tell(1) < 0.1
    assert not desk.tools.state_folder.exists()
    assert [] == desk.notes.said


def test_nothing_to_tell_imports_no_requests() -> None:
    """`requests` is loaded by the first post, and by nothing before."""
    code = "import scripts.release.messages, sys; sys.exit('requests' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode


def test_each_target_is_told_once(desk: Teller, chat: Webhook) -> None:
    """Slack and Discord get their own forms, and nothing stays behind."""
    with webhook((200, {}, "{}")) as other:
        desk.values["staging"] = {"SLACK_WEBHOOK_URL": chat.url, "DISCORD_WEBHOOK_URL": other.url}
        desk.tell(1)

        assert (["event 1"], ["event 1"]) == (titles(chat), titles(other))
        assert "blocks" in chat.taken[0]
        assert {"parse": []} == other.taken[0]["allowed_mentions"]
    assert ([], []) == (desk.waiting, desk.notes.said)


def test_what_was_down_is_told_by_the_next_run_oldest_first(desk: Teller, chat: Webhook) -> None:
    """Also of another environment, and without a new event."""
    down = Secret(f"http://127.0.0.1:{closed_port()}/services/T/B/token")
    desk.values["staging"] = desk.values["production"] = {"SLACK_WEBHOOK_URL": down}
    desk.tell(1)
    desk.tell(2)
    desk.tell(3, "production")
    assert 3 == len(desk.waiting)
    assert {0o600} == {stat.S_IMODE(each.stat().st_mode) for each in desk.waiting}
    assert "token" not in "".join(each.read_text() for each in desk.waiting)
    assert desk.notes.said[0] == (
        "warning: 1 notice waits for slack of staging: can't connect; the next run tries again"
    )
    assert "2 notices wait for slack of staging" in desk.notes.said[1]
    desk.notes.said.clear()
    desk.values["staging"] = desk.values["production"] = {"SLACK_WEBHOOK_URL": chat.url}
    tell.flush(desk.tools)

    assert ["event 1", "event 2"] == [each for each in titles(chat) if each != "event 3"]
    assert 3 == len(chat.taken)
    assert ([], []) == (desk.waiting, desk.notes.said)


def test_a_dead_target_neither_delays_nor_hides_the_other(desk: Teller, chat: Webhook) -> None:
    """A webhook that hangs costs the budget; the living one has its notice long before."""
    with webhook(*[5.0] * 4) as hangs:
        desk.values["staging"] = {"SLACK_WEBHOOK_URL": hangs.url, "DISCORD_WEBHOOK_URL": chat.url}
        took = desk.tell(1)

        assert BUDGET <= took + 0.1
        assert took < BUDGET + 0.3
        assert ["event 1"] == titles(chat)
        assert ["slack"] == [each.name.split(".")[4] for each in desk.waiting]
        assert 1 == len(desk.notes.said)


def test_what_is_refused_is_reported_and_does_not_stop_the_next(desk: Teller, chat: Webhook) -> None:
    """It lies in `refused`."""
    chat.replies = [GONE]
    desk.values["staging"] = {"SLACK_WEBHOOK_URL": chat.url}
    desk.tell(1)
    desk.tell(2)

    assert ["event 2"] == titles(chat)
    assert [] == desk.waiting
    assert ["HTTP 404: no_service"] == [
        json.loads(each.read_text())["why"] for each in desk.tools.state_folder.glob("outbox/refused/*")
    ]
    assert "refused a notice (HTTP 404: no_service)" in desk.notes.said[0]
    assert 1 == len(desk.notes.said)


def test_a_full_disk_still_tells(desk: Teller, chat: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """From memory, then; and says that the outbox can't be written."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Outbox, "put", full)
    desk.values["staging"] = {"SLACK_WEBHOOK_URL": chat.url}
    desk.tell(1)

    assert ["event 1"] == titles(chat)
    assert ["warning: the outbox can't be written: No space left on device"] == desk.notes.said


@pytest.mark.parametrize("broken", ["environment", "values", "outbox", "bug", "progress"])
def test_it_never_raises(desk: Teller, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain that changed, a `.env` that can't be read, a file in the way, a bug, nobody who listens."""
    desk.values["staging"] = {"SLACK_WEBHOOK_URL": Secret("https://127.0.0.1:1/T/B/token")}
    if broken == "values":
        desk.values["staging"] = ConfigError("a line that can't be read")
    if broken == "outbox":
        desk.tools.state_folder.mkdir()
        (desk.tools.state_folder / "outbox").write_text("in the way")
    if broken == "bug":
        monkeypatch.setattr(notify_webhook, "post", None)
    if broken == "progress":
        monkeypatch.setattr(desk.notes, "said", None)

    desk.tell(1, "nowhere" if broken == "environment" else "staging")


@pytest.mark.parametrize("stop", [Stop("interrupted by SIGTERM"), Interrupted("interrupted")])
def test_a_signal_ends_the_telling_and_leaves_the_release_done(
    desk: Teller, stop: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release is live and written down: what is interrupted is only the waiting for a chat."""

    def interrupted(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr(deliver, "wait_for", interrupted)
    desk.values["staging"] = {"SLACK_WEBHOOK_URL": Secret("https://127.0.0.1:1/T/B/token")}
    desk.tell(1)

    assert 1 == len(desk.waiting)


def test_a_missing_address_waits_and_is_said(desk: Teller) -> None:
    """CI may know it where a laptop does not."""
    desk.values["staging"] = {"SLACK_WEBHOOK_URL": Secret("https://127.0.0.1:1/T/B/token")}
    desk.tell(1)
    desk.notes.said.clear()
    desk.values["staging"] = {}
    tell.flush(desk.tools)

    assert 1 == len(desk.waiting)
    assert "this run knows no `SLACK_WEBHOOK_URL` of staging" in desk.notes.said[0]


def test_no_secret_goes_into_a_notice(desk: Teller, chat: Webhook) -> None:
    """Whatever a commit or an error says; also one that escaping would change."""
    secret = Secret("s3cr<t&value@x")
    desk.values["staging"] = {"SLACK_WEBHOOK_URL": chat.url}
    desk.tell(1, facts=(("why", f"password {secret.reveal()} at {chat.url.reveal()}"),))

    assert "s3cr" not in json.dumps(chat.taken)
    assert "a-token-of-this-webhook" not in json.dumps(chat.taken)
    assert "***" in json.dumps(chat.taken)


def test_a_start_in_the_background_comes_before_the_end(desk: Teller, chat: Webhook) -> None:
    """It holds nothing up; the next notice waits its turn."""
    chat.replies = [0.3]
    desk.values["staging"] = {"SLACK_WEBHOOK_URL": chat.url}
    first = Notice("r1-start", "start", "staging", "event 1", (), "", "2030-01-02T03:04:05+00:00")
    began = time.monotonic()
    tell.say(desk.tools, lambda: first, wait=False)
    assert time.monotonic() - began < 0.2
    assert wait_until(lambda: chat.asked)
    desk.tell(2)

    assert ["▶ event 1", "event 2"] == titles(chat)
    assert ([], []) == (desk.waiting, desk.notes.said)


def test_files_are_private_whatever_the_umask(desk: Teller) -> None:
    """The folder too."""
    old = os.umask(0)
    try:
        desk.values["staging"] = {"SLACK_WEBHOOK_URL": Secret("https://127.0.0.1:1/T/B/token")}
        desk.tell(1)
    finally:
        os.umask(old)

    assert 0o700 == stat.S_IMODE((desk.tools.state_folder / "outbox").stat().st_mode)
