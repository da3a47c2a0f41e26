"""What a test of the present settings would have measured, for proofs that tests write."""

from __future__ import annotations

from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment, Gates
from scripts.quality.digests import journeys_here
from scripts.quality.evidence import demanded


def measured(desk: Desk, environment: Environment, what: str, level: str = "full") -> dict[str, Any]:
    """The evidence of one kind of test."""
    gates = Gates(e2e="full", load=level if what == "load" else "steady")
    return demanded(desk.settings, environment, gates, journeys_here())[what]
