"""Who is logged in: a few accounts, once for a whole run, because Supabase limits log-ins by address."""

from __future__ import annotations

import json
import os
from collections import Counter
from itertools import cycle
from typing import Any

import gevent
import requests

BEFORE = 60  # seconds before a token runs out that it is renewed
MOST = 25  # Supabase Auth refuses the 31st log-in of a burst


class Accounts:
    """The tokens of the test hosts. Log-ins are not part of what is measured."""

    def __init__(self, plan: dict[str, Any], place: int = 0) -> None:
        self._auth, self._timeout = f"{plan['rest']}/auth/v1/token", plan["timeout"]
        self._key = os.environ.get("LOAD_REST_KEY", "")
        self.whatsapp_secret = os.environ.get("LOAD_WHATSAPP_SECRET", "")
        pairs = [
            each.partition(":")[::2] for each in os.environ.get("LOAD_ACCOUNTS", "").split(",") if each
        ]
        share = pairs[place :: max(1, plan["workers"])] or pairs[:1]
        self._pairs = share[: max(1, MOST // max(1, plan["workers"]))]
        self._tokens: dict[str, str] = {}
        self._turn = cycle(())
        self.logins: Counter[str] = Counter()

    def log_in(self) -> None:
        """Log all of them in, and keep them so."""
        for mail, password in self._pairs:
            self._ask(mail, {"grant_type": "password"}, {"email": mail, "password": password})
        self._turn = cycle(list(self._tokens))

    def headers(self) -> dict[str, str]:
        """As a visitor who is not logged in."""
        return {"apikey": self._key, "Authorization": f"Bearer {self._key}"} if self._key else {}

    def host(self) -> dict[str, str]:
        """As one of the hosts, in turn; as nobody when no log-in succeeded."""
        if not self._tokens:
            return self.headers()
        return {"apikey": self._key, "Authorization": f"Bearer {self._tokens[next(self._turn)]}"}

    def _ask(self, mail: str, params: dict[str, str], body: dict[str, str]) -> None:
        try:
            answer = requests.post(
                self._auth, params=params, data=json.dumps(body), timeout=self._timeout,
                headers={"apikey": self._key, "Content-Type": "application/json"}, allow_redirects=False,
            )  # fmt: skip
            found = answer.json() if answer.status_code == 200 else {}
        except (requests.RequestException, ValueError):
            self.logins["failed"] += 1
            return
        if "access_token" not in found:
            self.logins["limited" if answer.status_code == 429 else "failed"] += 1
            return
        self.logins["done"] += 1
        self._tokens[mail] = found["access_token"]
        again = max(1.0, float(found.get("expires_in", 3600)) - BEFORE)
        renewal = {"refresh_token": str(found.get("refresh_token", ""))}
        gevent.spawn_later(again, self._ask, mail, {"grant_type": "refresh_token"}, renewal)
