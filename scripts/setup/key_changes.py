# pure
"""What differs between two versions of the configuration: keys that are new or gone, and defaults."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

EXAMPLE = re.compile(r"(?:# )+(\[+[a-z0-9_.]+\]+|[a-z0-9_]+ = .+)")  # a key that is shown commented out
LONGEST = 40  # characters of a value that are shown


class KeyChange(NamedTuple):
    """One key of `pipeline.toml`.

    Args:
        state: `new`, `gone` or `changed`: its default.
        before: as JSON; "" for a new key.
        after: as JSON; "" for one that is gone.
        own: whether the team's own file sets it.
    """

    key: str
    state: str
    before: str
    after: str
    own: bool

    def __str__(self) -> str:
        """One line for people."""
        before, after = _short(self.before), _short(self.after)
        value = {"new": f" = {after}", "gone": "", "changed": f": {before} -> {after}"}[self.state]
        own = {"new": "", "gone": " (yours sets it: take it out)", "changed": " (yours sets it: it stays)"}
        return f"{self.state:<8} {self.key}{value}{own[self.state] if self.own else ''}"


def key_changes(before: str, after: str, own: str) -> list[KeyChange]:
    """What differs, by key.

    Args:
        before: the shipped `pipeline.toml` of the one version, which shows every key with its default.
        after: that of the other.
        own: the team's file.
    """
    old, new, theirs = keys(before), keys(after), keys(own)
    states = {
        **dict.fromkeys(new.keys() - old.keys(), "new"),
        **dict.fromkeys(old.keys() - new.keys(), "gone"),
        **dict.fromkeys((key for key in old.keys() & new.keys() if old[key] != new[key]), "changed"),
    }
    return [
        KeyChange(key, state, old.get(key, ""), new.get(key, ""), key in theirs)
        for key, state in sorted(states.items())
    ]


def keys(text: str) -> dict[str, str]:
    """Each key with its value as JSON; environments share theirs, as `environment.<name>.url`.

    A text that is no TOML has none.
    """
    lines = [match[1] if (match := EXAMPLE.fullmatch(line)) else line for line in text.splitlines()]
    for form in ("\n".join(lines), text):
        try:
            table = tomllib.loads(form)
        except tomllib.TOMLDecodeError:
            continue
        found: dict[str, str] = {}
        for key, value in _leaves((), table):
            found.setdefault(key, value)
        return found
    return {}


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list) and value and isinstance(value[0], Mapping) and path[-1] != "stages":
        value = value[0]
    if not isinstance(value, Mapping):
        yield ".".join(path), json.dumps(value, default=str)
        return
    for name, each in value.items():
        yield from _leaves((*path, "<name>" if path == ("environment",) else name), each)


def _short(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 4]} ..."
