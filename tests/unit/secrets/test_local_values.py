"""What every machine has is no secret in git; what one project has is."""

from __future__ import annotations

import base64
import json

import pytest

from scripts.secrets.local_values import is_known_to_all


def token(**claims: object) -> str:
    """A JSON web token with these claims."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    body = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )
    return f"{body}.{'s' * 43}"


@pytest.mark.parametrize(
    "value",
    [
        token(iss="supabase-demo", role="service_role", exp=1983812996),
        "sb_secret_" + "N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz",
        "postgresql://postgres:postgres@127.0.0.1:54322/postgres",
        "password",
        "testpwd",
        "changeme",
    ],
)
def test_what_every_machine_has_is_known(value: str) -> None:
    """The keys and addresses of `supabase start`, and words that stand for a password in tests."""
    assert is_known_to_all(value)


@pytest.mark.parametrize(
    "value",
    [
        token(iss="supabase", ref="abcdefghijklmnopqrst", role="service_role", exp=1983812996),
        "sb_secret_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4o5p",
        "postgresql://postgres:postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres",
        "testimony-4Kd92mQx",
        "https://[",
        "",
    ],
)
def test_what_one_project_has_is_not(value: str) -> None:
    """Whatever else looks like it."""
    assert not is_known_to_all(value)
