# pure
"""What the ledger knows of a project's Edge Functions: which sources each version was made from.

The project does not keep the sources' digest, so the desk does: in the event of the release that deployed
them. What the project lists must still be what was listed then; else somebody else has deployed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from scripts.state.event_rules import RELEASES
from scripts.state.ledger import Choice, Event, Ledger, key_of

KEY = "functions"  # in an event: name -> `Record`


@dataclass(frozen=True)
class Deployed:
    """A function as the project lists it.

    Args:
        version: counted by the project.
        updated: milliseconds since 1970.
        sha256: of the bundle; "" where the API gives none.
    """

    name: str
    version: int
    updated: int
    verify_jwt: bool = True
    sha256: str = ""


@dataclass(frozen=True)
class Record:
    """One function as a release left it.

    Args:
        digest: of its sources.
        version, updated, sha256, verify_jwt: as the project listed it afterwards.
        asked: `verify_jwt` as `config.toml` said it; None where it said nothing.
    """

    digest: str
    version: int
    updated: int
    sha256: str
    verify_jwt: bool
    asked: bool | None = None

    def is_of(self, row: Deployed) -> bool:
        """Whether the project still runs what was recorded.

        A bundle's hash says it; where there is none, the version: other changes count it up as well.
        """
        if self.verify_jwt != row.verify_jwt:
            return False
        if self.sha256 and row.sha256:
            return self.sha256 == row.sha256
        return (self.version, self.updated) == (row.version, row.updated)


def record_of(digest: str, asked: bool | None, row: Deployed) -> Record:
    """The record of a function that was just read back."""
    return Record(digest, row.version, row.updated, row.sha256, row.verify_jwt, asked)


def row_of(name: str, value: Any) -> Deployed | None:
    """What a project listed, from the lock of a run; None where it listed no such function."""
    record = _record({"digest": "", **value}) if isinstance(value, Mapping) else None
    if record is None:
        return None
    return Deployed(name, record.version, record.updated, record.verify_jwt, record.sha256)


def records_in(event: Event | None) -> dict[str, Record]:
    """The records of an event; none where it holds none. What is malformed is no record."""
    known = event.detail.get(KEY) if event else None
    if not isinstance(known, Mapping):
        return {}
    return {str(name): record for name, each in known.items() if (record := _record(each))}


def recorded(ledger: Ledger, environment: str) -> dict[str, Record]:
    """The newest records of an environment: by whatever run, and however it ended."""
    return records_in(next(ledger.newest(Choice(environment, mark=KEY)), None))


def recorded_at(ledger: Ledger, release: Event) -> dict[str, Record]:
    """The records as they were when that release was made."""
    marked, later = Choice(release.environment, mark=KEY), 0
    for event in ledger.newest(Choice(release.environment, RELEASES), marked):
        if event is release:
            break
        later += marked.takes(key_of(event))
    else:
        later = 0  # it is not in this ledger: what is known now
    return records_in(next(islice(ledger.newest(marked), later, None), None))


def document(records: Mapping[str, Record]) -> dict[str, dict[str, Any]]:
    """The records as an event holds them."""
    return {name: asdict(record) for name, record in sorted(records.items())}


def _record(value: Any) -> Record | None:
    if not isinstance(value, Mapping):
        return None
    texts = [value.get(key) for key in ("digest", "sha256")]
    numbers = [value.get(key) for key in ("version", "updated")]
    jwt, asked = value.get("verify_jwt"), value.get("asked")
    if not all(isinstance(each, str) for each in texts) or not isinstance(jwt, bool):
        return None
    if not all(isinstance(each, int) for each in numbers) or not isinstance(asked, bool | None):
        return None
    return Record(str(texts[0]), int(numbers[0] or 0), int(numbers[1] or 0), str(texts[1]), jwt, asked)
