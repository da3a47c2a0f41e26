"""Consent: what a person, or CI, has allowed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Consent:
    """What was allowed: only to plan, to go on without being asked, and the reason that was given."""

    plan_only: bool = False
    yes: bool = False
    reason: str = ""
