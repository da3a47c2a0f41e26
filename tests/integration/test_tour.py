"""The tour of `docs/sandbox.md`, typed as it stands there; `DESK_LONG=1` runs it.

Only what a person types besides is added: `--yes` in place of the environment's name.
"""

from __future__ import annotations

import re
import shlex

import pytest

from tests.contract.test_docs import DOCS, blocks
from tests.integration.desk import Desk, git
from tests.support import skips
from tests.support.sandboxes import sandbox

pytestmark = [pytest.mark.timeout(900), skips.LONG]
CONFIRMED = ("promote", "rollback", "db.restore")  # in production
SAID = {  # what the page says that one sees
    "deploy": "is live",
    "drill": "the drill passed on staging",
    "backup": "proven",
    "load-test": "",  # a shortened profile may be inconclusive on a busy machine: 0 or 8
}


def test_the_tour(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every command does what the page says."""
    page = (DOCS / "sandbox.md").read_text()
    tour = page[page.index("## A tour") : page.index("## Your own app")]
    with sandbox(tmp_path_factory, "tour") as world:
        desk = Desk(world)
        for words in (
            ["deploy", "--env", "dev"],
            ["promote", "--to", "staging"],
            ["promote", "--to", "prod"],
        ):
            assert desk(*words, "--yes").code == 0  # what `demo` has done before
        index = world.clone / "index.html"
        index.write_text(index.read_text().replace("</main>", "<p>Hello</p></main>"))

        for line in filter(None, blocks(tour)):
            if line.startswith("git "):
                for part in line.split(" && "):
                    git(world.folder, *shlex.split(part.replace(".sandbox/", ""))[1:])
                continue
            words = shlex.split(re.sub(r"^(invoke|scripts/bootstrap) ", "", line))
            asks = words[0] in CONFIRMED and "production" in words and "--plan" not in words
            call = desk(*words, *(["--yes"] if asks else []))
            fine = (0, 8) if words[0] == "load-test" else (0,)
            assert call.code in fine, (line, call.err)
            assert SAID.get(words[0], "") in str(call.document.get("message", "")), line
