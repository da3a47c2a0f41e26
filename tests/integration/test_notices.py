"""Notices, read from the sandbox's inboxes: one for each event, whatever the webhooks answer."""

from __future__ import annotations

import hashlib
import json
import signal
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.sandbox import webhook_rules
from tests.integration.desk import ROOT, Call, Desk, ended
from tests.support import skips
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(600)

DEV = ("--env", "development")
BUDGET = 3.0  # of the sandbox's configuration
HOSTILE = "<!channel> @everyone <@U1> [x](https://evil.example) & `$(id)`"
BAD_HOME = "export function home() { throw new Error('no'); }\n"
STAGING = ("--env", "staging")
FREEZE = ("freeze", *STAGING, "--until", "2999-01-01", "--reason", "holidays")
THAW = ("unfreeze", *STAGING, "--reason", "over")


@dataclass
class Inbox:
    """What both chats were told since a test began."""

    desk: Desk
    begun: dict[str, int] = field(default_factory=dict)

    def lines(self, name: str) -> list[dict[str, Any]]:
        """A file of the inbox."""
        file = self.desk.world.inbox / f"{name}.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def begin(self) -> None:
        """From here on; with no faults."""
        self.play(None)
        self.begun = {name: len(self.lines(name)) for name in ("slack", "discord", "asked")}

    def play(self, faults: object) -> None:
        """Have it play faults (`scripts/sandbox/inbox.py` lists them); None takes them back."""
        file = self.desk.world.inbox / "faults.json"
        file.write_text(json.dumps(faults)) if faults is not None else file.unlink(missing_ok=True)

    def told(self, target: str) -> list[str]:
        """The titles: environment and what happened."""
        payloads = [each["payload"] for each in self.lines(target)[self.begun[target] :]]
        heads = [
            str(p["content"] if target == "discord" else p["blocks"][0]["text"]["text"]) for p in payloads
        ]
        return [head.partition(" ")[2] for head in heads]

    def payloads(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """All that was told."""
        for target in ("slack", "discord"):
            for each in self.lines(target)[self.begun[target] :]:
                yield target, each["payload"]

    def both(self) -> list[str]:
        """The titles, which are the same in both chats."""
        assert self.told("slack") == self.told("discord")
        return self.told("slack")

    def asked(self, target: str) -> int:
        """How many posts there were."""
        asked = self.lines("asked")[self.begun["asked"] :]
        return sum(each["target"] == target for each in asked)


@pytest.fixture(scope="module", autouse=True)
def live(desk: Desk) -> Iterator[None]:
    """Something is live; nothing stays frozen."""
    assert desk("deploy", *DEV).code == 0
    yield
    desk(*THAW)


@pytest.fixture
def inbox(desk: Desk) -> Iterator[Inbox]:
    """An inbox without faults, and nothing left over."""
    made = Inbox(desk)
    made.begin()
    yield made
    made.play(None)
    assert [] == waiting(desk)


def waiting(desk: Desk) -> list[Path]:
    """What this world's outbox still holds."""
    mark = hashlib.sha256(str(desk.world.env_dir.resolve()).encode()).hexdigest()[:12]
    return sorted((desk.world.folder / ".airhost" / "outbox").glob(f"{mark}.*"))


def release(desk: Desk, subject: str = "a change") -> Call:
    """A new commit, deployed to development."""
    desk.commit({"NOTES.md": f"{subject} at {time.time()}\n"}, subject)
    return desk("deploy", *DEV)


def text(inbox: Inbox) -> list[str]:
    """Each payload as text."""
    return [json.dumps(payload, ensure_ascii=False) for _, payload in inbox.payloads()]


def test_a_release_is_told_once_with_all_that_matters(desk: Desk, inbox: Inbox) -> None:
    """Who, what, where, how long, what to type next; and only after the ledger has it."""
    call = release(desk, "guests may write")

    assert 0 == call.code, call.err
    assert [f"development: {call.document['release']} is live"] == inbox.both()
    for said in text(inbox):
        for word in ("Ada", "guests may write", call.document["commit"][:8], "invoke promote --to staging"):
            assert word in said
        assert desk.world.environment("development").url in said
        assert "took" in said
    assert (1, 1) == (inbox.asked("slack"), inbox.asked("discord"))
    finished = datetime.fromisoformat(desk.ledger()[-1]["at"])
    assert finished <= datetime.fromisoformat(inbox.lines("slack")[-1]["at"])


def test_a_failure_with_its_automatic_rollback_is_one_notice(desk: Desk, inbox: Inbox) -> None:
    """What failed, why, and what is live again."""
    before = desk.served("development")
    desk.commit({"server/home.js": BAD_HOME}, "a bad home")
    try:
        call = desk("deploy", *DEV)

        assert 1 == call.code, call.err
        (title,) = inbox.both()
        assert f"{call.document['release']} failed at verify and was rolled back" in title
        assert all("gives 500" in said and before and before[:12] in said for said in text(inbox))
        assert before == desk.served("development")
    finally:
        git_back(desk)


def git_back(desk: Desk) -> None:
    """The page as it was, by a new commit."""
    home = desk.world.clone / "server" / "home.js"
    first = (ROOT / "scripts" / "sandbox" / "sample_app" / "server" / "home.js").read_text()
    assert home.read_text() != first
    desk.commit({"server/home.js": first}, "fixed")


@skips.LONG
def test_a_failure_that_touched_nothing_live_is_one_notice(desk: Desk, inbox: Inbox) -> None:
    """A migration that fails."""
    name = "supabase/migrations/29990101000000_bad.sql"
    desk.commit({name: "create tabel nonsense();\n"}, "a bad migration")
    try:
        call = desk("deploy", *DEV)

        assert 1 == call.code, call.err
        (title,) = inbox.both()
        assert "failed at" in title
        assert "rolled back" not in title
        assert all("29990101000000_bad.sql" in said.replace("\\\\_", "_") for said in text(inbox))
    finally:
        desk.remove(name)


@skips.LONG
def test_a_guarded_environment_is_told_of_the_start_too(desk: Desk, inbox: Inbox) -> None:
    """Start, then success; staging has no start."""
    assert 0 == desk(*THAW).code
    assert 0 == release(desk).code
    inbox.begin()
    assert 0 == desk("promote", "--to", "staging").code
    call = desk("promote", "--to", "production", "--yes")

    assert 0 == call.code, call.err
    told = inbox.both()
    assert 3 == len(told)
    assert told[0].startswith("staging: v")
    assert f"production: a promote of {call.document['commit'][:12]} begins" == told[1]
    assert f"production: {call.document['release']} is live" == told[2]


@skips.LONG
def test_rollback_hold_and_freeze_are_told_once_each(desk: Desk, inbox: Inbox) -> None:
    """Each with the command that lifts it."""
    assert 0 == release(desk).code
    inbox.begin()
    back = desk("rollback", *DEV, "--reason", "slow")
    assert 0 == back.code, back.err
    assert 0 == desk("release-hold", *DEV, "--reason", "fixed").code
    assert 0 == desk(*FREEZE).code
    assert 0 == desk(*THAW).code
    rolled, hold, frozen, thawed = inbox.both()

    assert "development: rolled back to v" in rolled
    assert "development: the hold is released" == hold
    assert "staging is frozen until 2999-01-01" in frozen
    assert "staging is no longer frozen" == thawed
    said = text(inbox)
    assert "invoke release-hold --env development" in said[0]
    assert "slow" in said[0]
    assert "invoke unfreeze --env staging" in said[2]
    assert "holidays" in said[2]


@pytest.mark.parametrize("subject", [HOSTILE, f"{HOSTILE} {'long changelog & ' * 300}"[:5_000]])
def test_a_hostile_commit_message_does_no_harm(desk: Desk, inbox: Inbox, subject: str) -> None:
    """Taken by both vendors, pings nobody, links nowhere."""
    call = release(desk, subject)

    assert 0 == call.code, call.err
    assert [f"development: {call.document['release']} is live"] == inbox.both()
    for target, payload in inbox.payloads():
        pings = webhook_rules.slack_pings if target == "slack" else webhook_rules.discord_pings
        assert not pings(payload)
        assert "@everyone" not in json.dumps(payload)
        assert "https://evil" not in json.dumps(payload)


def again(body: str = "", **headers: str) -> list[dict[str, Any]]:
    """One 429."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [{"status": 429, "headers": named, "body": body}]


def soon() -> str:
    """A date that comes within the budget."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


FORMS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "seconds": lambda: again(Retry_After="1"),
    "float": lambda: again(Retry_After="0.7"),
    "date": lambda: again(Retry_After=soon()),
    "json": lambda: again('{"message": "slow", "retry_after": 0.8, "global": false}'),
    "reset after": lambda: again(X_RateLimit_Reset_After="0.9"),
    "missing": again,
    "garbage": lambda: again(Retry_After="soon"),
    "negative": lambda: again(Retry_After="-3"),
    "500 twice": lambda: [{"status": 500, "body": "rollup_error"}] * 2,
    "cut off": lambda: [{"down": True}],
}


