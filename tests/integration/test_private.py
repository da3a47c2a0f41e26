"""An app that is private on Replit: every look sends its token; a Publish may end it."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator

import pytest

from scripts.sandbox.host_config import ACCESS
from tests.integration.desk import Desk
from tests.support import skips

pytestmark = pytest.mark.timeout(600)
TABLE = '\n[environment.development.access]\nheader = "Authorization"\n'


@pytest.fixture
def private(desk: Desk) -> Iterator[Desk]:
    """Development is private, and the next Publish ends its token; the desk is not told yet."""
    config = desk.world.environment("development").host_config()
    files = [desk.world.env_dir / name for name in ("pipeline.toml", ".env.development")]
    before = [file.read_text() for file in files]
    assert desk("deploy", "--env", "development").code == 0
    config.make_private(ends=True)
    yield desk
    (config.folder / ACCESS).unlink()
    for file, text in zip(files, before, strict=True):
        file.write_text(text)


def told(desk: Desk) -> None:
    """The desk gets the token that is valid now."""
    access = desk.world.environment("development").host_config().access()
    assert access is not None
    pipeline, values = (desk.world.env_dir / name for name in ("pipeline.toml", ".env.development"))
    pipeline.write_text(pipeline.read_text().replace(TABLE, "") + TABLE)
    rest = re.sub("REPLIT_ACCESS_TOKEN=.*\n", "", values.read_text())
    values.write_text(f"{rest}REPLIT_ACCESS_TOKEN={access.token}\n")


def test_a_private_app_is_released_with_its_token(private: Desk) -> None:
    """Refused before anything changes; then published, and verified with the token that came after that."""
    commit = private.commit({"NOTES.md": f"{time.time()}\n"})
    refs = private.refs()
    shut = private("deploy", "--env", "development")

    assert (shut.code, refs) == (1, private.refs()), shut.err
    assert "asks for a log-in: the app is private" in shut.document["message"]
    assert "REPLIT_ACCESS_TOKEN" in shut.document["hint"]

    told(private)
    ended = private("deploy", "--env", "development")

    assert ended.code == 7, ended.err
    assert "it refuses the access token" in ended.document["message"]
    assert "invoke resume --env development" in ended.document["hint"]

    told(private)
    resumed = private("resume", "--env", "development")

    assert resumed.code == 0, resumed.err
    assert (resumed.document["live"], resumed.document["commit"]) == (commit, commit)
    assert "publish" not in [step["name"] for step in resumed.document["steps"]]
    url = private.world.environment("development").url
    assert private("env.scan", url, "--env", "development").code == 0
    assert private("status").document["environments"][0]["problems"] == []
    if not os.environ.get("DESK_LONG"):
        return  # what follows takes half a minute
    if skips.browser():
        smoke = private("test-e2e", "--env", "development", "--suite", "smoke")
        assert smoke.code == 0, smoke.err
    load = private("load-test", "--env", "development", "--profile", "smoke", "--seconds", "3")
    assert "redirected" not in json.dumps(load.document), load.err
