"""The API, before any browser: is it this commit, does it answer, and does it keep its secrets?"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Api, Target

WEBHOOK = "/webhook/whatsapp"


@pytest.mark.smoke
def test_the_version_page_names_this_commit(api: Api, target: Target) -> None:
    """What is tried is what was released, and it is the environment that it should be."""
    stamp = api.ask("GET", target.url + target.version_path).json()

    assert stamp["commit"] == target.commit
    assert stamp["environment"] == target.environment


@pytest.mark.smoke
def test_the_app_reaches_its_database(api: Api, target: Target) -> None:
    """The health page asks the database."""
    answer = api.ask("GET", f"{target.url}/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.smoke
def test_a_visitor_reads_published_properties(api: Api, target: Target) -> None:
    """Through PostgREST, with the key that every browser has; an empty list would be an outage, too."""
    asked = f"{target.rest}/properties?select=name,published"
    rows = api.ask("GET", asked, headers={"apikey": target.anon_key}).json()

    assert rows, "row level security hides all properties, or there are none"
    assert all(row["published"] for row in rows), "properties that are not published are shown"


@pytest.mark.smoke
def test_the_whatsapp_handshake_knows_its_token(api: Api, target: Target) -> None:
    """Meta's question is answered with its challenge."""
    token = os.environ.get("WHATSAPP_VERIFY_TOKEN", "")
    assert token, f"`WHATSAPP_VERIFY_TOKEN` is not set in `.env.{target.environment}`"
    challenge = str(secrets.randbelow(10**9))
    asked = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
    answer = api.ask("GET", target.url + WEBHOOK, params=asked)

    assert (answer.status_code, answer.text) == (200, challenge)


@pytest.mark.smoke
@pytest.mark.parametrize("token", ["", "a-guess"], ids=["none", "wrong"])
def test_the_whatsapp_handshake_refuses_strangers(api: Api, target: Target, token: str) -> None:
    """Without the token nobody gets the challenge back."""
    asked = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "7"}
    answer = api.ask("GET", target.url + WEBHOOK, params=asked)

    assert answer.status_code in (401, 403)
    assert answer.text != "7"


def test_nobody_reads_the_messages_of_a_host(api: Api, target: Target) -> None:
    """A message arrives by WhatsApp; a visitor with the public key sees none of it, nor any guest."""
    mark = f"e2e-{secrets.token_hex(6)}"
    deliver(api, target, mark)

    for table in ("messages", "bookings", "profiles", "host_inbox"):
        answer = api.ask("GET", f"{target.rest}/{table}", headers={"apikey": target.anon_key})
        hidden = answer.status_code in (401, 403) or (answer.status_code == 200 and answer.json() == [])
        assert hidden, f"a visitor reads `{table}`: HTTP {answer.status_code}, {len(answer.json())} rows"


def test_nobody_changes_what_a_host_owns(api: Api, target: Target) -> None:
    """A visitor with the public key can't change a price."""
    asked = f"{target.rest}/properties?published=is.true"
    known = {"apikey": target.anon_key, "prefer": "return=representation"}
    answer = api.ask("PATCH", asked, headers=known, json={"price_cents": 1})

    assert answer.status_code in (401, 403) or answer.json() == []


def deliver(api: Api, target: Target, mark: str) -> None:
    """One message, signed as Meta does where the app has a secret for it."""
    message = {"type": "text", "id": f"wamid.{mark}", "from": "33600000000", "text": {"body": mark}}
    body = json.dumps({"entry": [{"changes": [{"value": {"messages": [message]}}]}]}).encode()
    signature = hmac.new(os.environ.get("WHATSAPP_APP_SECRET", "").encode(), body, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "x-hub-signature-256": f"sha256={signature.hexdigest()}",
    }
    answer = api.ask("POST", target.url + WEBHOOK, data=body, headers=headers)

    assert (answer.status_code, answer.json()) == (200, {"received": 1})
