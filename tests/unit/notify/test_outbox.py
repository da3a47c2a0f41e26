"""The outbox: private, atomic, oldest first; several senders and a killed one deliver each event once."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.notify.outbox import KEEP_REFUSED, Entry, Outbox
from tests.support.desks import ROOT
from tests.support.posts import Webhook, webhook
from tests.support.processes import wait_until

SENDER = """
import sys, time
from pathlib import Path
from scripts.notify import webhook
from scripts.notify.outbox import Outbox
from scripts.system.secret import Secret

folder, configuration, url, then = sys.argv[1:]
box = Outbox(Path(folder), Path(configuration))
for entry in box.waiting():
    with box.claim(entry) as payload:
        if payload is not None:
            assert webhook.post(Secret(url), payload, 20).state == "delivered"
            if then == "hang":
                print("sent", flush=True)
                time.sleep(60)
            box.remove(entry)
"""


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    """An empty outbox."""
    (tmp_path / "env").mkdir()
    return Outbox(tmp_path / "state" / "outbox", tmp_path / "env")


@pytest.fixture
def server() -> Iterator[Webhook]:
    """A chat."""
    with webhook() as made:
        yield made


def sender(tmp_path: Path, server: Webhook, then: str = "") -> subprocess.Popen[str]:
    """Another process that delivers the outbox."""
    arguments = [str(tmp_path / "state" / "outbox"), str(tmp_path / "env"), server.url.reveal(), then]
    return subprocess.Popen(
        [sys.executable, "-c", SENDER, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def ended(child: subprocess.Popen[str]) -> int:
    """How it ended."""
    child.communicate(timeout=60)
    return child.returncode


def files(tmp_path: Path) -> list[Path]:
    """All files in the outbox."""
    return sorted(each for each in (tmp_path / "state" / "outbox").rglob("*") if each.is_file())


def test_an_entry_is_private_and_does_not_contain_the_url(box: Outbox, tmp_path: Path) -> None:
    """0600 in 0700, whatever the umask; the name says which event it is."""
    old = os.umask(0)
    try:
        box.put("r1-success", "staging", "slack", {"text": "é"})
    finally:
        os.umask(old)
    (file,) = files(tmp_path)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.name.endswith(".r1-success.staging.slack.json")
    assert json.loads(file.read_text())["payload"] == {"text": "é"}


def test_one_event_and_target_is_one_file(box: Outbox, tmp_path: Path) -> None:
    """Putting it again adds nothing; targets, environments and events are distinct."""
    for event, environment, target in [
        ("r1-start", "staging", "slack"),
        ("r1-start", "staging", "slack"),
        ("r1-start", "staging", "discord"),
        ("r1-success", "staging", "slack"),
        ("r1-start", "production", "slack"),
    ]:
        box.put(event, environment, target, {"text": "x"})

    assert len(files(tmp_path)) == 4
    assert len({(each.lane, each.file) for each in box.waiting()}) == 4


def test_the_oldest_comes_first(box: Outbox) -> None:
    """In the order of `put`."""
    events = [f"r{number}-success" for number in (3, 1, 2, 9, 4)]
    for event in events:
        box.put(event, "staging", "slack", {"event": event})

    assert events == [each.file.name.split(".")[2] for each in box.waiting() if each.file]


def test_an_event_name_is_no_path(box: Outbox, tmp_path: Path) -> None:
    """Whatever a run is called."""
    box.put("../../*.x", "staging", "slack", {})

    assert 1 == len(files(tmp_path)) == len(box.waiting())


def test_another_configuration_is_another_outbox(box: Outbox, tmp_path: Path) -> None:
    """A sandbox's undelivered notices never go to the real team."""
    box.put("r1-success", "production", "slack", {"text": "sandbox"})
    real = Outbox(tmp_path / "state" / "outbox", tmp_path / "real")

    assert real.waiting() == []
    assert len(box.waiting()) == 1


def test_files_of_a_deleted_configuration_are_removed(box: Outbox, tmp_path: Path) -> None:
    """After a day; so are partial files of a killed writer."""
    other = Outbox(tmp_path / "state" / "outbox", tmp_path / "other")
    for event in ("old", "new"):
        box.put(event, "staging", "slack", {})
    (tmp_path / "state" / "outbox" / "part-1-x.json").touch()
    for each in files(tmp_path):
        if "new" not in each.name:
            os.utime(each, (time.time() - 90_000,) * 2)
    other.waiting()
    assert len(files(tmp_path)) == 2
    (tmp_path / "env").rmdir()
    other.waiting()

    assert [each.name.split(".")[2] for each in files(tmp_path)] == ["new"]


