"""The page for the night, typed in broken worlds, in both languages; `DESK_LONG=1` runs it.

Each world is broken in another way; three commands at most bring a good release back to the visitors.
"""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path

import pytest

from tests.contract.test_docs import DOCS, blocks
from tests.integration.desk import Desk, ended
from tests.support import skips

pytestmark = [pytest.mark.timeout(600), skips.LONG]
DEV = ("--env", "development")
PAGES = ("incident.md", "incident.fr.md")
LATE = """import { existsSync } from "node:fs";
import { sendFile } from "./static.js";
export function home(request, response) {
  if (existsSync("FLAG")) throw new Error("out of memory");
  return sendFile(response, "index.html");
}
"""


def three(page: str) -> list[list[str]]:
    """Look, see, go back: as they stand on the page, on development, with CI's consent."""
    lines = [line for line in blocks((DOCS / page).read_text()) if line.startswith("invoke ")]
    typed = [shlex.split(line.replace("production", "development"))[1:] for line in lines[:3]]
    assert [words[0] for words in typed] == ["status", "rollback", "rollback"]
    return [typed[0], typed[1], [*typed[2], "--yes"]]


@pytest.fixture
def good(desk: Desk) -> str:
    """A good release is live on development, and one before it; gives its commit."""
    desk("release-hold", *DEV, "--reason", "the night is over")
    for number in (1, 2):
        commit = desk.commit({"NOTES.md": f"{number} at {time.time()}\n"})
        assert desk("deploy", *DEV, "--wait").code == 0
    return commit


def problems(desk: Desk) -> str:
    """What `status` says against development."""
    return "\n".join(desk("status").document["environments"][0]["problems"])


@pytest.mark.parametrize("page", PAGES)
def test_a_release_that_serves_500_later(desk: Desk, good: str, page: str, tmp_path: Path) -> None:
    """The three commands as they stand; the release was fine while it was verified."""
    flag = tmp_path / "flag"
    home = (desk.world.clone / "server" / "home.js").read_text()
    desk.commit({"server/home.js": LATE.replace("FLAG", str(flag))})
    assert desk("deploy", *DEV).code == 0
    try:
        flag.touch()
        assert "but live: " in problems(desk)
        for words in three(page):
            assert desk(*words).code == 0
        assert desk.served("development") == good
        assert "gives 500" not in problems(desk)
    finally:
        desk.commit({"server/home.js": home})


@pytest.mark.parametrize("page", PAGES)
def test_a_migration_that_broke_comes_back_with_the_code(desk: Desk, good: str, page: str) -> None:
    """Its rollback script undoes it."""
    version = time.strftime("%Y%m%d%H%M%S")
    there, back = (
        f"alter table public.properties rename column {way};" for way in ("city to c", "c to city")
    )
    desk.commit(
        {
            f"supabase/migrations/{version}_c.sql": there,
            f"supabase/rollbacks/{version}_c.sql": back,
        }
    )
    assert desk("deploy", *DEV).code == 0
    try:
        assert version in desk.versions("development")
        for words in three(page):
            assert desk(*words).code == 0
        assert desk.served("development") == good
        assert version not in desk.versions("development")
    finally:
        folders = ("migrations", "rollbacks")
        desk.remove(*(f"supabase/{folder}/{version}_c.sql" for folder in folders))


def test_a_laptop_that_died_is_settled_by_resume(desk: Desk, good: str) -> None:
    """The status says that it is locked, the refusal names `resume`, and that is all."""
    desk.commit({"NOTES.md": f"dead at {time.time()}\n"})
    child = desk.start("deploy", *DEV)
    deadline = time.monotonic() + 120
    while "refs/deploy/lock/development" not in desk.refs() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.kill()
    child.communicate(timeout=30)

    assert "locked by" in problems(desk)
    refused = desk(*three(PAGES[0])[2])
    assert (refused.code, "`invoke resume --env development`" in refused.document["hint"]) == (5, True)
    assert desk("resume", *DEV, "--yes").code in (0, 4)
    assert "refs/deploy/lock/development" not in desk.refs()
    assert problems(desk) == "" or desk.served("development") == good


def test_what_somebody_published_gives_way_to_the_release_of_the_table(desk: Desk, good: str) -> None:
    """With `--to` and the release that the table names."""
    live = desk("status").document["environments"][0]["release"]
    stamp = Path(desk.world.environment("development").host) / "published"
    files = sorted(stamp.rglob("dist/version.json"), key=lambda file: file.stat().st_mtime)
    files[-1].write_text(files[-1].read_text().replace(good, "f" * 40))
    assert re.search(rf"{live} is `{good[:12]}`, but live: `{'f' * 12}` answers", problems(desk))

    plan = desk("rollback", *DEV, "--plan", "--to", live)
    assert "which the desk did not release" in plan.err
    back = desk("rollback", *DEV, "--to", live, "--yes", "--reason", "somebody pressed Publish")
    assert (back.code, desk.served("development")) == (0, good)
    assert "marked bad" not in back.document["message"]


def test_a_publish_that_fails_leaves_what_was_live(desk: Desk, good: str) -> None:
    """The lock is free, and the same command once more goes back."""
    look, _, back = three(PAGES[0])
    desk.play("development", publish="fails")
    try:
        failed = ended(desk.start(*back))
    finally:
        desk.play("development")
    assert (failed.code, "could not publish" in failed.document["message"]) == (7, True)
    assert desk.served("development") == good
    assert desk(*look).code == 0
    assert desk(*back).code == 0
    assert desk.served("development") not in (None, good)
