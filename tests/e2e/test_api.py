"""The API, without a browser: the right commit, the database, and what visitors must not see."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Api, Target

WEBHOOK = "/webhook/whatsapp"
MAX_AGE = 300  # seconds that a browser may keep a page


@pytest.mark.smoke
def test_the_version_page_names_this_commit(api: Api, target: Target) -> None:
    """The commit and the environment are those under test."""
    stamp = api.ask("GET", target.url + target.version_path).json()

    assert stamp["commit"] == target.commit
    assert stamp["environment"] == target.environment


@pytest.mark.smoke
def test_the_page_is_of_this_commit(api: Api, target: Target) -> None:
    """Its scripts and styles are those of the build: no old bundle stands beside a new version page."""
    built = api.ask("GET", target.url + target.version_path).json().get("assets", [])
    page = api.ask("GET", target.url + "/").text
    paths = re.findall(r"""(?:src|href)=["'](/[^"'?]+\.(?:m?js|css))["']""", page)

    assert built, "the version page names no assets: release the commit again, with this desk"
    assert paths, "the front page has no script of its own"
    for path in paths:
        digest = hashlib.sha256(api.ask("GET", target.url + path).content).hexdigest()[:16]
        assert digest in built, f"`{path}` was not built from this commit: an old bundle is served"


@pytest.mark.smoke
def test_the_app_reaches_its_database(api: Api, target: Target) -> None:
    """The health page queries the database."""
    response = api.ask("GET", f"{target.url}/health")

    said = f"the app does not reach its database: HTTP {response.status_code}, {response.text[:100]}"
    assert (response.status_code, response.text) == (200, '{"status":"ok"}'), said


@pytest.mark.smoke
def test_a_visitor_reads_published_properties(api: Api, target: Target) -> None:
    """Through PostgREST, with the public key. An empty list would be an outage, too."""
    url = f"{target.rest}/properties?select=name,published"
    response = api.ask("GET", url, headers={"apikey": target.anon_key})
    assert response.status_code == 200, f"PostgREST answers {response.status_code}: {response.text[:100]}"
    rows = response.json()

    assert rows, "row level security hides all properties, or there are none"
    assert all(row["published"] for row in rows), "unpublished properties are shown"


@pytest.mark.smoke
@pytest.mark.parametrize(
    "path", ["/assets/e2e-none.js", "/e2e-none", "/.env", "/.git/HEAD", "/package.json"]
)
def test_what_is_no_file_of_the_page_is_not_served(api: Api, target: Target, path: str) -> None:
    """Neither a page in place of a script that is gone, nor the app's own files."""
    response = api.ask("GET", target.url + path)

    said = f"`{path}` is answered with {response.status_code} and {response.headers.get('content-type')}"
    assert response.status_code in (401, 403, 404), said


@pytest.mark.smoke
@pytest.mark.parametrize("path", ["/", "version"], ids=["the front page", "the version page"])
def test_a_browser_asks_again_for_what_changes(api: Api, target: Target, path: str) -> None:
    """A page that is kept for long shows the last release to those who come back."""
    kept = api.ask("GET", target.url + (path if path == "/" else target.version_path))
    policy = kept.headers.get("cache-control", "")
    ages = [int(age) for age in re.findall(r"max-age=(\d+)", policy)]

    assert "immutable" not in policy, f"browsers keep `{path}` for ever: `{policy}`"
    assert max(ages, default=0) <= MAX_AGE, f"browsers keep `{path}`: `{policy}`"


@pytest.mark.smoke
def test_bookings_tell_nothing_of_the_guests(api: Api, target: Target) -> None:
    """Which nights are taken is for everybody, who comes is not."""
    response = api.ask("GET", f"{target.url}/api/bookings")
    assert response.status_code == 200, (
        f"`/api/bookings` answers {response.status_code}: {response.text[:100]}"
    )
    told = {key for row in response.json()["bookings"] for key in row if "guest" in key or "mail" in key}

    assert not told, f"`/api/bookings` shows {', '.join(sorted(told))} to everybody"
    assert "@" not in response.text, "`/api/bookings` shows mail addresses to everybody"


@pytest.mark.smoke
def test_the_whatsapp_handshake_accepts_its_token(api: Api, target: Target) -> None:
    """Meta's challenge is echoed."""
    token = os.environ.get("WHATSAPP_VERIFY_TOKEN", "")
    assert token, f"`WHATSAPP_VERIFY_TOKEN` is not set in `.env.{target.environment}`"
    challenge = str(secrets.randbelow(10**9))
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
    response = api.ask("GET", target.url + WEBHOOK, params=query)

    said = f"the webhook refuses Meta's handshake: HTTP {response.status_code}"
    assert (response.status_code, response.text) == (200, challenge), said


