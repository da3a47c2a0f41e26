"""Sending: it raises nothing, keeps to its budget, and leaves nothing undelivered that can be delivered."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.config.settings import Notices
from scripts.errors import ConfigError, Interrupted, Refused
from scripts.notify import deliver
from scripts.notify import webhook as notify_webhook
from scripts.notify.events import Fact, Notice
from scripts.notify.outbox import Outbox
from scripts.system.secret import Secret
from scripts.system.signals import Stop
from tests.fakes.world import Notes
from tests.support.desks import ROOT
from tests.support.fake_desk import NOW, fake_desk
from tests.support.posts import Reply, Webhook, webhook
from tests.support.processes import wait_until
from tests.support.servers import closed_port
from tests.support.tables import settings

BUDGET = 1.5  # seconds; half of them go to attempts where nothing answers
PATIENT = 30.0  # seconds, for a chat that answers at once on a quiet machine
GONE: Reply = (404, {}, "no_service")
NOWHERE = Secret("https://127.0.0.1:1/T/B/token")


def event(number: int, environment: str = "staging", **more: Any) -> Notice:
    """The notice of an event."""
    made = Notice(f"r{number}-success", "success", environment, f"event {number}", (), "", NOW)
    return replace(made, **more)


@dataclass
class Sender:
    """A desk whose webhooks a test sets."""

    desk: Desk
    values: dict[str, Any]
    progress: Notes

    @property
    def notes(self) -> list[str]:
        """What people were shown."""
        return self.progress.lines

    @property
    def waiting(self) -> list[Path]:
        """What is in the outbox."""
        return sorted((self.desk.state_folder / "outbox").glob("*.json"))

    def webhooks(self, environment: str = "staging", **urls: Secret) -> None:
        """Configure webhooks: `slack=URL`."""
        self.values[environment] = {
            f"{target.upper()}_WEBHOOK_URL": url.reveal() for target, url in urls.items()
        }

    def send(self, notice: Notice) -> float:
        """Send one; returns the seconds that it took."""
        began = time.monotonic()
        deliver.send(self.desk, lambda: notice)
        return time.monotonic() - began


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    """No webhook is configured; the clock is the real one."""
    values: dict[str, Any] = {}
    progress = Notes()
    desk = fake_desk(
        tmp_path,
        values,
        settings=replace(settings(), notices=Notices(BUDGET)),
        progress=progress,
        clock=time.monotonic,
    )
    return Sender(desk, values, progress)


@pytest.fixture
def chat() -> Iterator[Webhook]:
    """A webhook that takes everything."""
    with webhook() as server:
        yield server


def titles(server: Webhook) -> list[str]:
    """Which events a chat was told."""
    return [str(each.get("content") or each["text"]).strip("✅ .") for each in server.taken]


def test_nothing_configured_costs_nothing(sender: Sender) -> None:
    """No file, no word, no thread."""
    assert sender.send(event(1)) < 0.1
    assert not sender.desk.state_folder.exists()
    assert sender.notes == []


def test_importing_it_does_not_import_requests() -> None:
    """`requests` is loaded by the first post, and by nothing before."""
    code = "import scripts.notify.deliver, sys; sys.exit('requests' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_each_target_gets_a_notice_once(sender: Sender, chat: Webhook) -> None:
    """Slack and Discord get payloads of their own, and nothing waits."""
    with webhook((200, {}, "{}")) as other:
        sender.webhooks(slack=chat.url, discord=other.url)
        patient = replace(sender.desk.settings, notices=Notices(PATIENT))
        deliver.send(replace(sender.desk, settings=patient), lambda: event(1))

        assert (titles(chat), titles(other)) == (["event 1"], ["event 1"])
        assert "blocks" in chat.taken[0]
        assert other.taken[0]["allowed_mentions"] == {"parse": []}
    assert (sender.waiting, sender.notes) == ([], [])


def test_the_next_run_delivers_after_an_outage_oldest_first(sender: Sender, chat: Webhook) -> None:
    """Also of another environment, and without a new event."""
    down = Secret(f"http://127.0.0.1:{closed_port()}/services/T/B/token")
    for name in ("staging", "production"):
        sender.webhooks(name, slack=down)
    sender.send(event(1))
    sender.send(event(2))
    sender.send(event(3, "production"))
    assert len(sender.waiting) == 3
    assert {stat.S_IMODE(each.stat().st_mode) for each in sender.waiting} == {0o600}
    assert "token" not in "".join(each.read_text() for each in sender.waiting)
    assert sender.notes[0] == (
        "warning: 1 notice waits for slack of staging: can't connect; the next run tries again"
    )
    assert "2 notices wait for slack of staging" in sender.notes[1]
    sender.notes.clear()
    for name in ("staging", "production"):
        sender.webhooks(name, slack=chat.url)
    deliver.flush(sender.desk)

    assert [each for each in titles(chat) if each != "event 3"] == ["event 1", "event 2"]
    assert len(chat.taken) == 3
    assert (sender.waiting, sender.notes) == ([], [])


def test_a_target_that_hangs_does_not_delay_the_other(sender: Sender, chat: Webhook) -> None:
    """A webhook that hangs costs the budget; the other one has its notice long before."""
    with webhook(*[PATIENT] * 4) as hangs:
        sender.webhooks(slack=hangs.url, discord=chat.url)
        took = sender.send(event(1))

        assert BUDGET - 0.1 <= took < PATIENT / 2
        assert titles(chat) == ["event 1"]
        assert [each.name.split(".")[4] for each in sender.waiting] == ["slack"]
        assert len(sender.notes) == 1


def test_a_refused_notice_is_reported_and_does_not_block_the_next(sender: Sender, chat: Webhook) -> None:
    """It is kept in `refused`."""
    chat.replies = [GONE]
    sender.webhooks(slack=chat.url)
    sender.send(event(1))
    sender.send(event(2))

    assert titles(chat) == ["event 2"]
    assert sender.waiting == []
    assert [
        json.loads(each.read_text())["why"] for each in sender.desk.state_folder.glob("outbox/refused/*")
    ] == ["HTTP 404: no_service"]
    assert "refused a notice (HTTP 404: no_service)" in sender.notes[0]
    assert len(sender.notes) == 1


def test_a_full_disk_still_sends(sender: Sender, chat: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """From memory, with a warning."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Outbox, "put", full)
    sender.webhooks(slack=chat.url)
    sender.send(event(1))

    assert titles(chat) == ["event 1"]
    assert sender.notes == ["warning: the outbox can't be written: No space left on device"]


