# pure
"""What the watch knows, in the text form of OpenMetrics 1.0: one gauge or counter a line of `FAMILIES`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
LONGEST = 200  # characters of a label's value: names and releases are shorter
UNSAID = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# name -> type and help. Units are in the names, as Prometheus wants them; a ratio or a truth has none.
FAMILIES: Mapping[str, tuple[str, str]] = {
    "desk_check_up": (
        "gauge",
        "1: the last look was good or a warning; 0: bad; absent: nobody can tell",
    ),
    "desk_check_warning": ("gauge", "1: the last look was a warning"),
    "desk_check_seconds": ("gauge", "How long the answer took"),
    "desk_check_phase_seconds": ("gauge", "How long each phase of the answer took"),
    "desk_incidents_open": ("gauge", "Incidents that are not over"),
    "desk_release": ("info", "What the ledger says is live"),
    "desk_release_timestamp_seconds": ("gauge", "Since when it is live, in seconds since 1970"),
    "desk_lock_held_seconds": ("gauge", "For how long a run has held the lock; 0: none does"),
    "desk_backup_age_seconds": ("gauge", "Age of the newest backup that is proven"),
    "desk_load_passed": ("gauge", "1: the last load test of the live commit passed"),
    "desk_load_p95_seconds": ("gauge", "p95 of an endpoint in that load test"),
    "desk_e2e_passed": ("gauge", "1: the last browser tests of the live commit passed"),
    "desk_watch_passes": ("counter", "Passes since the watch was started"),
    "desk_watch_pass_seconds": ("gauge", "How long the last pass took"),
    "desk_watch_pass_timestamp_seconds": ("gauge", "When the last pass ended, in seconds since 1970"),
}
SUFFIX = {"info": "_info", "counter": "_total"}


class Sample(NamedTuple):
    """One value of a family."""

    family: str
    labels: Mapping[str, str]
    value: float


@dataclass
class Samples:
    """What a pass gave, in any order."""

    taken: list[Sample] = field(default_factory=list)

    def add(self, family: str, value: float | bool, **labels: str) -> None:
        """One more value."""
        self.taken.append(Sample(family, labels, float(value)))


def exposition(samples: Iterable[Sample], mask: Callable[[str], str]) -> str:
    """The whole text. Of two values of one name and labels the first counts: there may be one only.

    Args:
        mask: masks the secrets in a label.
    """
    by_family: dict[str, dict[str, float]] = {name: {} for name in FAMILIES}
    for family, labels, value in samples:
        by_family[family].setdefault(_labels(labels, mask), value)
    return "".join(f"{line}\n" for line in _lines(by_family))


def _lines(by_family: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for name, values in by_family.items():
        if not values:
            continue
        kind, what = FAMILIES[name]
        yield f"# TYPE {name} {kind}"
        if name.endswith("_seconds"):
            yield f"# UNIT {name} seconds"
        yield f"# HELP {name} {what}"
        for labels, value in values.items():
            yield f"{name}{SUFFIX.get(kind, '')}{labels} {round(value, 6):.15g}"
    yield "# EOF"


def _labels(labels: Mapping[str, str], mask: Callable[[str], str]) -> str:
    """`{environment="production"}`, escaped; "" for none."""
    said = ",".join(f'{name}="{_escaped(mask(value))}"' for name, value in sorted(labels.items()))
    return f"{{{said}}}" if said else ""


def _escaped(value: str) -> str:
    inert = UNSAID.sub("\ufffd", value)[:LONGEST]
    return inert.replace("\\", "\\\\").replace('"', '\\"')