def test_a_claim_is_exclusive_and_ends(box: Outbox) -> None:
    """One sender at a time; afterwards it can be claimed again, until it is removed."""
    box.put("r1-success", "staging", "slack", {"text": "x"})
    (entry,) = box.waiting()
    with box.claim(entry) as first, box.claim(entry) as second:
        assert (first, second) == ({"text": "x"}, None)
    with box.claim(entry) as third:
        assert third == {"text": "x"}
        box.remove(entry)
    with box.claim(entry) as fourth:
        assert fourth is None
    assert box.waiting() == []


def test_an_entry_that_was_removed_while_it_was_opened_is_not_sent(
    box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a deleted file is worth nothing."""
    box.put("r1-success", "staging", "slack", {})
    (entry,) = box.waiting()
    real = fcntl.flock

    def late(handle: int, how: int) -> None:
        box.remove(entry)
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with box.claim(entry) as payload:
        assert payload is None


def test_a_damaged_file_is_an_empty_payload(box: Outbox) -> None:
    """Every vendor refuses it, so it can't block the others for ever."""
    box.put("r1-success", "staging", "slack", {"text": "x"})
    (entry,) = box.waiting()
    assert entry.file
    entry.file.write_text("{")
    with box.claim(entry) as payload:
        assert payload == {}
        box.refuse(entry, "HTTP 400")

    assert box.waiting() == []


def test_refused_entries_are_kept_with_the_reason_up_to_a_limit(box: Outbox, tmp_path: Path) -> None:
    """For people to look at; the newest ones."""
    for number in range(KEEP_REFUSED + 5):
        box.put(f"r{number}-success", "staging", "slack", {"text": str(number)})
        (entry,) = box.waiting()
        box.refuse(entry, "HTTP 404")
    kept = files(tmp_path)

    assert len(kept) == KEEP_REFUSED
    assert {each.parent.name for each in kept} == {"refused"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in kept} == {0o600}
    documents = [json.loads(each.read_text()) for each in kept]
    assert {each["why"] for each in documents} == {"HTTP 404"}
    assert {str(n) for n in range(5, KEEP_REFUSED + 5)} == {each["payload"]["text"] for each in documents}


def test_a_full_disk_is_an_error_and_leaves_nothing(
    box: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No partial file; an entry without a file can still be sent."""

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        box.put("r1-success", "staging", "slack", {})

    assert files(tmp_path) == []
    entry = Entry("staging", "slack", None, {"text": "x"})
    with box.claim(entry) as payload:
        assert payload == {"text": "x"}
        box.remove(entry)
        box.refuse(entry, "why")


def test_many_processes_send_each_event_once(box: Outbox, tmp_path: Path, server: Webhook) -> None:
    """Four at the same outbox."""
    for number in range(40):
        box.put(f"r{number}-success", "staging", "slack", {"event": number})
    senders = [sender(tmp_path, server) for _ in range(4)]

    assert [ended(each) for each in senders] == [0] * 4
    assert list(Counter(each["event"] for each in server.taken).values()) == [1] * 40
    assert box.waiting() == []


def test_a_sender_killed_before_the_answer_is_taken_over_at_once(
    box: Outbox, tmp_path: Path, server: Webhook
) -> None:
    """It had begun, the vendor had not accepted yet: delivered once, by the next sender."""
    server.replies = [(500, {}, "")] * 30
    box.put("r1-success", "staging", "slack", {"event": 1})
    first = sender(tmp_path, server)
    assert wait_until(lambda: server.asked, 20)
    (entry,) = box.waiting()
    with box.claim(entry) as payload:
        assert payload is None  # the living owner has it
    first.send_signal(signal.SIGKILL)
    first.communicate()
    server.replies = []

    assert ended(sender(tmp_path, server)) == 0
    assert server.taken == [{"event": 1}]
    assert box.waiting() == []


def test_only_a_kill_after_the_answer_sends_twice(box: Outbox, tmp_path: Path, server: Webhook) -> None:
    """Between the vendor's answer and the removal: delivered twice, never lost."""
    box.put("r1-success", "staging", "slack", {"event": 1})
    first = sender(tmp_path, server, "hang")
    assert first.stdout
    assert first.stdout.readline().strip() == "sent"
    first.send_signal(signal.SIGKILL)
    first.communicate()

    assert ended(sender(tmp_path, server)) == 0
    assert server.taken == [{"event": 1}] * 2