@pytest.mark.parametrize("form", FORMS)
def test_one_notice_whatever_is_answered_first(desk: Desk, inbox: Inbox, form: str) -> None:
    """Both chats; nothing waits, nothing is reported."""
    inbox.play({"slack": FORMS[form](), "discord": FORMS[form]()})
    call = desk(*FREEZE)

    assert 0 == call.code
    assert 1 == len(inbox.both())
    assert inbox.asked("slack") == inbox.asked("discord") == (3 if form == "500 twice" else 2)
    assert "notice" not in call.err
    assert [] == waiting(desk)


HUGE: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "seconds": lambda: again(Retry_After="3600"),
    "digits": lambda: again(Retry_After="9" * 300),
    "date": lambda: again(Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"),
    "json": lambda: again('{"retry_after": 64.5}'),
}


@pytest.mark.parametrize("form", HUGE)
def test_a_huge_wait_is_left_to_the_next_run(desk: Desk, inbox: Inbox, form: str) -> None:
    """Said at once, kept, and told exactly once."""
    inbox.play({"slack": HUGE[form]()})
    call = desk(*FREEZE)

    assert 0 == call.code
    assert ([], 1) == (inbox.told("slack"), len(inbox.told("discord")))
    assert "1 notice waits for slack of staging: HTTP 429, and asks to wait" in call.err
    assert 1 == len(waiting(desk))
    assert 0 == desk(*THAW).code
    assert 2 == len(inbox.both())
    assert [] == waiting(desk)


