"""Setting the desk up, and checking it: doctor, init, upgrade, its own tests and benches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scripts.setup.request import (
    BenchRequest,
    DoctorRequest,
    InitRequest,
    SelfCheckRequest,
    TestRequest,
    UpgradeRequest,
)
from scripts.tasks.options import command, plain_command

if TYPE_CHECKING:
    from scripts.config.desk import Desk, Progress
    from scripts.config.outcome import Outcome


@command(DoctorRequest)
def doctor() -> Callable[[Desk, DoctorRequest], Outcome]:
    """Check prerequisites: tools, remote, SSH, database, tokens: `invoke doctor`."""
    from scripts.setup.doctor import doctor

    return doctor


@plain_command(InitRequest)
def init() -> Callable[[Progress, InitRequest], Outcome]:
    """Write the configuration of an app from its checkout: `invoke init --app ../app --plan`."""
    from scripts.setup.init import init

    return init


@plain_command(UpgradeRequest)
def upgrade() -> Callable[[Progress, UpgradeRequest], Outcome]:
    """Bring the desk's copy in an app up to date: `invoke upgrade --app ../app`."""
    from scripts.setup.upgrade import upgrade

    return upgrade


@plain_command(TestRequest)
def test() -> Callable[[Progress, TestRequest], Outcome]:
    """Run the desk's own tests: `invoke test`."""
    from scripts.setup.self_check import test

    return test


@plain_command(SelfCheckRequest)
def check() -> Callable[[Progress, SelfCheckRequest], Outcome]:
    """Run ruff, mypy and all tests, as CI does: `invoke check`."""
    from scripts.setup.self_check import check

    return check


@plain_command(BenchRequest)
def bench() -> Callable[[Progress, BenchRequest], Outcome]:
    """Measure the desk beside what it stands on, in one run: `invoke bench --only startup`."""
    from scripts.setup.bench import bench

    return bench
