# pure
"""How many tests ran, by what a test runner prints; the verdict where there is no JUnit report."""

from __future__ import annotations

import re
from collections import Counter

from scripts.quality.verdict import Verdict
from scripts.system.text import COLOUR

WORDS = {
    **dict.fromkeys(("passed", "passing", "pass"), "passed"),
    **dict.fromkeys(("failed", "failing", "fail", "errors", "error"), "failed"),
    **dict.fromkeys(("skipped", "pending", "todo", "skip"), "skipped"),
}
NODE = re.compile(r"\s*[#\u2139] (pass|fail|skipped|todo) (\d+)\s*")  # node --test: TAP, and for people
COUNT = re.compile(rf"(\d+)(?: tests?)? ({'|'.join(WORDS)})\b")
# Vitest and Jest say `Tests`, Deno `ok |`, pytest `====`; Mocha, Playwright and Bun begin with the number
LINE = re.compile(rf"\s*(?:Tests:?\s+|(?:ok|FAILED) \| |=+ )?{COUNT.pattern}.*")
MISSING = (126, 127)  # a shell's codes for a program that can't be run


def counts(text: str) -> Counter[str]:
    """The tests that passed, failed and were skipped; empty where no line of these runners says so."""
    found: Counter[str] = Counter()
    for line in COLOUR.sub("", text).splitlines():
        if match := NODE.fullmatch(line):
            found[WORDS[match[1]]] += int(match[2])
        elif LINE.fullmatch(line):
            for number, word in COUNT.findall(line):
                found[WORDS[word]] += int(number)
    return found


def judge_output(told: Counter[str], exit_code: int | None, suite: str) -> Verdict:
    """The verdict by exit code and counts; a run of no tests is no pass.

    Args:
        exit_code: None after a timeout.
    """
    known = {key: told[key] for key in ("passed", "failed", "skipped")} if told else {}
    if exit_code is None or exit_code in MISSING:
        how = "took too long" if exit_code is None else f"can't be run ({exit_code})"
        return Verdict("infrastructure", (f"the command {how}",), (), known)
    if exit_code or told["failed"]:
        failed = f": {told['failed']} tests failed" if told["failed"] else ""
        return Verdict("failed", (f"the command ended with {exit_code}{failed}",), (), known)
    if not told:
        why = (
            "how many tests ran is not known: let the command write a JUnit report, and name it in"
            f" `[tests] {suite}_report`"
        )
        return Verdict("inconclusive", (why,), ())
    if not told["passed"]:
        return Verdict("inconclusive", (f"no test ran ({told['skipped']} skipped)",), (), known)
    return Verdict("passed", (), (), known)
