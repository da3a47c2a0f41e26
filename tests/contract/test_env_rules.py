"""`docs/env-rules.md` explains every rule, and what it says is what `env.check` does."""

from __future__ import annotations

import re

import pytest

from scripts.secrets.finding import RULES
from tests.support.desks import ROOT
from tests.support.environments import findings, good, text_of, written

PAGE = (ROOT / "docs" / "env-rules.md").read_text()
SECTION = re.compile(
    r"^## (ENV\d{3}): (.*?)\n.*?# bad\n(.*?)\n# good\n(.*?)\n```", re.MULTILINE | re.DOTALL
)
LINES = {rule: (title, bad, fine) for rule, title, bad, fine in SECTION.findall(PAGE)}
EXPOSED = (("its mode 0644 lets other users of this machine read it", "`chmod 600 .env.production`"),)


def rules_of(snippet: str) -> set[str]:
    """The rules that fire when the snippet stands in the production file instead of its own good lines."""
    if snippet.startswith("chmod"):
        file = written("production", text_of(good("production")), EXPOSED if "644" in snippet else ())
        return {each.rule for each in findings(production=file)}
    names = {line.partition("=")[0] for line in snippet.splitlines()}
    kept = {name: value for name, value in good("production").items() if name not in names}
    return {each.rule for each in findings({"production": text_of(kept) + snippet + "\n"})}


def test_every_rule_is_explained() -> None:
    """The page has every rule under its own words, and none that is not there."""
    assert {rule: title for rule, title in RULES.items() if rule[:3] == "ENV"} == {
        rule: title for rule, (title, _, _) in LINES.items()
    }
    assert {rule for rule in RULES if rule[:3] != "ENV"} == set(
        re.findall(r"^\| ((?:LEAK|SRC)\d{3}) ", PAGE, re.MULTILINE)
    )
    assert len(LINES) == 15


@pytest.mark.parametrize("rule", LINES)
def test_the_bad_line_is_found_and_the_good_one_is_not(rule: str) -> None:
    """Each example of the page, put into a set that is otherwise as it should be."""
    _, bad, fine = LINES[rule]

    assert rule in rules_of(bad)
    assert rule not in rules_of(fine)
