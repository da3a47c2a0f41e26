"""The figures of one pass: the looks, the incidents, and what ledger and locks say of each environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from scripts.config.settings import Environment
from scripts.database.backups.catalog import records
from scripts.errors import DeskError
from scripts.monitor.metrics import Samples
from scripts.monitor.probes import Round
from scripts.monitor.watcher import Result, Watcher, epoch
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import read_lock


def measure(watcher: Watcher, results: Iterable[Result], passes: int, seconds: float) -> Samples:
    """What is known after a pass. What can't be read now is left out: an old figure would be a lie."""
    samples, desk = Samples(), watcher.desk
    _looks(samples, results)
    for environment in watcher.environments:
        for level in ("bad", "warn"):
            labels = {"environment": environment.name, "level": level}
            opened = [one for one in watcher.open if (one.environment, one.level) == tuple(labels.values())]
            samples.add("desk_incidents_open", len(opened), **labels)
    made = watcher.made or Round(desk, epoch(desk))
    for environment in watcher.environments:
        with suppress(DeskError):
            _state(samples, made, environment)
    samples.add("desk_watch_passes", passes)
    samples.add("desk_watch_pass_seconds", seconds)
    samples.add("desk_watch_pass_timestamp_seconds", epoch(desk))
    return samples


def _looks(samples: Samples, results: Iterable[Result]) -> None:
    for check, look, _ in results:
        labels = {"environment": check.environment, "check": check.name}
        if look.level != "unknown":
            samples.add("desk_check_up", look.level != "bad", **labels)
            samples.add("desk_check_warning", look.level == "warn", **labels)
        if look.seconds is not None:
            samples.add("desk_check_seconds", look.seconds, **labels)
        for phase, milliseconds in look.phases.items():
            if phase != "start":
                samples.add("desk_check_phase_seconds", milliseconds / 1000, phase=phase, **labels)


def _state(samples: Samples, made: Round, environment: Environment) -> None:
    name, remote = environment.name, made.remote()
    lock = read_lock(made.desk, remote.refs, environment)
    since = _epoch(lock.acquired_at) if lock else made.now
    if since is not None:
        samples.add("desk_lock_held_seconds", max(0.0, made.now - since), environment=name)
    proven = [
        each.taken for each in records(remote.ledger, name).values() if each.proven and not each.pruned
    ]
    if proven:
        samples.add("desk_backup_age_seconds", made.now - max(proven).timestamp(), environment=name)
    live = remote.ledger.live(name)
    if live:
        at = _epoch(live.at)
        samples.add("desk_release", 1, environment=name, release=live.release, commit=live.commit)
        if at is not None:
            samples.add("desk_release_timestamp_seconds", at, environment=name)
        _proofs(samples, remote.ledger, live)


def _proofs(samples: Samples, ledger: Ledger, live: Event) -> None:
    """What load and browser tests said of the live commit, wherever it was tested last."""
    for what in ("load", "e2e"):
        proof = next((one for one in reversed(ledger.proofs("", what)) if one.commit == live.commit), None)
        if proof is None:
            continue
        labels = {"environment": live.environment, "tested_in": proof.environment}
        samples.add(f"desk_{what}_passed", proof.ending == "done", **labels)
        load = proof.detail.get("load")
        endpoints = load.get("endpoints") if isinstance(load, Mapping) else None
        for endpoint, figures in endpoints.items() if isinstance(endpoints, Mapping) else ():
            p95 = figures.get("p95") if isinstance(figures, Mapping) else None
            if isinstance(p95, int | float) and what == "load":
                samples.add("desk_load_p95_seconds", p95 / 1000, endpoint=str(endpoint), **labels)


def _epoch(text: str) -> float | None:
    """Seconds since 1970; None for what is no time: anybody may have written the lock."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
