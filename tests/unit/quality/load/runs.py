"""Results of made-up runs, as the generator writes them."""

from __future__ import annotations

from typing import Any

from scripts.quality.load.result import Measurements, parse_result


def report(ms: float = 100, n: int = 400, failed: int = 0, **more: Any) -> dict[str, Any]:
    """What one process measured: `n` requests over 20 slots."""
    cells = [
        {
            "name": "home",
            "slot": slot,
            "failed": failed if slot == 0 else 0,
            "buckets": {str(int(ms * 1000)): n // 20},
        }
        for slot in range(20)
        if n
    ]
    return {
        "cells": cells, "errors": [], "counts": {}, "created": {}, "cpu": [0.2] * 20, "lag": {"1000": 400},
        "finished": True, "logins": {}, "left_out": [], "faults": {}, **more,
    }  # fmt: skip


def document(*reports: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The result of run `r` with those processes."""
    return {
        "format": 1, "run": "r", "aborted": None, "complete": True, "peak_users": 10,
        "workers": {"expected": 1, "reported": 1}, "reports": list(reports or (report(),)), **more,
    }  # fmt: skip


def run(*reports: dict[str, Any], **more: Any) -> Measurements:
    """The measurements of that run."""
    return parse_result(document(*reports, **more), "r")
