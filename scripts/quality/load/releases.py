"""What was released while a load test ran: seen at the address, or told by the ledger."""

from __future__ import annotations

from scripts.errors import DeskError
from scripts.quality.gates import hours_between
from scripts.quality.load.trial import Trial
from scripts.state.event_rules import RELEASES
from scripts.state.remote import observe_remote


def releases_meanwhile(trial: Trial) -> list[tuple[float, str]]:
    """Seconds from the start of the measurement, and what happened then; in order.

    A ledger that can't be read now tells nothing: the run is over, and its report must be written.
    """
    if not trial.began:
        return []
    try:
        events = observe_remote(trial.desk).ledger.events
    except DeskError:
        events = ()
    marks, plan = [*trial.markers], trial.plan
    for event in events:
        at = hours_between(trial.began, event.at) * 3600 - plan.warmup
        if (
            event.environment == trial.environment.name
            and event.kind in RELEASES
            and -plan.warmup < at <= plan.seconds
        ):
            ending = "" if event.ending == "done" else f" {event.ending}"
            marks.append((max(0.0, at), f"{event.release} {event.kind}{ending} by {event.actor}"))
    return sorted(marks)
