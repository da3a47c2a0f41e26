# pure
"""`env.diff`: two environments beside each other, and what hosts have beside what was written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.secrets.variables import Public, Written

SHOWN = 12  # hex digits of a digest that are shown: enough to compare, too few to search for the value
# What the desk alone reads: no host of the app has it.
DESK = re.compile(
    r"DATABASE_(URL|PASSWORD)|SCRATCH_.*|REPLIT_.*|(SLACK|DISCORD)_WEBHOOK_URL|SUPABASE_ACCESS_TOKEN"
    r"|GITHUB_TOKEN|GH_TOKEN|SENTRY_AUTH_TOKEN|BACKUP_.*|AWS_.*"
)


@dataclass(frozen=True)
class Row:
    """One name: the digests of its two values, empty where it has none."""

    name: str
    left: str
    right: str
    public: bool

    @property
    def state(self) -> str:
        """How the two stand to each other."""
        if not (self.left and self.right):
            return "only here" if self.left else "only there"
        return "same" if self.left == self.right else "different"

    def document(self) -> dict[str, Any]:
        """The row as the JSON document has it."""
        return {
            "name": self.name, "state": self.state, "public": self.public,
            "from": self.left[:SHOWN] or None, "to": self.right[:SHOWN] or None,
        }  # fmt: skip


@dataclass(frozen=True)
class Drift:
    """One name that a host has otherwise than it was written."""

    host: str
    environment: str
    name: str
    state: str


def rows(left: Written, right: Written, public: Public) -> tuple[Row, ...]:
    """Every name of the two, in alphabetical order."""
    names = sorted({each.name for each in (*left.variables, *right.variables)})
    return tuple(
        Row(name, _digest(left.value(name)), _digest(right.value(name)), public.prefix(name) is not None)
        for name in names
    )


def supabase_drift(written: Written, public: Public, digests: Mapping[str, str]) -> tuple[Drift, ...]:
    """What the project's Edge Functions have, by SHA-256, beside what was written for the server."""
    ours = {
        each.name: _digest(each.value) for each in written.values.values() if _for_server(each.name, public)
    }
    theirs = {name: value.lower() for name, value in digests.items() if not name.startswith("SUPABASE_")}
    return tuple(
        Drift("Supabase", written.environment, name, state)
        for name in sorted({*ours, *theirs})
        if (state := _state(ours.get(name, ""), theirs.get(name, ""))) != "same"
    )


def github_drift(written: Written, environment: str, names: Sequence[str]) -> tuple[Drift, ...]:
    """What the GitHub environment has by name; its values are write-only, nobody can compare them."""
    ours = {each.name for each in written.values.values() if each.value}
    return tuple(
        Drift("GitHub", environment, name, "only there" if name not in ours else "only here")
        for name in sorted(ours.symmetric_difference(names))
    )


def _for_server(name: str, public: Public) -> bool:
    return public.prefix(name) is None and not DESK.fullmatch(name) and not name.startswith("SUPABASE_")


def _state(ours: str, theirs: str) -> str:
    if not (ours and theirs):
        return "only here" if ours else "only there"
    return "same" if ours == theirs else "different"


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest() if value else ""
