"""Watch windows over a real app: an equal release passes, a worse one is taken back, a slow one is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.desk import Call, Desk
from tests.support import skips

pytestmark = [pytest.mark.timeout(900), skips.LONG]

DEV = ("--env", "development")
CLOSELY = """
[monitor]
timeout = 4
[environment.development.watch]
minutes = 1
errors = 0.12
slower = 2
on_breach = "rollback"
"""
SETTLED = 12  # seconds after its start: by then it is proven live
APP = """import { sendFile } from "./static.js";

let asked = 0;
export function home(request, response) {
  const settled = process.uptime() > %d;
  if (settled && ++asked %% %d === 0) throw new Error("one of so many");
  setTimeout(() => sendFile(response, "index.html"), settled ? %d : 0);
}
"""


@dataclass
class Closely:
    """Development, whose releases are watched for a minute."""

    desk: Desk
    env: dict[str, str]

    def release(self, every: int, slow: int = 0) -> Call:
        """One whose every so-many-th request fails once it has settled, and whose answers take so long."""
        self.desk.commit({"server/home.js": APP % (SETTLED, every, slow)}, f"every {every}, {slow} ms")
        return self.desk("deploy", *DEV, **self.env)

    def told(self) -> str:
        """What Slack was told, in all."""
        lines = (self.desk.world.inbox / "slack.jsonl").read_text().splitlines()
        return "\n".join(json.loads(line)["payload"]["blocks"][0]["text"]["text"] for line in lines)


@pytest.fixture
def closely(desk: Desk) -> Iterator[Closely]:
    """By a configuration of its own beside the world's."""
    home = (desk.world.clone / "server" / "home.js").read_text()
    env_dir: Path = desk.world.env_dir.with_name("window")
    shutil.copytree(desk.world.env_dir, env_dir)
    with (env_dir / "pipeline.toml").open("a") as file:
        file.write(CLOSELY)
    try:
        yield Closely(desk, {"AIRHOST_ENV_DIR": str(env_dir)})
    finally:
        desk.commit({"server/home.js": home}, "as before")
        desk("release-hold", *DEV, "--reason", "the test is over")
        shutil.rmtree(env_dir)


def test_the_three_verdicts_over_real_releases(closely: Closely) -> None:
    """A tenth fails, as with the release before: passed. A fifth: taken back in a minute. Slow: told."""
    first = closely.release(10)
    assert (first.code, first.document["watch"]["verdict"]) == (0, "passed"), first.err
    good = first.document["commit"]

    doubled = closely.release(5)
    assert (doubled.code, doubled.document["watch"]["verdict"]) == (1, "failed"), doubled.err
    assert doubled.document["live"] == good == closely.desk.served("development")
    assert 0.05 < doubled.document["watch"]["before"]["errors"] < 0.11
    assert doubled.document["watch"]["requests"] < 480  # 40 each 5 seconds: before the minute was over
    assert closely.desk("release-hold", *DEV, "--reason", "fixed").code == 0

    slow = closely.release(11, slow=900)
    assert (slow.code, slow.document["watch"]["verdict"]) == (0, "passed"), slow.err
    assert "slower: p95" in slow.document["watch"]["slower"]
    assert "is slower: p95" in closely.told()
    assert closely.desk.refs("refs/deploy/") == {}
