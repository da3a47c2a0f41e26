"""The options of the database tasks."""

from __future__ import annotations

import pytest

from scripts.config.request import Request
from scripts.database import request

SHARED = ("json", "quiet", "verbose")  # of every request


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (request.RehearseRequest, ["env", "sha", "scratch"]),
        (request.DatabaseStatusRequest, ["env"]),
        (request.DriftRequest, ["from_", "to", "against", "sha"]),
        (request.RestoreRequest, ["backup", "env", "from_aside", "reason", "plan", "yes", "wait"]),
        (request.DropAsideRequest, ["env", "reason", "plan", "yes"]),
        (request.RefreshRequest, ["to", "from_", "reason", "plan", "yes", "wait"]),
    ],
)
def test_each_task_has_its_options_and_agrees_to_nothing(kind: type[Request], options: list[str]) -> None:
    """Consent, like every switch, is off unless somebody gives it."""
    declared = list(kind.options())

    assert [option.name for option in declared if option.name not in SHARED] == options
    assert not any(option.default for option in declared)
