"""Smoke: one visitor looks at the front page and at what it loads. `locust -f loadtests -H URL`."""

from __future__ import annotations

from locust import FastHttpUser, between, task


class Visitor(FastHttpUser):
    """Somebody who looks around."""

    wait_time = between(0.5, 1.5)

    @task
    def home(self) -> None:
        """The front page, then its list of properties."""
        self.client.get("/")
        self.client.get("/api/properties")
