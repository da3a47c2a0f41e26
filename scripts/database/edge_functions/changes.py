# pure
"""Which Edge Functions of a commit differ from what a project runs, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scripts.database.edge_functions.record import Deployed, Record
from scripts.database.edge_functions.sources import EdgeFunction, Sources


@dataclass(frozen=True)
class Change:
    """A function that is to be deployed.

    Args:
        why: in words.
        verify_jwt: what it is deployed with.
        known: the sources of what runs now are known, so another bundle must arrive.
    """

    function: EdgeFunction
    why: str
    verify_jwt: bool
    known: bool = False

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name

    def __str__(self) -> str:
        public = "" if self.verify_jwt else "; anybody may call it (`verify_jwt = false`)"
        return f"`{self.name}`: {self.why}{public}"

    def document(self) -> dict[str, Any]:
        """The JSON of one function in a plan."""
        return {"name": self.name, "why": self.why, "verify_jwt": self.verify_jwt}


@dataclass(frozen=True)
class FunctionFacts:
    """The functions of a commit, and of the project that it goes to.

    Args:
        sources: of the commit.
        deployed: what the project lists; None where that is not known: `trouble`.
        records: what the ledger knows of it.
        before: the records of the release that is gone back to; None for what brings something new.
        trouble: why nobody knows what runs there; "" where it is known, or where there are no functions.
    """

    sources: Sources = field(default_factory=Sources)
    deployed: Mapping[str, Deployed] | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    before: Mapping[str, Record] | None = None
    trouble: str = ""
    hint: str = ""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those to deploy; none where it is not known what runs there."""
        if self.deployed is None:
            return ()
        found = (self.change_of(function) for function in self.sources.functions)
        return tuple(change for change in found if change)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of them besides the changes; faults stop what is no rollback."""
        there = self.deployed or {}
        gone = sorted({*self.records} & {*there} - {each.name for each in self.sources.functions})
        stays = [f"`{name}` is not in the commit; it stays deployed" for name in gone]
        left = [f"they are left as they are: {self.trouble}"] if self.trouble else []
        return (*self.sources.faults, *self.sources.notes, *stays, *left)

    def change_of(self, function: EdgeFunction) -> Change | None:
        """Why a function is to be deployed; None where it runs already."""
        row, record = (self.deployed or {}).get(function.name), self.records.get(function.name)
        verify_jwt = self._verify_jwt(function, row, record)
        if row is None:
            return Change(function, "new", verify_jwt)
        if record is None:
            return Change(function, "no release has recorded what runs there", verify_jwt)
        if not record.is_of(row):
            why = f"somebody else has deployed version {row.version}, {_time(row.updated)}"
            return Change(function, why, verify_jwt)
        if record.digest != function.digest:
            return Change(function, "its sources or settings changed", verify_jwt, known=True)
        if row.verify_jwt != verify_jwt:
            return Change(function, f"`verify_jwt` is {str(row.verify_jwt).lower()} there", verify_jwt)
        return None

    def _verify_jwt(self, function: EdgeFunction, row: Deployed | None, record: Record | None) -> bool:
        """As `config.toml` says; where it says nothing, as it was, and `true` for what is new."""
        if function.verify_jwt is not None:
            return function.verify_jwt
        if self.before is not None and function.name in self.before:
            return self.before[function.name].verify_jwt
        if row is None or (record and record.asked is not None):  # what it said was taken out again
            return True
        return row.verify_jwt

    def problems(self) -> tuple[str, ...]:
        """Where the project does not run what the commit holds, in words."""
        if self.trouble:
            return (f"what its Edge Functions are is not known: {self.trouble}; {self.hint}",)
        return tuple(f"Edge Function {change}" for change in self.changes)


def missing(change: Change, before: Deployed | None, after: Deployed | None) -> str:
    """Why a deployment did not arrive; "" where it did. An exit code of 0 proves nothing."""
    if after is None:
        return "is not there"
    if after.verify_jwt != change.verify_jwt:
        return f"has `verify_jwt = {str(after.verify_jwt).lower()}`"
    if change.known and after == before:
        return f"is still version {after.version}"
    return ""


def _time(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"
