"""GitHub's three buttons in a real world with gates on: what CI deploys and a person promotes after each.

The gates themselves, and what undoes a proof, are in `tests/unit/release/test_buttons.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.desk import Call, Desk, git
from tests.support import skips

pytestmark = skips.LONG
ROUNDS = 3
CHAIN = ("development", "staging", "production")
GATES = """
[environment.{name}.gates]
unit = false
integration = false
e2e = "smoke"
load = ""
approval = {approval}
soak_minutes = 0
"""


@pytest.fixture(scope="module", autouse=True)
def _gates(desk: Desk) -> None:
    """Staging demands journeys on development; production journeys on staging and somebody's approval."""
    file = desk.world.env_dir / "pipeline.toml"
    blocks = [f"[{block}" for block in file.read_text().split("\n[")]
    kept = [block for block in blocks if ".gates]" not in block.partition("\n")[0]]
    asked = GATES.format(name="staging", approval=0) + GATES.format(name="production", approval=1)
    file.write_text("\n".join(kept)[1:] + asked)


def done(call: Call) -> dict[str, Any]:
    """What a call says that must have gone well."""
    assert call.code == 0, call.err
    return call.document


def merging(folder: Path, *arguments: str) -> None:
    """A command of git that makes commits."""
    git(folder, "-c", "user.name=GitHub", "-c", "user.email=github@example.org", *arguments)


def pressed(desk: Desk, folder: Path, button: str, source: str, into: str) -> str:
    """The button merges `source` into a branch, as GitHub does; returns the branch's new head."""
    git(desk.world.origin, "worktree", "add", "-q", "--detach", str(folder), into)
    try:
        if button == "rebase":
            git(folder, "checkout", "-q", "--detach", source)
            merging(folder, "rebase", "-q", into)
        elif button == "squash":
            merging(folder, "merge", "-q", "--squash", source)
            merging(folder, "commit", "-q", "-m", f"{source} (#7)")
        else:
            merging(folder, "merge", "-q", "--no-ff", "-m", f"Merge pull request #7 from {source}", source)
        head = git(folder, "rev-parse", "HEAD").strip()
    finally:
        git(desk.world.origin, "worktree", "remove", "--force", str(folder))
    git(desk.world.origin, "update-ref", f"refs/heads/{into}", head)
    return head


def proven(desk: Desk, environment: str) -> None:
    """CI runs the journeys; somebody who did not make it approves."""
    done(desk("test-e2e", "--env", environment, "--suite", "smoke"))
    if environment == "staging":
        done(desk("approve", "--env", environment, GITHUB_ACTOR="Bob"))


@pytest.mark.parametrize("button", ["merge", "squash", "rebase"])
def test_three_rounds(desk: Desk, tmp_path: Path, button: str) -> None:
    """By the button and CI's deploys alone; then a person promotes, with nothing extra to type."""
    for number in range(1, ROUNDS + 1):
        desk.commit({f"{button}{number}.txt": "1\n"}, f"{button} {number}")
        done(desk("deploy", "--env", "development"))
        proven(desk, "development")
        for source, into, environment in (
            ("develop", "staging", "staging"),
            ("staging", "main", "production"),
        ):
            head = pressed(desk, tmp_path / environment, button, source, into)
            assert done(desk("deploy", "--env", environment, "--yes"))["commit"] == head
            assert desk.served(environment) == head
            if environment == "staging":
                proven(desk, environment)

    desk.commit({f"{button}-last.txt": "1\n"}, f"{button}, by a person")
    done(desk("deploy", "--env", "development"))
    proven(desk, "development")
    done(desk("promote", "--to", "staging", "--yes"))
    proven(desk, "staging")
    promoted = done(desk("promote", "--to", "production", "--yes"))["commit"]

    assert desk.served("production") == promoted == desk.refs("refs/heads/main")["refs/heads/main"]
    trees = {
        git(desk.world.origin, "rev-parse", f"{branch}^{{tree}}")
        for branch in ("develop", "staging", "main")
    }
    assert len(trees) == 1
    assert not [ref for ref in desk.refs("refs/deploy") if "/kept/" not in ref]
    problems = [each["problems"] for each in done(desk("status"))["environments"]]
    assert problems == [[], [], []]
