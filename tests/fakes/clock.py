"""A clock that only moves when somebody sleeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class FakeClock:
    """Seconds since the start; `sleep` moves it."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """The monotonic clock."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def epoch(self) -> float:
        """Seconds since 1970."""
        return START.timestamp() + self.seconds

    def now(self) -> str:
        """The time of day, UTC, ISO 8601."""
        return (START + timedelta(seconds=self.seconds)).isoformat(timespec="seconds")
