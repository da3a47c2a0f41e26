"""What all tests share: how hypothesis looks for examples."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# the same examples on each run, so that nothing fails by chance; `HYPOTHESIS_PROFILE=hunt` looks further
settings.register_profile("desk", max_examples=50, deadline=None, database=None, derandomize=True)
settings.register_profile(
    "hunt", max_examples=3000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "desk"))
