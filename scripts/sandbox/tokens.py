"""JSON web tokens as Supabase signs them (HS256): the keys of a project, and the token of a log-in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

EXPIRY = 4_102_444_800  # seconds since 1970: the year 2100


def key(role: str, secret: str) -> str:
    """A key in Supabase's format, so that a leak scan can decode its role."""
    return signed({"iss": "supabase", "ref": "sandbox", "role": role, "exp": EXPIRY}, secret)


def signed(claims: dict[str, Any], secret: str) -> str:
    """A token with these claims."""
    unsigned = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{unsigned}.{_part(_signature(unsigned, secret))}"


def claims_of(token: str, secret: str) -> dict[str, Any] | None:
    """The claims of a token; None if its signature is wrong or it has expired."""
    unsigned, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature, _part(_signature(unsigned, secret))):
        return None
    try:
        body = unsigned.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, IndexError):
        return None
    valid = isinstance(claims, dict) and float(claims.get("exp", EXPIRY)) > time.time()
    return claims if valid else None


def _signature(unsigned: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), unsigned.encode(), hashlib.sha256)


def _part(document: object) -> str:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
