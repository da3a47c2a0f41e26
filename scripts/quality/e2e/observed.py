# pure
"""Which passed tests count for nothing, by what the observer in the child saw of each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from scripts.quality.cases import Case
from scripts.quality.junit import ON_RETRY

PREFIX, OMITTED = "desk-", "omitted.json"  # as in `observer.py`, which can import nothing of the desk


def weigh(cases: Iterable[Case] | None) -> list[Case] | None:
    """The cases; those that passed and say nothing of what is served are `void`, with the reason."""
    return None if cases is None else [_weighed(case) for case in cases]


def omitted(written: bytes | None) -> tuple[str, ...]:
    """The tests that were not run, from the observer's file; a run without one is named, too."""
    try:
        names = json.loads(written or b"")
    except ValueError:
        names = None
    if not isinstance(names, list):
        return ("the end of the session",)
    return tuple(str(name)[:200] for name in names)


def _weighed(case: Case) -> Case:
    why = _why_void(case) if case.ending == "passed" else ""
    return replace(case, ending="void", message=why) if why else case


def _why_void(case: Case) -> str:
    seen = {
        name: case.properties.get(PREFIX + name, "") for name in ("asked", "checked", "failures", "xpass")
    }
    if not (seen["asked"].isdigit() and seen["checked"].isdigit()):
        return "the desk could not observe it (pytest runs it in a way of its own)"
    if seen["xpass"]:
        return "it is marked `xfail`, and passed"
    if seen["failures"] != "0":
        return ON_RETRY
    if seen["asked"] == "0":
        return "it asked the environment nothing (`E2E_URL`, or its Supabase)"
    if seen["checked"] == "0":
        return "it checked nothing after it had asked (`assert`, or Playwright's `expect`)"
    return ""