def test_down_for_the_whole_run_is_told_by_the_next(desk: Desk, inbox: Inbox) -> None:
    """Also when the next one has nothing to do; private on disk, and without the address."""
    inbox.play({"down": True})
    call = release(desk)

    assert (0, "done") == (call.code, call.document["ending"])
    assert "1 notice waits for slack of development" in call.err
    assert "1 notice waits for discord of development" in call.err
    files = waiting(desk)
    assert {0o600} == {stat.S_IMODE(each.stat().st_mode) for each in files}
    assert desk.world.inbox_token not in "".join(each.read_text() for each in files)
    assert [] == inbox.both()
    inbox.play(None)
    second = desk("deploy", *DEV)

    assert "nothing" == second.document["ending"]
    assert [f"development: {call.document['release']} is live"] == inbox.both()
    assert [] == waiting(desk)


@skips.LONG
def test_a_webhook_that_hangs_costs_the_budget_and_no_more(desk: Desk, inbox: Inbox) -> None:
    """Slack hangs; Discord is told, and the release is as quick as before."""
    began = time.monotonic()
    quick = release(desk)
    usual = time.monotonic() - began
    inbox.begin()
    inbox.play({"slack": [{"delay": 60, "status": 500}] * 9})
    began = time.monotonic()
    call = release(desk)
    took = time.monotonic() - began

    assert (0, 0) == (quick.code, call.code)
    assert ([], 1) == (inbox.told("slack"), len(inbox.told("discord")))
    assert took - usual < BUDGET + 2.0  # the machine is shared
    inbox.play(None)
    assert "nothing" == desk("deploy", *DEV).document["ending"]
    assert 1 == len(inbox.both())


@skips.LONG
def test_an_interrupted_run_is_told_without_delay(desk: Desk, inbox: Inbox) -> None:
    """SIGTERM, with a webhook that hangs: over within a CI's patience; told by the next run."""
    inbox.play({"slack": [{"delay": 60, "status": 500}] * 9})
    desk.commit({"NOTES.md": f"{time.time()}\n"})
    child = desk.start("deploy", *DEV)
    assert wait_until(lambda: any(ref.startswith("refs/deploy/lock") for ref in desk.refs()), 30)
    time.sleep(0.3)  # it is building
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    call = ended(child)

    assert 130 == call.code, call.err
    assert time.monotonic() - began < 8
    assert 1 == len(inbox.told("discord"))
    inbox.play(None)
    assert 0 == desk("deploy", *DEV).code
    assert "interrupted" in text(inbox)[0]
    assert 2 == len(inbox.both())


def test_a_webhook_that_is_gone_is_reported_and_blocks_nothing(desk: Desk, inbox: Inbox) -> None:
    """404: kept in `refused`; the next notice goes out."""
    inbox.play({"slack": [{"status": 404, "body": "no_service"}]})
    call = desk(*FREEZE)
    desk(*THAW)

    assert 0 == call.code
    assert "slack of staging refused a notice (HTTP 404: no_service)" in call.err
    assert (1, 2) == (len(inbox.told("slack")), len(inbox.told("discord")))


def test_the_address_is_nowhere(desk: Desk, inbox: Inbox) -> None:
    """Not in what is said, in the document, in the ledger, or in what the desk keeps."""
    inbox.play({"down": True})
    call = desk(*FREEZE)
    inbox.play({"slack": [{"status": 404, "body": f"/slack/staging/{desk.world.inbox_token}"}]})
    second = desk(*THAW)
    files = [each for each in (desk.world.folder / ".airhost").rglob("*") if each.is_file()]
    kept = [each.read_bytes().decode(errors="replace") for each in files]
    everything = [call.err, call.out, second.err, second.out, json.dumps(desk.ledger()), *kept]

    assert [] == [each for each in everything if desk.world.inbox_token in each]
