"""The log-ins of the test hosts: few, and once per run, because Supabase limits them by address."""

from __future__ import annotations

import json
import os
from collections import Counter
from itertools import cycle
from typing import Any

import gevent
import requests

RENEW_BEFORE = 60  # seconds before a token expires
MAX_LOGINS = 25  # Supabase Auth refuses the 31st log-in of a burst


class Accounts:
    """The tokens of the test hosts. Log-ins are not measured."""

    def __init__(self, plan: dict[str, Any], index: int = 0) -> None:
        workers = max(1, plan["workers"])
        self._auth, self._timeout = f"{plan['rest']}/auth/v1/token", plan["timeout"]
        self._key = os.environ.get("LOAD_REST_KEY", "")
        self.whatsapp_secret = os.environ.get("LOAD_WHATSAPP_SECRET", "")
        listed = os.environ.get("LOAD_ACCOUNTS", "").split(",")
        accounts = [account.partition(":")[::2] for account in listed if account]
        share = accounts[index::workers] or accounts[:1]
        self._accounts = share[: max(1, MAX_LOGINS // workers)]
        self._tokens: dict[str, str] = {}
        self._next = cycle(())
        self.logins: Counter[str] = Counter()

    def log_in(self) -> None:
        """Log this process's accounts in, and renew their tokens from then on."""
        for email, password in self._accounts:
            self._request_token(email, {"grant_type": "password"}, {"email": email, "password": password})
        self._next = cycle(list(self._tokens))

    def visitor_headers(self) -> dict[str, str]:
        """The headers of a visitor who is not logged in."""
        return {"apikey": self._key, "Authorization": f"Bearer {self._key}"} if self._key else {}

    def host_headers(self) -> dict[str, str]:
        """The headers of the hosts, in turn; a visitor's if no log-in succeeded."""
        if not self._tokens:
            return self.visitor_headers()
        return {"apikey": self._key, "Authorization": f"Bearer {self._tokens[next(self._next)]}"}

    def _request_token(self, email: str, params: dict[str, str], body: dict[str, str]) -> None:
        try:
            response = requests.post(
                self._auth, params=params, data=json.dumps(body), timeout=self._timeout,
                headers={"apikey": self._key, "Content-Type": "application/json"}, allow_redirects=False,
            )  # fmt: skip
            session = response.json() if response.status_code == 200 else {}
        except (requests.RequestException, ValueError):
            self.logins["failed"] += 1
            return
        if "access_token" not in session:
            self.logins["limited" if response.status_code == 429 else "failed"] += 1
            return
        self.logins["done"] += 1
        self._tokens[email] = session["access_token"]
        seconds = max(1.0, float(session.get("expires_in", 3600)) - RENEW_BEFORE)
        refresh = {"refresh_token": str(session.get("refresh_token", ""))}
        gevent.spawn_later(seconds, self._request_token, email, {"grant_type": "refresh_token"}, refresh)