@pytest.mark.parametrize("broken", ["environment", "values", "outbox", "bug", "progress"])
def test_it_never_raises(sender: Sender, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown environment, an unreadable `.env`, a file in the way, a bug, a broken terminal."""
    sender.webhooks(slack=NOWHERE)
    if broken == "values":
        sender.values["staging"] = ConfigError("a line that can't be read")
    if broken == "outbox":
        sender.desk.state_folder.mkdir()
        (sender.desk.state_folder / "outbox").write_text("in the way")
    if broken == "bug":
        monkeypatch.setattr(notify_webhook, "post", None)
    if broken == "progress":
        monkeypatch.setattr(sender.progress, "lines", None)

    sender.send(event(1, "nowhere" if broken == "environment" else "staging"))


@pytest.mark.parametrize("stop", [Stop("interrupted by SIGTERM"), Interrupted("interrupted")])
def test_a_signal_after_a_release_ends_only_the_wait(
    sender: Sender, stop: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release is live and in the ledger; the notice waits for the next run."""

    def interrupted(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr(deliver, "wait_for", interrupted)
    sender.webhooks(slack=NOWHERE)
    sender.send(event(1))

    assert len(sender.waiting) == 1


def test_without_the_webhook_s_url_a_notice_waits(sender: Sender) -> None:
    """CI may have it where a laptop does not."""
    sender.webhooks(slack=NOWHERE)
    sender.send(event(1))
    sender.notes.clear()
    sender.webhooks()
    deliver.flush(sender.desk)

    assert len(sender.waiting) == 1
    assert "this run has no `SLACK_WEBHOOK_URL` of staging" in sender.notes[0]


def test_no_secret_goes_into_a_notice(sender: Sender, chat: Webhook) -> None:
    """Whatever a commit or an error says; also one that escaping would change."""
    secret = Secret("s3cr<t&value@x")
    sender.webhooks(slack=chat.url)
    sender.send(event(1, facts=(Fact("why", f"password {secret.reveal()} at {chat.url.reveal()}"),)))

    assert "s3cr" not in json.dumps(chat.taken)
    assert "a-token-of-this-webhook" not in json.dumps(chat.taken)
    assert "***" in json.dumps(chat.taken)


def test_a_start_in_the_background_comes_before_the_end(sender: Sender, chat: Webhook) -> None:
    """It does not block; the next notice waits its turn."""
    chat.replies = [1.0]
    sender.webhooks(slack=chat.url)
    first = Notice("r1-start", "start", "staging", "event 1", (), "", "2030-01-02T03:04:05+00:00")
    began = time.monotonic()
    deliver.send(sender.desk, lambda: first, wait=False)
    assert time.monotonic() - began < 1
    assert wait_until(lambda: chat.asked)
    sender.send(event(2))

    assert titles(chat) == ["▶ event 1", "event 2"]
    assert (sender.waiting, sender.notes) == ([], [])


def test_files_are_private_whatever_the_umask(sender: Sender) -> None:
    """The folder too."""
    old = os.umask(0)
    try:
        sender.webhooks(slack=NOWHERE)
        sender.send(event(1))
    finally:
        os.umask(old)

    assert stat.S_IMODE((sender.desk.state_folder / "outbox").stat().st_mode) == 0o700


@pytest.mark.parametrize("stop", [Stop("interrupted by SIGTERM"), Interrupted("interrupted")])
def test_a_signal_before_a_release_reaches_the_caller(sender: Sender, stop: BaseException) -> None:
    """A notice in the background is sent while the release is still ahead: it must be undone."""

    def interrupted() -> Notice:
        raise stop

    with pytest.raises(type(stop)):
        deliver.send(sender.desk, interrupted, wait=False)


def test_a_notice_that_can_t_be_built_is_a_warning(sender: Sender) -> None:
    """A bug in the text of a notice fails no release."""
    deliver.send(sender.desk, lambda: 1 / 0)  # type: ignore[arg-type,return-value]

    assert sender.notes == ["warning: a notice could not be sent (ZeroDivisionError)"]


def test_a_failed_backup_is_reported_with_its_hint(sender: Sender, chat: Webhook) -> None:
    """The error's words, and what to type."""
    sender.webhooks(slack=chat.url)
    fault = Refused("the disk is full", "`df`")
    deliver.backup_failed(sender.desk, sender.desk.settings.environment("staging"), fault)

    assert len(chat.taken) == 1
    text = json.dumps(chat.taken)
    assert "staging: NO PROVEN BACKUP" in text
    assert "the disk is full" in text
    assert "*next:* `df`" in text


def test_undelivered_counts_one_environment(sender: Sender) -> None:
    """What waits for another one is no reason to fail a drill here."""
    for name in ("staging", "production"):
        sender.webhooks(name, slack=NOWHERE, discord=NOWHERE)
        sender.send(event(1, name))

    assert deliver.undelivered(sender.desk, sender.desk.settings.environment("staging")) == 2


@pytest.mark.parametrize(
    ("query", "expected"), [("", "?wait=true"), ("?a=b", "?a=b&wait=true"), ("?wait=1", "?wait=1")]
)
def test_discord_is_asked_to_confirm(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, query: str, expected: str
) -> None:
    """Without `wait`, its 204 comes before the message is stored."""
    posted: list[str] = []

    def post(url: Secret, *_: object, **__: object) -> notify_webhook.Delivery:
        posted.append(url.reveal())
        return notify_webhook.Delivery("delivered")

    monkeypatch.setattr(notify_webhook, "post", post)
    sender.webhooks(discord=Secret(f"https://discord.example/token{query}"))
    sender.send(event(1))

    assert posted == [f"https://discord.example/token{expected}"]
