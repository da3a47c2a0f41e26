"""Reports of made-up load tests, as a run would give them: for unit tests, and for a browser to show."""

from __future__ import annotations

import functools
import random
from typing import Any

from scripts.config.load_settings import Limits, Stage
from scripts.quality.load import baseline
from scripts.quality.load.plan import LoadPlan
from scripts.quality.load.report import Report
from scripts.quality.load.result import Measurements, parse_result
from scripts.quality.load.verdict import Conditions, judge
from scripts.quality.standing import Standing

EVIL = """<script>alert(1)</script>"' onload=x <img src=//evil.example/x>"""
LIMITS = Limits(p95=800, p99=1500, worst_second=900, failures=0.001, dropped=0.001)
STRESS = LoadPlan(
    "stress", "open", 100, 15, tuple(Stage(60, load) for load in (0.2, 0.4, 0.6, 0.8, 1.0)), writes=True
)
STEADY = LoadPlan("steady", "closed", 20, 30, (Stage(300),), writes=True)
SHARES = {"home": 0.5, "properties": 0.3, "bookings": 0.1, "book": 0.05, "whatsapp": 0.05}
COMMIT = "403f229a1b2c" + "0" * 28


@functools.cache
def measured(plan: LoadPlan, names: tuple[tuple[str, float], ...], slow: float = 1.0) -> Measurements:
    """What a run of that plan gives on an app that bears 70 requests a second; the same every time."""
    made, second = random.Random(7), 0  # noqa: S311 - figures of a test
    cells: list[dict[str, Any]] = []
    users: dict[str, int] = {}
    for stage in plan.stages:
        rate = plan.peak * stage.load * (1 if plan.model == "open" else 0.9)
        over = max(0.0, rate - 70)
        for _ in range(int(stage.seconds)):
            users[str(second)] = int(plan.peak * stage.load)
            for name, share in names:
                count = round(rate * share + made.uniform(-0.49, 0.49))
                times = [slow * (80 + 6 * rate * share + over * 40) * made.lognormvariate(0, 0.35)
                         for _ in range(count)]  # fmt: skip
                buckets: dict[str, int] = {}
                for ms in times:
                    key = str(round(ms) * 1000)
                    buckets[key] = buckets.get(key, 0) + 1
                failed = sum(made.random() < over / 900 for _ in times)
                cells.append({"name": name, "slot": second, "failed": failed, "buckets": buckets})
            second += 1
    flying = {key: int(number * 0.3) + 1 for key, number in users.items()}
    errors = [{"name": name, "error": "answered 500", "count": 3} for name, _ in names[:1]]
    report = {
        "cells": cells, "errors": errors, "counts": {}, "created": {}, "cpu": [0.3] * 20, "faults": {},
        "lag": {"1000": 400}, "finished": True, "logins": {}, "left_out": [], "flying": flying,
    }  # fmt: skip
    return parse_result(
        {
            "format": 1, "run": "r", "aborted": None, "complete": True, "peak_users": int(plan.peak),
            "workers": {"expected": 1, "reported": 1}, "reports": [report], "users": users,
        },
        "r",
    )  # fmt: skip


def report(plan: LoadPlan, names: dict[str, float] | None = None, slow: float = 1.0, **more: Any) -> Report:
    """The whole report of such a run, judged, and compared with one that was not slow."""
    shares = tuple((names or SHARES).items())
    run, before = measured(plan, shares, slow), measured(plan, shares)
    against = baseline.compare(baseline.summary(before), baseline.summary(run), 0.15, 5)
    verdict = judge(run, Conditions(plan, LIMITS, {}, COMMIT, (COMMIT,)), against)
    given = {
        "where": "staging",
        "limits": LIMITS,
        "facts": [
            ("environment", "staging (https://staging.example.org)"),
            ("commit", COMMIT),
            ("at", "2026-11-30T10:50:00+00:00, Quinn"),
        ],
        "standing": Standing(True, "a proof for the promotion to production, which demands load `stress`"),
        "compared": "the best of 3, the newest `1a3b1ac` of 2026-11-29T19:07:36+00:00",
        **more,
    }
    return Report(verdict=verdict, run=run, plan=plan, **given)
