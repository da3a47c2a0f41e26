"""What proves that a commit is good enough: approvals, and tests against an environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scripts.quality.request import ApproveRequest, AppTestRequest, E2eRequest, LoadRequest
from scripts.tasks.options import command

if TYPE_CHECKING:
    from scripts.config.desk import Desk
    from scripts.config.outcome import Outcome


@command(ApproveRequest)
def approve() -> Callable[[Desk, ApproveRequest], Outcome]:
    """Approve the commit that is live there: `invoke approve --env staging`."""
    from scripts.quality.approve import approve

    return approve


@command(AppTestRequest)
def test_app() -> Callable[[Desk, AppTestRequest], Outcome]:
    """Run the app's own tests on a commit and record the result: `invoke test-app --suite unit`."""
    from scripts.quality.app_tests.command import test_app

    return test_app


@command(E2eRequest)
def test_e2e() -> Callable[[Desk, E2eRequest], Outcome]:
    """Run the browser tests and record the result: `invoke test-e2e --env staging --suite smoke`."""
    from scripts.quality.e2e.command import test_e2e

    return test_e2e


@command(LoadRequest)
def load_test() -> Callable[[Desk, LoadRequest], Outcome]:
    """Run a load test, record the result: `invoke load-test --env staging --profile steady`."""
    from scripts.quality.load.command import load_test

    return load_test
