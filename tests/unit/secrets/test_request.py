"""What people type for `env.*`."""

from __future__ import annotations

import pytest

from scripts.config.request import Request
from scripts.secrets.request import CheckRequest, DiffRequest, PushRequest, ScanRequest


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (CheckRequest, {"env"}),
        (ScanRequest, {"path", "env", "canary"}),
        (DiffRequest, {"from_", "to"}),
        (PushRequest, {"env", "plan", "yes"}),
    ],
)
def test_each_request_has_its_options_and_json(request_: type[Request], names: set[str]) -> None:
    """Each with a help."""
    options = list(request_.options())

    assert {option.name for option in options} == {*names, "json", "quiet", "verbose"}
    assert all(option.help for option in options)


def test_the_path_of_a_scan_needs_no_flag() -> None:
    """`invoke env.scan dist`."""
    assert [option.name for option in ScanRequest.options() if option.positional] == ["path"]


@pytest.mark.parametrize(
    ("request_", "about"),
    [
        (CheckRequest(env="dev"), "dev"),
        (DiffRequest(from_="staging", to="prod"), "prod"),
        (ScanRequest(), ""),
    ],
)
def test_a_request_is_about_an_environment(request_: Request, about: str) -> None:
    """Plain names of the process environment count for it."""
    assert request_.about == about
