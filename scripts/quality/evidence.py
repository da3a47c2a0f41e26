# pure
"""What a proof says was measured, and what a gate demands: the two must agree.

A proof of a laxer test, of another address, or of other journeys is none, whatever it calls itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from scripts.config.load_settings import PATHS, SHIPPED, LoadSettings, Profile
from scripts.config.settings import Environment, Gates, Settings


class Journeys(NamedTuple):
    """Digests of the files that play the desk's own tests, which may change with the desk."""

    e2e: str
    load: str


LONGEST = 60  # characters of a value in a message


def demanded(
    settings: Settings, before: Environment, gates: Gates, journeys: Journeys
) -> dict[str, dict[str, Any]]:
    """By kind of proof, what must have been measured for the gates to take it."""
    found = {suite: of_app_tests(settings, before, suite) for suite in ("unit", "integration")}
    if gates.e2e:
        found["e2e"] = of_e2e(settings, before, journeys.e2e)
    if gates.load:
        found["load"] = of_load(settings.load, before, gates.load, journeys.load)
    return found


def of_load(load: LoadSettings, environment: Environment, profile: str, journeys: str) -> dict[str, Any]:
    """A load profile as it is written, what its users do where, and by which limits it is judged."""
    written = {**SHIPPED, **load.profiles}.get(profile, Profile())
    return _plain(
        {
            "url": environment.url.rstrip("/"),
            "profile": {**written._asdict(), "stages": [stage._asdict() for stage in written.stages]},
            "thresholds": load.thresholds._asdict(),
            "endpoints": {name: limits._asdict() for name, limits in load.endpoints.items()},
            "mix": dict(load.mix),
            "paths": {**PATHS, **load.paths},
            "timeout": load.timeout,
            "noise": [load.noise, load.noise_ms],
            "journeys": journeys,
        }
    )


def of_e2e(settings: Settings, environment: Environment, journeys: str) -> dict[str, Any]:
    """Browser tests: against which address, and which ones. The app's own stand in the commit itself."""
    e2e = settings.e2e
    which: dict[str, Any] = {"path": e2e.path} if e2e.path else {"journeys": journeys}
    if e2e.command or e2e.smoke_command:
        which = {"command": e2e.command, "smoke_command": e2e.smoke_command}
    enough = {"min_tests": e2e.min_tests, "min_smoke_tests": e2e.min_smoke_tests}
    return _plain({"url": environment.url.rstrip("/"), **which, **enough})


def of_app_tests(settings: Settings, environment: Environment, suite: str) -> dict[str, Any]:
    """The app's own tests: by which command; integration tests, against which address."""
    where = {"url": environment.url.rstrip("/")} if suite == "integration" else {}
    return _plain({"command": list(getattr(settings.tests, suite)), **where})


def difference(measured: object, wanted: Mapping[str, Any]) -> str | None:
    """The first way in which a proof is not what is demanded, in words; None where it is."""
    if not isinstance(measured, Mapping):
        return "it does not say what was measured"
    for key, value in wanted.items():
        if measured.get(key) != value:
            return f"it was measured with another `{key}`{_change(measured.get(key), value)}"
    return None


def _change(old: object, new: object) -> str:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        key = next((key for key in new if old.get(key) != new[key]), None)
        return f": `{key}`{_change(old.get(key), new[key])}" if key is not None else ""
    said = [json.dumps(value, ensure_ascii=False)[:LONGEST] for value in (old, new)]
    return f" ({said[0]}, where {said[1]} is demanded)"


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """As it comes back from the ledger's JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain
