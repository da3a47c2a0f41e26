# pure
"""What an event of the ledger must look like before any of it is used: anybody may have written there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

VERSION = 1  # of the format, as `version` in an event says it; where it is missing, it is 1
RELEASES = ("release", "rollback")
CORRECTION = "correction"  # takes events back that are not to count
BEGIN = "begin"  # goes with the push of a lock: a run that releases or changes something begins
ACCEPT = "accept"  # decides between two ledgers; the other one is a further parent of its commit
KINDS = frozenset(
    (
        *RELEASES,
        *("release-hold", "freeze", "unfreeze", "proof", "approval", "drill", "backup", "prune"),
        *("restore", "refresh", "adopt", "drop-aside", "backmerge", BEGIN, CORRECTION, ACCEPT),
    )
)
OF_THE_LEDGER = (CORRECTION, ACCEPT)  # they are about no environment
ENDINGS = ("done", "failed", "error")

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
COMMIT = re.compile(r"[0-9a-f]{40}")
RELEASE = re.compile(r"v[1-9][0-9]{0,8}")
RUN = re.compile(r"[0-9A-Za-z_-]{1,64}")
LONGEST_NAME = 200  # characters of a person's name


def newer(document: Mapping[str, Any]) -> str:
    """What only a desk newer than this one can have written; "" where it is of this version."""
    version, kind = document.get("version", VERSION), document.get("kind")
    if _is_number(version) and version > VERSION:
        return f"its format has version {version}"
    if isinstance(kind, str) and NAME.fullmatch(kind) and kind not in KINDS:
        return f"it is of the kind `{kind}`"
    return ""


def fault_of(document: Mapping[str, Any]) -> str:
    """Why the document can't be used as an event; "" where it can."""
    return next((f"its `{key}` {fault}" for key, fault in _faults(document)), "")


def _faults(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    kind = document.get("kind")
    faults = [
        (key, "is missing" if document.get(key) is None else fault)
        for key, (fault, fits) in CORE.items()
        if not fits(document.get(key), kind)
    ]
    faults += [
        (key, fault)
        for key, (fault, fits) in DETAIL.items()
        if document.get(key) is not None and not fits(document[key], kind)
    ]
    if kind == "freeze" and document.get("until") is None:
        faults.append(("until", "is missing"))
    if kind == CORRECTION and document.get("corrects") is None:
        faults.append(("corrects", "is missing"))
    return faults


def is_time(value: object) -> bool:
    """Whether it is a time in ISO 8601 with its zone."""
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_number(value: object) -> bool:
    """A finite number: Python's JSON also reads `NaN` and `Infinity`."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _commit(value: object, kind: object) -> bool:
    """An event that makes a commit live names it; others may be about none."""
    return _matches(COMMIT, value) or (value == "" and kind not in RELEASES)


def _steps(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(step, Mapping) and isinstance(step.get("name"), str) and _is_number(step.get("seconds"))
        for step in value
    )


def _half(value: object) -> bool:
    """What stands of a migration that failed, as `aftermath` wrote it."""
    lists = ("stands", "others")
    return isinstance(value, Mapping) and all(isinstance(value.get(key) or [], list) for key in lists)


Rule = tuple[str, Callable[[Any, object], bool]]  # what is wrong; and whether a value fits that kind
CORE: Mapping[str, Rule] = {
    "kind": ("is no kind of event", lambda value, _: _matches(NAME, value)),
    "version": ("is no number", lambda value, _: value is None or _is_number(value)),
    "environment": (
        "is no name of an environment",
        lambda value, kind: _matches(NAME, value) or (value == "" and kind in OF_THE_LEDGER),
    ),
    "ending": ("is none of done, failed, error", lambda value, _: value in ENDINGS),
    "commit": ("is no commit id", _commit),
    "release": (
        "is no release such as `v3`",
        lambda value, kind: _matches(RELEASE, value) or (value == "" and kind not in RELEASES),
    ),
    "actor": (
        "is no name of a person",
        lambda value, _: isinstance(value, str) and 0 < len(value) <= LONGEST_NAME,
    ),
    "at": ("is no time", lambda value, _: is_time(value)),
    "run": ("is no id of a run", lambda value, _: _matches(RUN, value)),
}
DETAIL: Mapping[str, Rule] = {
    "steps": ("is no list of steps", lambda value, _: _steps(value)),
    "tables": (
        "is no list of names",
        lambda value, kind: (
            kind not in RELEASES
            or (isinstance(value, list) and all(isinstance(each, str) for each in value))
        ),
    ),
    "until": ("is no time", lambda value, kind: kind != "freeze" or is_time(value)),
    "bad": ("is no commit id", lambda value, _: _matches(COMMIT, value)),
    "schema": ("is no version", lambda value, _: isinstance(value, str)),
    "built_for": ("is no version", lambda value, _: isinstance(value, str)),
    "restored": ("is no object", lambda value, _: isinstance(value, Mapping)),
    "functions": (
        "is no object of objects",
        lambda value, _: (
            isinstance(value, Mapping) and all(isinstance(each, Mapping) for each in value.values())
        ),
    ),
    "half_applied": ("is no object of its kind", lambda value, _: _half(value)),
    "bytes": ("is no number", lambda value, _: _is_number(value)),
    "corrects": (
        "is no list of commits",
        lambda value, kind: (
            kind != CORRECTION
            or (isinstance(value, list) and all(_matches(COMMIT, each) for each in value))
        ),
    ),
}