@pytest.mark.smoke
@pytest.mark.parametrize("token", ["", "a-guess"], ids=["none", "wrong"])
def test_the_whatsapp_handshake_refuses_strangers(api: Api, target: Target, token: str) -> None:
    """Without the token, the challenge is not echoed."""
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "7"}
    response = api.ask("GET", target.url + WEBHOOK, params=query)

    said = f"the webhook takes a handshake with {'a wrong' if token else 'no'} token"
    assert response.status_code in (401, 403), f"{said}: HTTP {response.status_code}"
    assert response.text != "7", said


def test_nobody_reads_the_messages_of_a_host(api: Api, target: Target) -> None:
    """A message arrives by WhatsApp; a visitor with the public key sees no messages, guests or profiles."""
    deliver(api, target, target.mark)

    for table in ("messages", "bookings", "profiles", "host_inbox"):
        response = api.ask("GET", f"{target.rest}/{table}", headers={"apikey": target.anon_key})
        hidden = response.status_code in (401, 403) or (
            response.status_code == 200 and response.json() == []
        )
        assert hidden, (
            f"a visitor reads `{table}`: HTTP {response.status_code}, {len(response.json())} rows"
        )


def test_a_message_that_comes_twice_is_no_fault(api: Api, target: Target) -> None:
    """Meta sends it again until it reads a 200; a stranger, who has not the app's secret, sends none."""
    mark = target.mark
    for _ in range(2):
        deliver(api, target, mark)
    if os.environ.get("WHATSAPP_APP_SECRET"):
        signed = {"x-hub-signature-256": f"sha256={'0' * 64}"}
        response = api.ask("POST", target.url + WEBHOOK, data=b'{"entry": []}', headers=signed)
        said = f"the webhook takes what Meta has not signed: HTTP {response.status_code}"
        assert response.status_code in (401, 403), said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("guest_name", ""),
        ("guest_name", "x" * 121),
        ("guest_email", "nobody"),
        ("check_in", "2050-02-30"),
        ("check_out", "2050-03-01"),
        ("property_id", "00000000-0000-4000-8000-000000000000"),
    ],
)
def test_what_can_not_be_booked_is_refused(api: Api, target: Target, field: str, value: str) -> None:
    """By the server, whatever the form lets through; its answer names the field."""
    url = f"{target.rest}/properties?select=id&published=is.true&limit=1"
    row = api.ask("GET", url, headers={"apikey": target.anon_key}).json()[0]
    stay = {"check_in": "2050-03-01", "check_out": "2050-03-03"}
    guest = {"guest_name": "E2E", "guest_email": f"{target.mark}@example.invalid"}
    body = {"property_id": row["id"], **guest, **stay, field: value}
    response = api.ask("POST", f"{target.url}/api/bookings", json=body)

    said = f"a booking with `{field}` = `{value[:40]}` is answered with {response.status_code}"
    assert response.status_code == 400, said
    assert f"`{field}`" in response.text, f"{said}: {response.text[:100]}"


def test_nobody_changes_what_a_host_owns(api: Api, target: Target) -> None:
    """A visitor with the public key can't change a price."""
    url = f"{target.rest}/properties?published=is.true"
    headers = {"apikey": target.anon_key, "prefer": "return=representation"}
    response = api.ask("PATCH", url, headers=headers, json={"price_cents": 1})

    refused = response.status_code in (401, 403) or response.json() == []
    assert refused, f"a visitor may change a price: HTTP {response.status_code}"


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("bookings", {"guest_name": "", "check_in": "2050-01-02", "check_out": "2050-01-01"}),
        ("properties", {"name": "", "city": ""}),
        ("messages", {"whatsapp_id": None}),
        ("profiles", {"id": "00000000-0000-0000-0000-000000000000"}),
    ],
)
def test_nobody_inserts_past_the_server(
    api: Api, target: Target, table: str, row: dict[str, object]
) -> None:
    """A visitor with the public key may not. Other rules refuse the row, too, so nothing is left."""
    response = api.ask("POST", f"{target.rest}/{table}", headers={"apikey": target.anon_key}, json=row)

    said = f"a visitor may insert into `{table}`: HTTP {response.status_code}"
    assert response.status_code in (401, 403), said


def deliver(api: Api, target: Target, mark: str) -> None:
    """Deliver one message, signed as Meta does."""
    message = {"type": "text", "id": f"wamid.{mark}", "from": "33600000000", "text": {"body": mark}}
    body = json.dumps({"entry": [{"changes": [{"value": {"messages": [message]}}]}]}).encode()
    signature = hmac.new(os.environ.get("WHATSAPP_APP_SECRET", "").encode(), body, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "x-hub-signature-256": f"sha256={signature.hexdigest()}",
    }
    response = api.ask("POST", target.url + WEBHOOK, data=body, headers=headers)

    said = f"a WhatsApp message is not taken: HTTP {response.status_code}, {response.text[:100]}"
    assert (response.status_code, response.text) == (200, '{"received":1}'), said
