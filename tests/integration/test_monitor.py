"""The watch over a real app: faults are put in, and the chat is told of each once, and of its end once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.desk import Desk, ended
from tests.support import skips
from tests.support.processes import wait_until

pytestmark = [pytest.mark.timeout(600), skips.LONG]

DEV = ("--env", "development")
CLOSELY = """
[monitor]
interval = 4
second_look = 1
timeout = 2
cold_start = 0
[environment.development.watch]
minutes = 1
on_breach = "rollback"
"""
SOON = 4 * 2 + 1 + 2 * 2 + 15  # seconds: two intervals, a second look, its time-outs, and a loaded machine
WORSE = """import { sendFile } from "./static.js";

export function home(request, response) {
  if (process.uptime() > 15 && Math.random() < 0.3) throw new Error("worse");
  return sendFile(response, "index.html");
}
"""


@dataclass
class Watched:
    """Development with a closer watch, by a configuration of its own beside the world's."""

    desk: Desk
    env: dict[str, str]
    begun: int

    def titles(self) -> list[str]:
        """What Slack was told of what is down or up since the test began."""
        lines = (self.desk.world.inbox / "slack.jsonl").read_text().splitlines()[self.begun :]
        heads = [json.loads(line)["payload"]["blocks"][0]["text"]["text"] for line in lines]
        return [head.partition(" ")[2] for head in heads if head[0] in "🔴🟢"]

    def told(self, number: int) -> bool:
        """Whether so many were told, in time."""
        return wait_until(lambda: len(self.titles()) >= number, SOON)

    def app(self) -> int:
        """The process that serves the published app."""
        published = str(self.desk.world.environment("development").host / "published")
        for process in Path("/proc").glob("[0-9]*"):
            try:
                serves = b"server/index.js" in (process / "cmdline").read_bytes()
                if serves and os.readlink(process / "cwd").startswith(published):  # noqa: PTH115 - may be gone
                    return int(process.name)
            except OSError:
                continue
        raise AssertionError("nothing is served")

    def looks(self) -> int:
        """How many were written."""
        file = self.desk.world.folder / ".airhost" / "monitor.sqlite3"
        try:
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
                return int(connection.execute("select count(*) from looks").fetchone()[0])
        except sqlite3.OperationalError:  # the watch is about to make it
            return 0


@pytest.fixture
def watched(desk: Desk) -> Iterator[Watched]:
    """v1 is live there."""
    desk("release-hold", *DEV, "--reason", "a new test")
    assert desk("deploy", *DEV).code == 0
    closely = desk.world.env_dir.with_name("closely")
    shutil.copytree(desk.world.env_dir, closely)
    with (closely / "pipeline.toml").open("a") as file:
        file.write(CLOSELY)
    inbox = desk.world.inbox / "slack.jsonl"
    begun = len(inbox.read_text().splitlines()) if inbox.exists() else 0
    yield Watched(desk, {"AIRHOST_ENV_DIR": str(closely)}, begun)
    shutil.rmtree(closely)


def test_each_fault_is_one_alarm_and_one_all_clear(desk: Desk, watched: Watched) -> None:
    """An app that hangs, with the monitor killed meanwhile; and somebody publishes something else."""
    watch, app = desk.start("monitor.watch", *DEV, **watched.env), watched.app()
    try:
        assert wait_until(watched.looks, 30)
        os.kill(app, signal.SIGSTOP)
        assert watched.told(1)
        time.sleep(1)  # a chat that has answered a killed sender is told again: nobody can rule that out
        watch.kill()
        said = watch.communicate()[1]
        watch = desk.start("monitor.watch", *DEV, **watched.env)
        looks = watched.looks()
        assert wait_until(lambda: watched.looks() > looks + 24, SOON)  # two passes
        os.kill(app, signal.SIGCONT)
        assert watched.told(2)
        stamp = Path(os.readlink(f"/proc/{app}/cwd")) / "dist" / "version.json"  # noqa: PTH115
        right = stamp.read_text()
        stamp.write_text(right.replace(json.loads(right)["commit"], "f" * 40))
        assert watched.told(3)
        stamp.write_text(right)
        assert watched.told(4)
    finally:
        os.kill(app, signal.SIGCONT)
        watch.send_signal(signal.SIGTERM)
        call = ended(watch, 60)

    assert ["DOWN" in title for title in watched.titles()] == [True, False] * 2, said + call.err
    assert (call.code, call.document["ending"]) == (0, "done")


def test_a_release_that_gets_worse_is_taken_back(desk: Desk, watched: Watched) -> None:
    """Within a minute of getting worse; the one before is live again."""
    good = desk.ledger()[-1]["commit"]
    home = (desk.world.clone / "server" / "home.js").read_text()
    bad = desk.commit({"server/home.js": WORSE}, "worse after a while")
    try:
        call = desk("deploy", *DEV, **watched.env)
        check = desk("monitor.check", *DEV, **watched.env)
    finally:
        desk.commit({"server/home.js": home}, "as before")
        lifted = desk("release-hold", *DEV, "--reason", "the test is over")

    assert lifted.code == 0, lifted.err
    assert (call.code, call.document["watch"]["verdict"]) == (1, "failed")
    assert (call.document["live"], call.document["watch"]["release"]) != (bad, None)
    assert call.document["live"] == good
    assert check.code == 0, check.err


@pytest.mark.parametrize("by", ["monitor.watch", "resume"])
def test_a_window_goes_on_when_its_process_was_killed(desk: Desk, watched: Watched, by: str) -> None:
    """A `kill -9` in the window of a worse release: who comes next takes it back, once."""
    good = desk.ledger()[-1]["commit"]
    home = (desk.world.clone / "server" / "home.js").read_text()
    # another content than any that was rolled back here
    desk.commit({"server/home.js": f"{WORSE}// for {by}\n"}, f"worse after a while, for {by}")
    known = len(desk.ledger())
    try:
        release = desk.start("deploy", *DEV, **watched.env)
        assert wait_until(lambda: desk.refs("refs/deploy/watch/") or release.poll() is not None, 120)
        assert release.poll() is None, ended(release).err
        assert wait_until(lambda: not desk.refs("refs/deploy/lock/"), 30)
        time.sleep(2)  # it looks by now
        release.kill()
        release.communicate()
        assert desk.refs("refs/deploy/watch/")
        if by == "resume":
            call = desk("resume", *DEV, **watched.env)
            assert (call.code, call.document["watch"]["verdict"]) == (1, "failed"), call.err
        else:
            watch = desk.start("monitor.watch", *DEV, **watched.env)
            try:
                assert wait_until(lambda: len(desk.ledger()) >= known + 3, 180)
                assert wait_until(lambda: not desk.refs("refs/deploy/"), 30)
            finally:
                watch.send_signal(signal.SIGTERM)
                call = ended(watch, 60)
    finally:
        desk.commit({"server/home.js": home}, "as before")
        lifted = desk("release-hold", *DEV, "--reason", "the test is over")

    assert lifted.code == 0, lifted.err
    news = [(each["kind"], each["ending"]) for each in desk.ledger()[known:]]
    assert news[:3] == [("release", "done"), ("proof", "failed"), ("rollback", "done")], call.err
    assert [kind for kind, _ in news].count("rollback") == 1
    assert desk.served("development") == good
    assert desk.refs("refs/deploy/") == {}
