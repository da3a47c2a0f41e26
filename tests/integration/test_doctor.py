"""`doctor` in a whole world: all is well, and then what is broken is named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.desk import Call, Desk
from tests.support import github
from tests.unit.setup.test_protection import CLASSIC, RULES

pytestmark = pytest.mark.timeout(600)


def states(call: Call, check: str) -> dict[str | None, str]:
    """The worst state of a check, by environment."""
    order = ["ok", "warning", "error"]
    found: dict[str | None, str] = {}
    for each in call.document["checks"]:
        if each["check"] == check:
            known = found.get(each["environment"], "ok")
            found[each["environment"]] = max(known, each["state"], key=order.index)
    return found


def test_a_fresh_world_is_healthy(desk: Desk) -> None:
    """No error, every check has spoken, nothing is left on the remote, and each line has its parts."""
    before = desk.refs()
    with github.serving() as hub:
        hub.answers = {
            "": (200, {"full_name": "o/r", "permissions": {"push": True, "admin": False}}),
            "/branches/develop/protection": (200, CLASSIC),
            **{f"/rules/branches/{name}": (200, []) for name in ("develop",)},
            **{f"/rules/branches/{name}": (200, RULES) for name in ("staging", "main", "deploy-ledger")},
        }
        said = desk("doctor", GH_TOKEN=github.TOKEN, GITHUB_REPOSITORY="o/r", GITHUB_API_URL=hub.url)

    errors = [each for each in said.document["checks"] if each["state"] == "error"]
    assert (0, []) == (said.code, errors), said.err
    assert (
        {None: "ok"} == states(said, "protection") == states(said, "push") == states(said, "github-token")
    )
    for check in ("ssh", "workspace", "publish", "database", "tls", "variables", "clock"):
        assert {"development", "staging", "production"} <= set(states(said, check)), check
    for check in ("ssh", "workspace", "publish", "database", "variables"):
        assert {"preview-one", "preview-two"} <= set(states(said, check)), check
    assert before == desk.refs()
    assert github.TOKEN not in said.out + said.err
    for each in said.document["checks"]:
        assert {"check", "state", "message", "hint", "environment"} == set(each)
        assert (each["state"] == "ok") == (each["hint"] is None)


def test_what_is_broken_is_named(desk: Desk) -> None:
    """An open file, a wrong alias, a dead database, a missing token, an open branch: all at once."""
    manual, values = desk.world.env_dir / "pipeline.toml", desk.world.env_dir / ".env.staging"
    kept: dict[Any, str] = {manual: manual.read_text(), values: values.read_text()}
    staging = desk.world.environment("staging")
    try:
        values.chmod(0o644)
        manual.write_text(kept[manual].replace(f'ssh_host = "{staging.alias}"', 'ssh_host = "nowhere"'))
        with github.serving() as hub:
            hub.answers = {"": (200, {"permissions": {"push": False}}), "/rules/branches/main": (200, [])}
            said = desk(
                "doctor",
                GH_TOKEN=github.TOKEN,
                GITHUB_REPOSITORY="o/r",
                GITHUB_API_URL=hub.url,
                STAGING_DATABASE_URL="postgresql://postgres@127.0.0.1:1/postgres",
                STAGING_REPLIT_MCP_TOKEN="wrong-token-here",
            )
    finally:
        for file, text in kept.items():
            file.write_text(text)
        values.chmod(0o600)

    assert (1, "failed") == (said.code, said.document["ending"])
    for check in ("ssh", "database", "publish"):
        assert {"staging"} == {name for name, state in states(said, check).items() if state == "error"}, (
            check
        )
    for check in ("files", "github-token", "protection"):
        assert {None: "error"} == states(said, check)
    assert "Traceback" not in said.err
    assert "wrong-token-here" not in said.out + said.err
