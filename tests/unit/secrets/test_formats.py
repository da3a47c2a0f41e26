"""Keys that are known by their format."""

from __future__ import annotations

import base64
import time

import pytest

from scripts.secrets.formats import find_keys, parse_token, positions, secret_format
from tests.support.environments import PROJECTS, jwt

PROJECT = PROJECTS["production"]
KEYS = {
    "a Supabase secret key": "sb_secret_abcdefghijklmnopqrstuv_12345678",
    "a Supabase access token": "sbp_" + "0123456789" * 4,
    "an OpenAI key": "sk-proj-" + "Zx9" * 10,
    "an Anthropic key": "sk-ant-" + "Zx9" * 10,
    "a Stripe key": "sk_live_" + "Zx9" * 6,
    "a Stripe webhook secret": "whsec_" + "Zx9+" * 8,
    "a Meta access token": "EAA" + "Zx9" * 15,
    "a GitHub token": "ghp_" + "Zx9" * 12,
    "a GitLab token": "glpat-" + "Zx9" * 8,
    "an AWS key": "AKIA" + "ABCDEFGH" * 2,
    "a Slack token": "xoxb-123456789-" + "Zx9" * 5,
    "a Slack webhook": "https://hooks.slack.com/services/T0000000/B0000000/" + "Zx9" * 6,
    "a Discord webhook": "https://discord.com/api/webhooks/123456789012345678/" + "Zx9" * 15,
    "a SendGrid key": "SG." + "Zx9" * 7 + "." + "Zx9" * 14,
    "an npm token": "npm_" + "Zx9" * 12,
    "an age key": "AGE-SECRET-KEY-1" + "QPZRY9X8GF" * 6,
    "a private key": "-----BEGIN EC PRIVATE KEY-----\n" + "Zx9+" * 10,
    "an address with its password": "postgresql://app:S3cretS3cret@db.airhost.io/app",
    "a key with the role `service_role`": jwt("service_role", PROJECT),
    "a key with a role that is not public": jwt("reporting", PROJECT),
}


@pytest.mark.parametrize(("label", "value"), KEYS.items())
def test_a_key_is_known_by_its_format(label: str, value: str) -> None:
    """Alone, and in the middle of a script."""
    assert secret_format(value) == label
    assert label in {key.label for key in find_keys(f"f('{value}')".encode())}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "service_role",
        "sk-",
        "sk-radio-button-group-primary-outline-large-selected",
        "sb_publishable_abcdefghijklmnopqrstuv_12345678",
        "pk_live_abcdefghijklmnop1234",
        "postgres://user:password@localhost/db",
        "postgres://user:****@db.airhost.io/db",
        jwt("anon", PROJECT),
        jwt("authenticated", PROJECT),
        "eyJhbGciOiJIUzI1NiJ9.eyJub3QganNvbg.x",
    ],
)
def test_what_is_public_or_no_key_has_no_secret_format(value: str) -> None:
    """A finding about each of these would be false."""
    assert secret_format(value) is None


def test_a_google_key_is_a_warning_and_no_secret_format() -> None:
    """Browsers have those of Maps and Firebase."""
    key = "AIza" + "Zx9Qw" * 7

    assert [(match.label, match.severity) for match in find_keys(key.encode())] == [
        ("a Google API key", "warning")
    ]
    assert secret_format(key) is None


def test_chance_in_base64_is_no_key() -> None:
    """`AKIA...` in the middle of an inlined image is no AWS key."""
    assert list(find_keys(b"data:image/png;base64,xx/AKIAABCDEFGHABCDEFGH/xx")) == []


def test_each_key_is_found_once_with_its_place() -> None:
    """Two of one kind are two."""
    key = KEYS["a GitHub token"].encode()

    assert [(match.start, match.match) for match in find_keys(key + b" " + key)] == [
        (0, key),
        (len(key) + 1, key),
    ]


def test_base64_of_json_takes_no_longer_than_other_text() -> None:
    """Every object in it begins like a token; a map of 1.3 MB once took 11 s."""
    started = time.process_time()

    assert list(find_keys(b"eyJhIjoxfSx7" * 20_000)) == []
    assert time.process_time() - started < 2


def test_positions_overlap() -> None:
    """Every place where the literal stands."""
    assert list(positions(b"aaa", b"aa")) == [0, 1]


def test_a_token_has_its_claims() -> None:
    """Role, project and end, as far as they are there."""
    token = parse_token(jwt("anon", PROJECT, 1_900_000_000))

    assert token
    assert (token.role, token.ref, token.exp) == ("anon", PROJECT, 1_900_000_000.0)


def test_a_token_without_claims_that_fit_has_none() -> None:
    """`exp` may be anything; a boolean is no time."""
    part = base64.urlsafe_b64encode(b'{"exp": true}').decode().rstrip("=")
    token = parse_token(f"{part}.{part}.x")

    assert token
    assert (token.role, token.ref, token.exp) == ("", "", None)


@pytest.mark.parametrize("value", ["", "a.b.c", jwt("anon", PROJECT)[:70], "eyJ.eyJ.x", "eyJ" + "[" * 3000])
def test_what_is_no_whole_token_has_no_claims(value: str) -> None:
    """A token that was cut when it was copied, for one."""
    assert parse_token(value) is None
