"""No bundle with a secret is published, and no configuration with an error goes out: on real parts."""

from __future__ import annotations

import pytest

from tests.integration.desk import Desk

pytestmark = pytest.mark.timeout(600)


def test_a_leak_is_stopped_between_build_and_publish(desk: Desk) -> None:
    """What the workspace built is looked at: the page stays as it was, no word of ours holds the key."""
    assert desk("deploy", "--env", "development").code == 0
    before = desk.served("development")
    key = desk.world.environment("development").secrets["OPENAI_API_KEY"]
    source = (desk.world.clone / "src" / "main.ts").read_text()
    desk.commit({"src/main.ts": f"{source}\nconsole.log({key!r});\n"}, "a key in the page")

    ended = desk("deploy", "--env", "development")

    assert (1, before) == (ended.code, desk.served("development"))
    assert "LEAK001" in ended.document["message"]
    assert ["lock", "build", "scan"] == [step["name"] for step in ended.document["steps"]][:3]
    assert key not in ended.out + ended.err
    assert "failed" == desk.ledger()[-1]["ending"]
    desk.commit({"src/main.ts": source}, "no key in the page")
    assert desk("deploy", "--env", "development").code == 0


def test_a_faulty_configuration_is_refused_before_anything_changes(desk: Desk) -> None:
    """The gate names the rule; the lock was never taken."""
    desk.commit({"NOTES.md": "something to release\n"})
    refs = desk.refs()

    ended = desk("deploy", "--env", "development", VITE_PAYMENT_SECRET="b7Kq2mZx9Lw4Rt8Yc3Vn6")

    assert 1 == ended.code
    assert "ENV006" in ended.document["message"]
    assert "b7Kq2mZx9Lw4Rt8Yc3Vn6" not in ended.out + ended.err
    assert refs == desk.refs()


def test_no_mask_makes_a_release_that_belongs_to_nobody(desk: Desk) -> None:
    """A word for a cache is not masked; a key that is the commit refuses the run by its variable."""
    commit = desk.commit({"NOTES.md": "released under a cache's key\n"})
    refs = desk.refs()

    refused = desk("deploy", "--env", "development", BUILD_CACHE_KEY=commit)
    assert (1, refs) == (refused.code, desk.refs())
    assert "`BUILD_CACHE_KEY` of the process environment" in refused.document["message"]

    ended = desk("deploy", "--env", "development", CACHE_KEY="development")
    assert (0, commit) == (ended.code, ended.document["commit"])
    event = desk.ledger()[-1]
    assert ("development", commit, "done") == (event["environment"], event["commit"], event["ending"])
